"""Series in MongoDB. Nothing outside this package imports its driver."""

from monotron.store.mongo.store import MongoStore

__all__ = ["MongoStore"]
