"""The OpenAPI document of the API: `openapi.json`, which `make docs` generates from `openapi.yaml`.

Only the JSON is read while the server runs: to parse YAML of this size takes a second.
"""

from pathlib import Path

DOCUMENT = Path(__file__).with_name("openapi.json")
