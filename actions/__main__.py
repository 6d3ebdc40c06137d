"""The program of the action: `python3 "$GITHUB_ACTION_PATH/actions"`."""

import os
import sys

from monotron_ci.main import run

sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # Windows uses another encoding
sys.exit(run(os.environ))
