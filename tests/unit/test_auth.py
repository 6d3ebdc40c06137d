"""Scopes, keys, principals and limits: their rules, without a server."""

import re

import pytest

from monotron.auth import key_format as keys
from monotron.auth.principal import ANYBODY, ROOT, Principal
from monotron.auth.rate_limit import RateLimiter
from monotron.auth.scopes import ALL, SCOPES, parse_scopes, spell
from monotron.errors import Forbidden, InvalidRequest, TooManyRequests
from monotron.web.permissions import requires

TEAM = Principal("key:a", 2, parse_scopes(["read,write:series"]), prefix="team-a/")


class TestScopes:
    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            (["read:series"], {"read:series"}),
            (["read,write:series"], {"read:series", "write:series"}),
            (["*:acl"], {"read:acl", "write:acl", "delete:acl"}),
            (["read:series", "delete:series,"[:-1]], {"read:series", "delete:series"}),
            (["read:series", "read:series"], {"read:series"}),
            ([], set()),
        ],
    )
    def test_are_read_one_by_one(self, written: list[str], meant: set[str]) -> None:
        assert parse_scopes(written) == meant

    @pytest.mark.parametrize(
        "text",
        ["", "read", "series", "read:", ":series", "read:keys", "reed:series", "read,:series",
         "read:series:x", "READ:series", "read series", " read:series", "*", "*:*", None, 1, ["a"]],
    )  # fmt: skip
    def test_that_there_are_not_are_refused_with_those_there_are(self, text: object) -> None:
        with pytest.raises(InvalidRequest, match=r"read,write:series"):
            parse_scopes([text])

    def test_are_spelt_as_they_are_read(self) -> None:
        assert spell(ALL) == [
            f"read,write,delete:{resource}" for resource in ("series", "account", "acl", "system")
        ]
        for scope in SCOPES:
            assert spell(parse_scopes([scope])) == [scope]

    def test_a_verb_that_requires_none_of_them_fails_at_import(self) -> None:
        with pytest.raises(ValueError, match="delete:groups"):
            requires("delete:groups")


class TestPrincipal:
    def test_has_its_scopes_and_no_others(self) -> None:
        TEAM.require("write:series")
        with pytest.raises(Forbidden, match="delete:series"):
            TEAM.require("delete:series")

    def test_is_kept_to_its_account(self) -> None:
        TEAM.require_account(2)
        with pytest.raises(Forbidden):
            TEAM.require_account(1)
        ROOT.require_account(12)

    def test_is_kept_to_names_with_its_prefix(self) -> None:
        TEAM.require_name("team-a/shop")
        for name in ("team-a", "team-b/shop", "Team-a/shop", ""):
            with pytest.raises(Forbidden):
                TEAM.require_name(name)

    def test_lists_only_what_has_its_prefix(self) -> None:
        assert TEAM.narrowed("") == TEAM.narrowed("team") == "team-a/"
        assert TEAM.narrowed("team-a/x") == "team-a/x"
        assert ROOT.narrowed("x") == "x"
        with pytest.raises(Forbidden):
            TEAM.narrowed("team-b/")

    def test_anybody_cannot_make_keys(self) -> None:
        with pytest.raises(Forbidden):
            ANYBODY.require("write:acl")


class TestKeys:
    def test_have_the_form_that_scanners_look_for(self) -> None:
        for _ in range(100):
            name, secret = keys.new_key()
            assert re.fullmatch(keys.PATTERN, secret)
            assert secret.startswith(f"{name}_")
            assert keys.name_in(secret) == name

    def test_are_never_the_same(self) -> None:
        assert len({keys.new_key().secret for _ in range(1000)}) == 1000

    def test_with_any_one_character_wrong_are_nobodys(self) -> None:
        _, secret = keys.new_key()
        for at in range(len(secret)):
            wrong = secret[:at] + ("a" if secret[at] != "a" else "b") + secret[at + 1 :]
            assert keys.name_in(wrong) is None
        for wrong in (secret[:-1], secret + "a", secret.swapcase(), f" {secret}", ""):
            assert keys.name_in(wrong) is None

    def test_show_no_secret_in_their_repr(self) -> None:
        key = keys.new_key()
        assert key.secret not in repr(key)
        assert key.secret not in keys.digest(key.secret)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class TestLimit:
    def test_takes_so_many_at_once_and_then_one_at_a_time(self) -> None:
        clock = Clock()
        limit = RateLimiter(60, "with this key", clock=clock)
        for _ in range(60):
            limit.count("a")
        with pytest.raises(TooManyRequests, match="60 requests a minute came with this key") as one:
            limit.count("a")
        assert one.value.retry_after == 1
        clock.now += 1
        limit.count("a")
        with pytest.raises(TooManyRequests):
            limit.count("a")
        clock.now += 60
        for _ in range(60):
            limit.count("a")

    def test_what_was_refused_is_not_counted(self) -> None:
        clock = Clock()
        limit = RateLimiter(1, "", clock=clock)
        limit.count("a")
        for _ in range(10):
            with pytest.raises(TooManyRequests) as refused:
                limit.count("a")
            assert refused.value.retry_after == 60
        clock.now += 60
        limit.count("a")

    def test_names_do_not_share_a_bucket(self) -> None:
        limit = RateLimiter(1, "", clock=Clock())
        limit.count("a")
        limit.count("b")
        with pytest.raises(TooManyRequests):
            limit.count("a")

    def test_zero_is_none(self) -> None:
        limit = RateLimiter(0, "", clock=Clock())
        for _ in range(10_000):
            limit.count("a")

    def test_remembers_a_bounded_number_of_names(self) -> None:
        limit = RateLimiter(1, "", clock=Clock(), most=100)
        for number in range(10_000):
            limit.count(str(number))
        assert len(limit._full_at) == 100
