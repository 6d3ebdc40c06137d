"""The check that a database has the format of this version."""

from typing import Any

from pymongo.database import Database

from monotron.errors import StartupError


def check_format(database: "Database[dict[str, Any]]") -> None:
    """Raise `StartupError` if the database was written by a version before the first release.

    Such a database identifies the entries of a series by `life`, and has unique indexes that do not
    fit the documents of this version.
    """
    indexes = database["entries"].index_information()
    if any(field == "life" for index in indexes.values() for field, _ in index["key"]):
        raise StartupError(
            f"The MongoDB database {database.name} has the format of an unreleased Monotron. This "
            "version cannot read it. Use another database, or drop this one."
        )
