"""Accounts and their keys."""

from monotron.auth.accounts import Accounts
from monotron.auth.api_key_schema import api_key_json, parse_api_key_spec
from monotron.auth.api_keys import ApiKeys
from monotron.web.handler import ACCOUNT, Handler
from monotron.web.permissions import ROOT_KEY, requires
from monotron.web.query import whole_number


class AccountsHandler(Handler):
    """`/v1/accounts`: all tenants."""

    in_account = False

    @property
    def accounts(self) -> Accounts:
        return self.application.accounts

    @requires(ROOT_KEY)
    async def post(self) -> None:
        self.parameters()
        self.reply_json({"id": await self.accounts.create(self.principal)})

    @requires(ROOT_KEY)
    async def get(self) -> None:
        parameters = self.parameters("limit", "after")
        after = whole_number("after", parameters.after or "0")
        ids, next_after = await self.accounts.page(after, parameters.limit)
        self.reply_json(
            {
                "accounts": [{"id": id} for id in ids],
                "next": None if next_after is None else str(next_after),
            }
        )


class AccountHandler(Handler):
    """`/v1/accounts/{id}`: that it is there."""

    @requires("read:account")
    async def get(self) -> None:
        self.parameters()
        self.reply_json({"id": self.account})


class KeysHandler(Handler):
    """What the handlers of keys share."""

    @property
    def grants(self) -> ApiKeys:
        return self.application.grants


class GrantsHandler(KeysHandler):
    """`/v1/accounts/{id}/grants`: the keys of an account."""

    @requires("write:acl")
    async def post(self) -> None:
        self.parameters()
        grant, secret = await self.grants.create(
            self.principal, self.account, parse_api_key_spec(self.json_value())
        )
        self.reply_json(api_key_json(grant, secret))

    @requires("read:acl")
    async def get(self) -> None:
        parameters = self.parameters("limit", "after")
        grants, after = await self.grants.page(self.account, parameters.after, parameters.limit)
        self.reply_json({"grants": [api_key_json(grant) for grant in grants], "next": after})


class GrantHandler(KeysHandler):
    """`/v1/accounts/{id}/grants/{key}`: one key."""

    @requires("read:acl")
    async def get(self, key: str) -> None:
        self.parameters()
        self.reply_json(api_key_json(await self.grants.of_account(self.account, key)))

    @requires("delete:acl")
    async def delete(self, key: str) -> None:
        self.parameters()
        await self.grants.revoke(self.account, key)
        self.application.admission.sign_in.forget(key)


ROUTES = [
    (r"/v1/accounts", AccountsHandler),
    (ACCOUNT, AccountHandler),
    (ACCOUNT + r"/grants", GrantsHandler),
    (ACCOUNT + r"/grants/([^/]*)", GrantHandler),
]
