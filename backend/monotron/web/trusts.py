"""Trust policies: rules for keyless sign-in from CI."""

from typing import Any, ClassVar

from monotron.auth.trust_schema import shown_body
from monotron.errors import PathNotFound
from monotron.web.body import json_body
from monotron.web.handler import Handler
from monotron.web.permissions import requires
from monotron.web.query import IdPageQuery, Query
from monotron.web.routes import ACCOUNT

EXAMPLE = '{"issuer": "…", "claims": {…}, "scopes": ["read,write:series"]}'


class TrustListHandler(Handler):
    """`/v1/accounts/{account}/trusts`: the trust policies of an account."""

    max_body_bytes: ClassVar[int] = 4096

    @requires("read:acl")
    async def get(self) -> None:
        query = IdPageQuery.parse(self.request.query)
        policies, next_after = await self.services.trust_policies.page(
            self.principal, self.account, max(0, query.after or 0), query.limit
        )
        self.reply_json(
            {
                "trusts": [_members(id, self.account, body) for id, body in policies],
                "next": None if next_after is None else str(next_after),
            }
        )

    @requires("write:acl")
    async def post(self) -> None:
        Query.parse(self.request.query)
        policy, reused = await self.services.trust_policies.create(
            self.principal, self.account, json_body(self.request, EXAMPLE)
        )
        self.services.authenticator.forget_identities()
        self.set_header("Monotron-Reused", "true" if reused else "false")
        body = shown_body(policy.stored_body())
        self.reply_json(_members(policy.id, self.account, body))


class SignInReportHandler(Handler):
    """`/v1/accounts/{account}/trusts/test`: whether a job with an identity token could sign in."""

    max_body_bytes: ClassVar[int] = 20 * 1024

    @requires("read:acl")
    async def post(self) -> None:
        Query.parse(self.request.query)
        report = await self.services.sign_in_reports.report(
            self.principal, self.account, json_body(self.request, '{"id_token": "…"}')
        )
        self.reply_json(report)


class TrustHandler(Handler):
    """`/v1/accounts/{account}/trusts/{trust}`: one trust policy."""

    @requires("read:acl")
    async def get(self, trust: str) -> None:
        Query.parse(self.request.query)
        id = _parse_id(trust)
        body = await self.services.trust_policies.of_account(self.principal, self.account, id)
        self.reply_json(_members(id, self.account, body))

    @requires("delete:acl")
    async def delete(self, trust: str) -> None:
        Query.parse(self.request.query)
        await self.services.trust_policies.delete(self.principal, self.account, _parse_id(trust))
        self.services.authenticator.forget_identities()


def _members(id: int | None, account: int, body: dict[str, Any]) -> dict[str, Any]:
    """Return the members of a trust policy; the id is None if it is from the config file."""
    return {"id": id, "account_id": account, **body}


def _parse_id(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise PathNotFound(
            "The id of a trust policy is a number. List trust policies with `GET …/trusts`."
        )
    return int(text)


ROUTES = [
    (ACCOUNT + "/trusts", TrustListHandler),
    (ACCOUNT + "/trusts/test", SignInReportHandler),
    (ACCOUNT + "/trusts/{trust}", TrustHandler),
]
