"""Series and their ledgers."""

from monotron.errors import InvalidRequest
from monotron.model.series import Entry, parse_token, parse_value
from monotron.web.body import json_object
from monotron.web.formats import entry_text, ledger_page, series_page
from monotron.web.handler import Handler
from monotron.web.permissions import requires
from monotron.web.query import (
    DeleteSeriesQuery,
    FormatQuery,
    LedgerQuery,
    NextValueQuery,
    SeriesPageQuery,
)
from monotron.web.routes import ANY_ACCOUNT


class EntryReplyHandler(Handler):
    """Base class of handlers that return one entry."""

    def reply_entry(self, entry: Entry, query: FormatQuery, *, reused: bool = True) -> None:
        format = self.format_of(query)
        if self.writes:
            self.note_assignment(entry.value, reused)
            self.services.metrics.value_assigned(reused=reused)
        self.reply(entry_text(entry, reused, format, query.variable_prefix), format)


class EntryHandler(EntryReplyHandler):
    """`/v1/series/{key}/{token}`: the value of a token."""

    @requires("write:series")
    async def put(self, key: str, token: str) -> None:
        query = NextValueQuery.parse(self.request.query)
        allocation = await self.services.series.next(
            self.series_key(key),
            parse_token(token),
            query.reuse,
            self.principal.name,
            initial=query.initial,
        )
        self.reply_entry(allocation.entry, query, reused=allocation.reused)

    @requires("read:series")
    async def get(self, key: str, token: str) -> None:
        query = FormatQuery.parse(self.request.query)
        entry = await self.services.series.entry(self.series_key(key), parse_token(token))
        self.reply_entry(entry, query)


class SeriesHandler(EntryReplyHandler):
    """`/v1/series/{key}`: the current entry of a series."""

    @requires("read:series")
    async def get(self, key: str) -> None:
        query = FormatQuery.parse(self.request.query)
        self.reply_entry(await self.services.series.peek(self.series_key(key)), query)

    @requires("write:series")
    async def put(self, key: str) -> None:
        query = FormatQuery.parse(self.request.query)
        series, value = self.series_key(key), self._value()
        with self.audited("advance", "series", series.key, value=value) as change:
            allocation = await self.services.series.advance_to(series, value, self.principal.name)
            change.happened = not allocation.reused
        self.reply_entry(allocation.entry, query, reused=allocation.reused)

    @requires("delete:series")
    async def delete(self, key: str) -> None:
        query = DeleteSeriesQuery.parse(self.request.query)
        series = self.series_key(key)
        with self.audited("delete", "series", series.key, restart=query.restart):
            await self.services.series.delete(series, restart=query.restart)

    def _value(self) -> int:
        if not self.request.body:
            raise InvalidRequest(
                "Missing body. To get a number, add a token to the path. To advance the series, "
                'send `{"value": N}`.'
            )
        body = json_object(self.request, '{"value": 41}')
        if body.keys() != {"value"}:
            raise InvalidRequest('The body must be `{"value": N}` without other members.')
        return parse_value(body["value"])


class SeriesListHandler(Handler):
    """`/v1/series`: the series of an account, ordered by key."""

    @requires("read:series")
    async def get(self) -> None:
        query = SeriesPageQuery.parse(self.request.query)
        entries, next_after = await self.services.series.page(
            self.account, self.principal.names, query.prefix, query.after, query.limit
        )
        self.reply(series_page(entries, next_after))


class LedgerHandler(Handler):
    """`/v1/entries/{key}`: the entries of a series, newest first."""

    @requires("read:series")
    async def get(self, key: str) -> None:
        query = LedgerQuery.parse(self.request.query)
        before = None if query.before is None else max(1, query.before)  # the first value is 1
        rows, next_before = await self.services.series.ledger(
            self.series_key(key), before, query.limit
        )
        self.reply(ledger_page(rows, next_before, assigned_by=query.assigned_by))


ROUTES = [
    (ANY_ACCOUNT + "/series/{key}/{token}", EntryHandler),
    (ANY_ACCOUNT + "/series/{key}", SeriesHandler),
    (ANY_ACCOUNT + "/series", SeriesListHandler),
    (ANY_ACCOUNT + "/entries/{key}", LedgerHandler),
]
