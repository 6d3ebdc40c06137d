"""Trusts: rules for signing in from CI without a secret."""

from typing import Any

from monotron.auth.trust_policies import TrustPolicies
from monotron.errors import PathNotFound
from monotron.web.handler import ACCOUNT, Handler
from monotron.web.permissions import requires
from monotron.web.query import whole_number


class TrustsHandler(Handler):
    """What the handlers of trusts share."""

    @property
    def trusts(self) -> TrustPolicies:
        return self.application.trusts

    def members(self, id: int | None, body: dict[str, Any]) -> dict[str, Any]:
        return {"id": id, "account_id": self.account, **body}


class TrustListHandler(TrustsHandler):
    """`/v1/accounts/{id}/trusts`: whose jobs an account trusts."""

    @requires("read:acl")
    async def get(self) -> None:
        parameters = self.parameters("limit", "after")
        after = max(0, whole_number("after", parameters.after or "0"))
        trusts, next_after = await self.trusts.page(self.account, after, parameters.limit)
        self.reply_json(
            {
                "trusts": [self.members(id, body) for id, body in trusts],
                "next": None if next_after is None else str(next_after),
            }
        )

    @requires("write:acl")
    async def post(self) -> None:
        self.parameters()
        trust = await self.trusts.create(self.principal, self.account, self.json_value())
        self.reply_json(self.members(trust.id, trust.body()))


class TrustHandler(TrustsHandler):
    """`/v1/accounts/{id}/trusts/{trust}`: one of them."""

    @requires("read:acl")
    async def get(self, trust: str) -> None:
        self.parameters()
        id = _id(trust)
        self.reply_json(self.members(id, await self.trusts.of_account(self.account, id)))

    @requires("delete:acl")
    async def delete(self, trust: str) -> None:
        self.parameters()
        await self.trusts.delete(self.account, _id(trust))


def _id(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise PathNotFound("The id of a trust is a number. GET …/trusts lists them.")
    return int(text)


ROUTES = [
    (ACCOUNT + r"/trusts", TrustListHandler),
    (ACCOUNT + r"/trusts/([^/]*)", TrustHandler),
]
