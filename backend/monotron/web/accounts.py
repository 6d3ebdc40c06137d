"""Accounts and their API keys."""

from monotron.auth.accounts import (
    Account,
    account_json,
    parse_account_change,
    parse_new_account,
)
from monotron.auth.api_key_schema import api_key_json, parse_api_key_spec, parse_overlap
from monotron.auth.scopes import format_scopes
from monotron.model.timestamps import rfc3339
from monotron.web.body import json_body, json_object
from monotron.web.handler import Handler
from monotron.web.permissions import ANY_CREDENTIAL, ROOT_KEY, requires
from monotron.web.query import AccountsQuery, Query, RevokeQuery, TextPageQuery
from monotron.web.routes import ACCOUNT, ANY_ACCOUNT


class AccountsHandler(Handler):
    """`/v1/accounts`: all accounts, and the creation of one."""

    @requires(ROOT_KEY)
    async def post(self) -> None:
        Query.parse(self.request.query)
        body = json_object(self.request, '{"name": "acme"}') if self.request.body else {}
        name = parse_new_account(body)
        account = await self.services.accounts.create(self.principal, name)
        self.reply_json(account_json(account))

    @requires(ROOT_KEY)
    async def get(self) -> None:
        query = AccountsQuery.parse(self.request.query)
        accounts, next_after = await self._page(query)
        self.reply_json(
            {
                "accounts": [account_json(account) for account in accounts],
                "next": None if next_after is None else str(next_after),
            }
        )

    async def _page(self, query: AccountsQuery) -> tuple[list[Account], int | None]:
        if query.name is None:
            return await self.services.accounts.page(query.after or 0, query.limit)
        account = await self.services.accounts.named(query.name)
        return ([] if account is None else [account]), None


class AccountHandler(Handler):
    """`/v1/accounts/{account}`: one account."""

    @requires("read:account")
    async def get(self) -> None:
        Query.parse(self.request.query)
        self.reply_json(account_json(await self.services.accounts.get(self.account)))

    @requires(ROOT_KEY)
    async def patch(self) -> None:
        Query.parse(self.request.query)
        change = parse_account_change(json_object(self.request, '{"name": "acme"}'))
        account = await self.services.accounts.change(self.principal, self.account, change)
        self.services.authenticator.forget_account(self.account)
        self.reply_json(account_json(account))


class ApiKeysHandler(Handler):
    """`/v1/accounts/{account}/grants`: the API keys of an account."""

    @requires("write:acl")
    async def post(self) -> None:
        Query.parse(self.request.query)
        spec = parse_api_key_spec(json_body(self.request, '["read,write:series"]'))
        api_key, secret = await self.services.api_keys.create(self.principal, self.account, spec)
        self.reply_json(api_key_json(api_key, secret))

    @requires("read:acl")
    async def get(self) -> None:
        query = TextPageQuery.parse(self.request.query)
        api_keys, next_after = await self.services.api_keys.page(
            self.principal, self.account, query.after, query.limit
        )
        self.reply_json({"grants": [api_key_json(each) for each in api_keys], "next": next_after})


class ApiKeyHandler(Handler):
    """`/v1/accounts/{account}/grants/{api_key}`: one API key."""

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


class RotationHandler(Handler):
    """`/v1/accounts/{account}/grants/{api_key}/rotate`: the replacement of an API key."""

    @requires("write:acl")
    async def post(self, key: str) -> None:
        self.principal.require("delete:acl")  # because it shortens the life of the old one
        Query.parse(self.request.query)
        seconds = parse_overlap(json_object(self.request, '{"overlap_seconds": 604800}'))
        new, secret, old = await self.services.rotation.rotate(
            self.principal, self.account, key, seconds
        )
        self.reply_json({**api_key_json(new, secret), "replaces": api_key_json(old)})


class WhoamiHandler(Handler):
    """`/v1/whoami`: the account and the permissions of the caller."""

    @requires(ANY_CREDENTIAL)
    async def get(self) -> None:
        Query.parse(self.request.query)
        account = await self.services.accounts.get(self.account)
        expires_at = self.principal.expires_at
        self.reply_json(
            {
                "account": {"id": account.id, "name": account.name},
                "principal": self.principal.name,
                "scopes": format_scopes(self.principal.scopes),
                "names": list(self.principal.names.texts),
                "expires_at": None if expires_at is None else rfc3339(expires_at),
            }
        )


ROUTES = [
    (ANY_ACCOUNT + "/whoami", WhoamiHandler),
    ("/v1/accounts", AccountsHandler),
    (ACCOUNT, AccountHandler),
    (ACCOUNT + "/grants", ApiKeysHandler),
    (ACCOUNT + "/grants/{api_key}", ApiKeyHandler),
    (ACCOUNT + "/grants/{api_key}/rotate", RotationHandler),
]
