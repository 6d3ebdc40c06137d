"""The baseline: a minimal Tornado `RequestHandler` with a constant response."""

import asyncio

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

BODY = b'{"creator_id": 1, "key": "bench-0", "token": "7d4c379588", "value": 1}\n'


class ConstantHandler(RequestHandler):
    def put(self, *_: str) -> None:
        self.set_header("Content-Type", "application/json")
        self.write(BODY)

    get = put


async def main() -> None:
    server = HTTPServer(Application([(r"/v1/series/([^/]*)(?:/([^/]*))?", ConstantHandler)]))
    sockets = bind_sockets(0, "127.0.0.1", backlog=1024)
    server.add_sockets(sockets)
    print(sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
