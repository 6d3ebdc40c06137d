"""The check that a database has the format of this version."""

from pymongo.database import Database

from monotron.errors import StartupError
from monotron.store.mongo.client import Document


def check_format(database: "Database[Document]") -> None:
    """Raise `StartupError` if the database was written by a version before the first release.

    The heads of such a database have a `batch`, or the indexes of its entries contain `life`.
    """
    head = database["series"].find_one() or {}
    indexes = database["entries"].index_information().values()
    if "batch" in head or any(field == "life" for index in indexes for field, _ in index["key"]):
        raise StartupError(
            f"The MongoDB database {database.name} has the format of an unreleased Monotron. This "
            "version cannot read it. Use another database, or drop this one."
        )
