"""`python -m monotron` is the `monotron` command."""

import sys

from monotron.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
