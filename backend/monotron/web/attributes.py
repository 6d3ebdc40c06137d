"""Attributes of tokens."""

import json
from collections.abc import Mapping
from typing import ClassVar

from monotron.attributes import Attributes
from monotron.errors import Forbidden
from monotron.model import (
    MAX_ATTRIBUTE,
    SeriesKey,
    parse_attribute,
    parse_attribute_name,
    parse_attributes,
    parse_key,
    parse_token,
)
from monotron.web.base import ACCOUNT, Handler


class AttributesHandler(Handler):
    """What the handlers of attributes share."""

    @property
    def attributes(self) -> Attributes:
        return self.application.attributes

    def place(self, account: str, key: str, token: str) -> tuple[SeriesKey, str]:
        """The series and the token that a path names; `Forbidden` in a foreign account."""
        if account != str(ACCOUNT):
            raise Forbidden(
                "This account is not yours to use, or there is none of this number. Without "
                f"credentials the account is {ACCOUNT}."
            )
        return SeriesKey(ACCOUNT, parse_key(key)), parse_token(token)

    def reply_attributes(self, attributes: Mapping[str, str]) -> None:
        self.write(json.dumps(attributes, ensure_ascii=False) + "\n")


class AllHandler(AttributesHandler):
    """`/v1/accounts/{id}/tokens/{key}/{token}/attrs`: all attributes of a token."""

    largest_body: ClassVar[int] = 1 << 20

    async def get(self, account: str, key: str, token: str) -> None:
        self.parameters()
        self.reply_attributes(await self.attributes.all(*self.place(account, key, token)))

    async def put(self, account: str, key: str, token: str) -> None:
        self.parameters()
        series, token = self.place(account, key, token)
        given = parse_attributes(self.json_object('{"branch": "main"}'))
        self.reply_attributes(await self.attributes.merge(series, token, given))

    async def delete(self, account: str, key: str, token: str) -> None:
        self.parameters()
        await self.attributes.remove(*self.place(account, key, token))


class OneHandler(AttributesHandler):
    """`/v1/accounts/{id}/tokens/{key}/{token}/attrs/{name}`: one attribute, as it is."""

    largest_body: ClassVar[int] = MAX_ATTRIBUTE

    async def get(self, account: str, key: str, token: str, name: str) -> None:
        self.parameters()
        series, token = self.place(account, key, token)
        text = await self.attributes.one(series, token, parse_attribute_name(name))
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("X-Content-Type-Options", "nosniff")  # it is the caller's, and no page
        self.write(text)

    async def put(self, account: str, key: str, token: str, name: str) -> None:
        self.parameters()
        series, token = self.place(account, key, token)
        given = {parse_attribute_name(name): parse_attribute(self.request.body)}
        self.reply_attributes(await self.attributes.merge(series, token, given))

    async def delete(self, account: str, key: str, token: str, name: str) -> None:
        self.parameters()
        series, token = self.place(account, key, token)
        await self.attributes.remove(series, token, parse_attribute_name(name))


ROUTES = [
    (r"/v1/accounts/([^/]*)/tokens/([^/]*)/([^/]*)/attrs", AllHandler),
    (r"/v1/accounts/([^/]*)/tokens/([^/]*)/([^/]*)/attrs/([^/]*)", OneHandler),
]
