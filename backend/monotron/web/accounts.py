"""Accounts and their API keys."""

from monotron.auth.api_key_schema import api_key_json, parse_api_key_spec
from monotron.web.body import json_body
from monotron.web.handler import ACCOUNT, Handler
from monotron.web.permissions import ROOT_KEY, requires
from monotron.web.query import ApiKeysQuery, IdPageQuery, Query, RevokeQuery


class AccountsHandler(Handler):
    """`/v1/accounts`: all accounts, and the creation of one."""

    @requires(ROOT_KEY)
    async def post(self) -> None:
        Query.parse(self.request.query)
        self.reply_json({"id": await self.services.accounts.create(self.principal)})

    @requires(ROOT_KEY)
    async def get(self) -> None:
        query = IdPageQuery.parse(self.request.query)
        ids, next_after = await self.services.accounts.page(query.after or 0, query.limit)
        self.reply_json(
            {
                "accounts": [{"id": id} for id in ids],
                "next": None if next_after is None else str(next_after),
            }
        )


class AccountHandler(Handler):
    """`/v1/accounts/{id}`: one account."""

    @requires("read:account")
    async def get(self) -> None:
        Query.parse(self.request.query)
        self.reply_json({"id": self.account})


class ApiKeysHandler(Handler):
    """`/v1/accounts/{id}/grants`: the API keys of an account."""

    @requires("write:acl")
    async def post(self) -> None:
        Query.parse(self.request.query)
        spec = parse_api_key_spec(json_body(self.request, '["read,write:series"]'))
        api_key, secret = await self.services.api_keys.create(self.principal, self.account, spec)
        self.reply_json(api_key_json(api_key, secret))

    @requires("read:acl")
    async def get(self) -> None:
        query = ApiKeysQuery.parse(self.request.query)
        api_keys, next_after = await self.services.api_keys.page(
            self.principal, self.account, query.after, query.limit
        )
        self.reply_json({"grants": [api_key_json(each) for each in api_keys], "next": next_after})


class ApiKeyHandler(Handler):
    """`/v1/accounts/{id}/grants/{key}`: one API key."""

    @requires("read:acl")
    async def get(self, key: str) -> None:
        Query.parse(self.request.query)
        api_key = await self.services.api_keys.of_account(self.principal, self.account, key)
        self.reply_json(api_key_json(api_key))

    @requires("delete:acl")
    async def delete(self, key: str) -> None:
        query = RevokeQuery.parse(self.request.query)
        await self.services.revocation.revoke(
            self.principal, self.account, key, with_descendants=query.with_descendants
        )


ROUTES = [
    (r"/v1/accounts", AccountsHandler),
    (ACCOUNT, AccountHandler),
    (ACCOUNT + r"/grants", ApiKeysHandler),
    (ACCOUNT + r"/grants/([^/]*)", ApiKeyHandler),
]
