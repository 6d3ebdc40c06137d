"""The schemas of files of other products that check-jsonschema contains."""

from importlib.metadata import distribution
from pathlib import Path


def vendored_schemas() -> Path:
    """The folder of the schemas. The package is not imported, which would take seconds."""
    folder = "check_jsonschema/builtin_schemas/vendor"
    return Path(str(distribution("check-jsonschema").locate_file(folder)))
