"""Attributes of tokens."""

from collections.abc import Mapping
from typing import ClassVar

from monotron.model.attributes import (
    MAX_ATTRIBUTE_BYTES,
    parse_attribute,
    parse_attribute_name,
    parse_attributes,
)
from monotron.model.series import parse_token
from monotron.services.attributes import AttributeService
from monotron.web.handler import ACCOUNT, Handler
from monotron.web.permissions import requires


class AttributesHandler(Handler):
    """What the handlers of attributes share."""

    @property
    def attributes(self) -> AttributeService:
        return self.application.attributes

    def reply_attributes(self, attributes: Mapping[str, str]) -> None:
        self.reply_json(attributes)


class AllHandler(AttributesHandler):
    """`/v1/accounts/{id}/tokens/{key}/{token}/attrs`: all attributes of a token."""

    largest_body: ClassVar[int] = 1 << 20

    @requires("read:series")
    async def get(self, key: str, token: str) -> None:
        self.parameters()
        self.reply_attributes(await self.attributes.all(self.series_key(key), parse_token(token)))

    @requires("write:series")
    async def put(self, key: str, token: str) -> None:
        self.parameters()
        series, token = self.series_key(key), parse_token(token)
        given = parse_attributes(self.json_object('{"branch": "main"}'))
        self.reply_attributes(await self.attributes.merge(series, token, given))

    @requires("write:series")
    async def delete(self, key: str, token: str) -> None:
        self.parameters()
        await self.attributes.remove(self.series_key(key), parse_token(token))


class OneHandler(AttributesHandler):
    """`/v1/accounts/{id}/tokens/{key}/{token}/attrs/{name}`: one attribute, as it is."""

    largest_body: ClassVar[int] = MAX_ATTRIBUTE_BYTES

    @requires("read:series")
    async def get(self, key: str, token: str, name: str) -> None:
        self.parameters()
        series, token = self.series_key(key), parse_token(token)
        text = await self.attributes.one(series, token, parse_attribute_name(name))
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("X-Content-Type-Options", "nosniff")  # it is the caller's, and no page
        self.write(text)

    @requires("write:series")
    async def put(self, key: str, token: str, name: str) -> None:
        self.parameters()
        series, token = self.series_key(key), parse_token(token)
        given = {parse_attribute_name(name): parse_attribute(self.request.body)}
        self.reply_attributes(await self.attributes.merge(series, token, given))

    @requires("write:series")
    async def delete(self, key: str, token: str, name: str) -> None:
        self.parameters()
        series, token = self.series_key(key), parse_token(token)
        await self.attributes.remove(series, token, parse_attribute_name(name))


ROUTES = [
    (ACCOUNT + r"/tokens/([^/]*)/([^/]*)/attrs", AllHandler),
    (ACCOUNT + r"/tokens/([^/]*)/([^/]*)/attrs/([^/]*)", OneHandler),
]
