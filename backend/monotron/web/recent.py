"""The newest assignments."""

from dataclasses import dataclass

from monotron.web.formats import recent_page
from monotron.web.handler import Handler
from monotron.web.permissions import requires
from monotron.web.query import Query, parameter, whole_number
from monotron.web.routes import ANY_ACCOUNT


@dataclass(frozen=True)
class RecentQuery(Query):
    """`GET /v1/recent`"""

    limit: int = parameter(whole_number(1, 100), 20)


class RecentHandler(Handler):
    """`/v1/recent`: the newest assignments of the account, newest first."""

    @requires("read:series")
    async def get(self) -> None:
        query = RecentQuery.parse(self.request.query)
        newest = await self.services.recent.newest(self.account, self.principal.names, query.limit)
        self.reply(recent_page(newest))


ROUTES = [(ANY_ACCOUNT + "/recent", RecentHandler)]
