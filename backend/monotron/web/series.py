"""Series and their ledgers."""

import json
from datetime import UTC, datetime

from monotron.errors import InvalidRequest
from monotron.model.series import LedgerEntry, parse_token, parse_value
from monotron.web.handler import ANY_ACCOUNT, Handler, entry_json
from monotron.web.permissions import requires
from monotron.web.query import before_value, variable_prefix


class EntryHandler(Handler):
    """`/v1/series/{key}/{token}`: the number of a token."""

    @requires("write:series")
    async def put(self, key: str, token: str) -> None:
        parameters = self.parameters("reuse", "format", "prefix")
        variable_prefix(parameters)  # before anything is counted
        given = await self.series.next(
            self.series_key(key), parse_token(token), parameters.reuse, self.by
        )
        self.set_header("Monotron-Reused", "true" if given.reused else "false")
        self.reply(given.entry, given.reused, parameters)

    @requires("read:series")
    async def get(self, key: str, token: str) -> None:
        parameters = self.parameters("format", "prefix")
        entry = await self.series.entry(self.series_key(key), parse_token(token))
        self.reply(entry, True, parameters)


class SeriesHandler(Handler):
    """`/v1/series/{key}`: where a series stands."""

    @requires("read:series")
    async def get(self, key: str) -> None:
        parameters = self.parameters("format", "prefix")
        self.reply(await self.series.peek(self.series_key(key)), True, parameters)

    @requires("write:series")
    async def put(self, key: str) -> None:
        parameters = self.parameters("format", "prefix")
        variable_prefix(parameters)
        series = self.series_key(key)
        body = self.json_object()
        if body.keys() != {"value"}:
            raise InvalidRequest('The body must be {"value": N} and nothing else.')
        given = await self.series.advance_to(series, parse_value(body["value"]), self.by)
        self.set_header("Monotron-Reused", "true" if given.reused else "false")
        self.reply(given.entry, given.reused, parameters)

    @requires("delete:series")
    async def delete(self, key: str) -> None:
        parameters = self.parameters("restart")
        await self.series.delete(self.series_key(key), restart=parameters.restart)


class SeriesListHandler(Handler):
    """`/v1/series`: the series of an account, in order of key."""

    @requires("read:series")
    async def get(self) -> None:
        parameters = self.parameters("prefix", "limit", "after")
        prefix = self.principal.effective_prefix(parameters.prefix or "")
        entries, after = await self.series.page(
            self.account, prefix, parameters.after, parameters.limit
        )
        listed = ", ".join(map(entry_json, entries))
        self.write(f'{{"series": [{listed}], "next": {json.dumps(after, ensure_ascii=False)}}}\n')


class LedgerHandler(Handler):
    """`/v1/entries/{key}`: what a series gave, newest first."""

    @requires("read:series")
    async def get(self, key: str) -> None:
        parameters = self.parameters("limit", "before", "by")
        entries, before = await self.series.ledger(
            self.series_key(key), before_value(parameters), parameters.limit
        )
        listed = ", ".join(_ledger_json(row, with_by=parameters.by) for row in entries)
        self.write(f'{{"entries": [{listed}], "next": {json.dumps(before)}}}\n')


def _ledger_json(row: LedgerEntry, *, with_by: bool) -> str:
    given_at = datetime.fromtimestamp(row.created_at / 1000, UTC)
    by = f', "by": {json.dumps(row.assigned_by, ensure_ascii=False)}' if with_by else ""
    return f'{entry_json(row.entry)[:-1]}, "given_at": "{given_at:%Y-%m-%dT%H:%M:%SZ}"{by}}}'


ROUTES = [
    (ANY_ACCOUNT + r"/series/([^/]*)/([^/]*)", EntryHandler),
    (ANY_ACCOUNT + r"/series/([^/]*)", SeriesHandler),
    (ANY_ACCOUNT + r"/series", SeriesListHandler),
    (ANY_ACCOUNT + r"/entries/([^/]*)", LedgerHandler),
]
