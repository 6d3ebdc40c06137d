"""A minimal counter over HTTP. Its argument is the URL of a replica set; it prints its port."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

from pymongo import MongoClient, ReturnDocument
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

THREADS = 64

counters = MongoClient(sys.argv[1], w="majority", maxPoolSize=THREADS)["plainhttp"]["counters"]
threads = ThreadPoolExecutor(THREADS)


class PlainHandler(RequestHandler):
    async def put(self, key: str, token: str) -> None:
        loop = asyncio.get_running_loop()
        value = await loop.run_in_executor(threads, count, key)
        self.write({"key": key, "token": token, "value": value})


def count(key: str) -> int:
    after = ReturnDocument.AFTER
    document = counters.find_one_and_update(
        {"key": key}, {"$inc": {"value": 1}}, upsert=True, return_document=after
    )
    return document["value"]


async def main() -> None:
    counters.create_index("key", unique=True)
    server = HTTPServer(Application([(r"/v1/series/([^/]*)/([^/]*)", PlainHandler)]))
    sockets = bind_sockets(0, "127.0.0.1", backlog=1024)
    server.add_sockets(sockets)
    print(sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
