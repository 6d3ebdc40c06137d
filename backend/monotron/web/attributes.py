"""Attributes of tokens."""

from typing import ClassVar

from monotron.model.attributes import (
    MAX_ATTRIBUTE_BYTES,
    parse_attribute,
    parse_attribute_name,
    parse_attributes,
)
from monotron.model.series import parse_token
from monotron.web.body import json_object
from monotron.web.formats import Format
from monotron.web.handler import Handler
from monotron.web.permissions import requires
from monotron.web.query import Query
from monotron.web.routes import ACCOUNT


class TokenAttributesHandler(Handler):
    """`/v1/accounts/{account}/tokens/{key}/{token}/attrs`: all attributes of a token."""

    max_body_bytes: ClassVar[int] = 1 << 20

    @requires("read:series")
    async def get(self, key: str, token: str) -> None:
        Query.parse(self.request.query)
        self.reply_json(
            await self.services.attributes.all(self.series_key(key), parse_token(token))
        )

    @requires("write:series")
    async def put(self, key: str, token: str) -> None:
        Query.parse(self.request.query)
        series, token = self.series_key(key), parse_token(token)
        attributes = parse_attributes(json_object(self.request, '{"branch": "main"}'))
        self.reply_json(await self.services.attributes.merge(series, token, attributes))

    @requires("write:series")
    async def delete(self, key: str, token: str) -> None:
        Query.parse(self.request.query)
        await self.services.attributes.remove(self.series_key(key), parse_token(token))


class TokenAttributeHandler(Handler):
    """`/v1/accounts/{account}/tokens/{key}/{token}/attrs/{name}`: one attribute, as raw text."""

    max_body_bytes: ClassVar[int] = MAX_ATTRIBUTE_BYTES

    @requires("read:series")
    async def get(self, key: str, token: str, name: str) -> None:
        Query.parse(self.request.query)
        series, token = self.series_key(key), parse_token(token)
        text = await self.services.attributes.one(series, token, parse_attribute_name(name))
        self.reply(text, Format.TEXT)

    @requires("write:series")
    async def put(self, key: str, token: str, name: str) -> None:
        Query.parse(self.request.query)
        series, token = self.series_key(key), parse_token(token)
        attributes = {parse_attribute_name(name): parse_attribute(self.request.body)}
        self.reply_json(await self.services.attributes.merge(series, token, attributes))

    @requires("write:series")
    async def delete(self, key: str, token: str, name: str) -> None:
        Query.parse(self.request.query)
        series, token = self.series_key(key), parse_token(token)
        await self.services.attributes.remove(series, token, parse_attribute_name(name))


ROUTES = [
    (ACCOUNT + "/tokens/{key}/{token}/attrs", TokenAttributesHandler),
    (ACCOUNT + "/tokens/{key}/{token}/attrs/{name}", TokenAttributeHandler),
]
