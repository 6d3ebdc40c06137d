"""Scopes, API keys, principals and rate limits: their rules, without a server."""

import re

import pytest

from monotron.auth import key_format
from monotron.auth.api_key_schema import api_key_json, parse_api_key_spec
from monotron.auth.api_keys import ApiKey
from monotron.auth.bounded_cache import BoundedCache
from monotron.auth.principal import ANYONE, MAX_CREATORS, ROOT, Principal
from monotron.auth.rate_limit import RateLimiter
from monotron.auth.scopes import (
    ALL,
    MAX_SCOPE_CHARACTERS,
    MAX_SCOPE_TEXTS,
    SCOPES,
    check_scope_list,
    format_scopes,
    parse_scopes,
)
from monotron.errors import Forbidden, InvalidRequest, QuotaExceeded, TooManyRequests
from monotron.model.name_patterns import ALL_NAMES, NamePatterns
from monotron.web.permissions import requires

TEAM_NAMES = NamePatterns(("team-a/*", "shop"))
TEAM = Principal("key:a", 2, parse_scopes(["read,write:series"]), TEAM_NAMES, creators=("root",))


class TestScopes:
    @pytest.mark.parametrize(
        ("texts", "scopes"),
        [
            (["read:series"], {"read:series"}),
            (["read,write:series"], {"read:series", "write:series"}),
            (["*:acl"], {"read:acl", "write:acl", "delete:acl"}),
            (["read:series", "delete:series"], {"read:series", "delete:series"}),
            (["read:series", "read:series"], {"read:series"}),
            ([], set()),
        ],
    )
    def test_scopes_are_expanded_to_single_scopes(self, texts: list[str], scopes: set[str]) -> None:
        assert parse_scopes(texts) == scopes

    @pytest.mark.parametrize(
        "text",
        ["", "read", "series", "read:", ":series", "read:keys", "reed:series", "read,:series",
         "read:series:x", "READ:series", "read series", " read:series", "*", "*:*", None, 1, ["a"]],
    )  # fmt: skip
    def test_an_invalid_scope_is_refused_with_the_valid_ones(self, text: object) -> None:
        with pytest.raises(InvalidRequest, match=r"^Invalid scope .* `read,write:series`"):
            parse_scopes([text])

    def test_formatted_scopes_are_grouped_by_resource_and_can_be_parsed(self) -> None:
        assert format_scopes(ALL) == [
            f"read,write,delete:{resource}" for resource in ("series", "account", "acl", "system")
        ]
        for scope in SCOPES:
            assert format_scopes(parse_scopes([scope])) == [scope]

    @pytest.mark.parametrize(
        "texts", [[], ["*:acl"], ["delete,read:series", "read:series"], ["*:acl", "*:acl"]]
    )
    def test_a_checked_list_of_scopes_is_unchanged(self, texts: list[str]) -> None:
        assert check_scope_list(texts) == tuple(texts)

    @pytest.mark.parametrize(
        "texts",
        [["read:series"] * (MAX_SCOPE_TEXTS + 1), ["read," * MAX_SCOPE_CHARACTERS + "read:acl"]],
    )
    def test_a_list_of_scopes_that_is_too_long_to_store_is_refused(self, texts: list[str]) -> None:
        with pytest.raises(InvalidRequest, match="too long"):
            check_scope_list(texts)

    def test_a_verb_that_requires_an_unknown_scope_fails_at_import(self) -> None:
        with pytest.raises(ValueError, match="delete:groups"):
            requires("delete:groups")


class TestPrincipal:
    def test_a_principal_has_only_its_scopes(self) -> None:
        TEAM.require("write:series")
        with pytest.raises(Forbidden, match=r"^Missing scope `delete:series`") as refused:
            TEAM.require("delete:series")
        assert "These credentials have `read,write:series`." in refused.value.detail

    def test_a_principal_without_scopes_is_refused_everything(self) -> None:
        principal = Principal("key:b", 2, frozenset())
        for scope in SCOPES:
            with pytest.raises(Forbidden, match="These credentials have no scopes"):
                principal.require(scope)

    def test_a_principal_is_limited_to_its_account(self) -> None:
        TEAM.require_account(2)
        with pytest.raises(Forbidden, match="belong to account 2"):
            TEAM.require_account(1)
        ROOT.require_account(12)

    def test_the_refusal_of_another_account_does_not_depend_on_the_account(self) -> None:
        details = set()
        for account in (1, 3, 999, -1):
            with pytest.raises(Forbidden) as refused:
                TEAM.require_account(account)
            details.add(refused.value.detail)
        assert len(details) == 1

    def test_a_principal_is_limited_to_its_names(self) -> None:
        for name in ("team-a/shop", "shop", "team-a/x-major"):
            TEAM.require_name(name)
        for name in ("team-a", "team-b/shop", "Team-a/shop", "shop-major", ""):
            with pytest.raises(Forbidden, match=r"Their names are `team-a/\*`, `shop`\."):
                TEAM.require_name(name)

    def test_a_principal_is_limited_to_the_series_of_its_names(self) -> None:
        for key in ("team-a/shop-minor-v1", "shop", "shop-major"):
            TEAM.require_key(key)
        for key in ("team-b/shop", "shop-payments", "shop-payments-major", "shop-minor-v1-major"):
            with pytest.raises(Forbidden, match="These credentials may not use the name"):
                TEAM.require_key(key)
        with pytest.raises(Forbidden, match="may not use the name 'x'"):
            TEAM.require_key("x-minor-v1")

    def test_many_names_are_not_all_shown(self) -> None:
        names = NamePatterns(tuple(f"n{number}" for number in range(32)))
        with pytest.raises(Forbidden) as refused:
            Principal("key:c", 2, ALL, names).require_name("x")
        assert "`n7`, …. " in refused.value.detail
        assert "n8" not in refused.value.detail

    @pytest.mark.parametrize(
        ("scopes", "names", "word"),
        [
            (["read:series"], ["shop"], ""),
            (["read,write:series"], ["team-a/*", "shop", "team-a/x"], ""),
            ([], ["shop"], ""),
            (["*:series"], ["shop"], "delete:series"),
            (["read:acl"], ["shop"], "read:acl"),
            (["read:series"], ["*"], "names"),
            (["read:series"], ["shop*"], "names"),
            (["read:series"], ["shop", "other"], "names"),
        ],
        ids=str,
    )
    def test_a_principal_may_grant_at_most_its_own_scopes_and_names(
        self, scopes: list[str], names: list[str], word: str
    ) -> None:
        patterns = NamePatterns(tuple(names))
        assert TEAM.may_grant(scopes, patterns) is not bool(word)
        assert ROOT.may_grant(scopes, patterns)
        if word:
            with pytest.raises(Forbidden, match=word):
                TEAM.require_grant(scopes, patterns)
        else:
            TEAM.require_grant(scopes, patterns)

    def test_the_lineage_of_a_principal_ends_with_itself(self) -> None:
        assert TEAM.lineage == ("root", "key:a")

    @pytest.mark.parametrize("own", [0, 1, 2], ids=["one less", "exactly", "one more"])
    def test_what_a_principal_creates_has_a_maximum_number_of_creators(self, own: int) -> None:
        creators = tuple(str(number) for number in range(MAX_CREATORS - 2 + own))
        last = Principal("key:d", 2, ALL, creators=creators)
        if own == 2:
            with pytest.raises(QuotaExceeded, match="more than 1000 creators"):
                last.require_grant(["read:series"], ALL_NAMES)
        else:
            last.require_grant(["read:series"], ALL_NAMES)

    def test_a_caller_in_open_mode_cannot_create_api_keys(self) -> None:
        with pytest.raises(Forbidden, match="MONOTRON_ROOT_API_KEY"):
            ANYONE.require("write:acl")


class TestKeyFormat:
    def test_secrets_have_the_format_that_scanners_search_for(self) -> None:
        for _ in range(100):
            name, secret = key_format.new_key()
            assert re.fullmatch(key_format.PATTERN, secret)
            assert secret.startswith(f"{name}_")
            assert key_format.key_id_of(secret) == name

    def test_new_secrets_differ(self) -> None:
        assert len({key_format.new_key().secret for _ in range(1000)}) == 1000

    def test_a_secret_with_any_wrong_character_belongs_to_no_key(self) -> None:
        _, secret = key_format.new_key()
        for at in range(len(secret)):
            wrong = secret[:at] + ("a" if secret[at] != "a" else "b") + secret[at + 1 :]
            assert key_format.key_id_of(wrong) is None
        for wrong in (secret[:-1], secret + "a", secret.swapcase(), f" {secret}", ""):
            assert key_format.key_id_of(wrong) is None

    def test_the_repr_of_a_new_key_contains_no_secret(self) -> None:
        key = key_format.new_key()
        assert key.secret not in repr(key)
        assert key.secret not in key_format.digest(key.secret)


class TestApiKeySchema:
    def test_a_list_of_scopes_is_kept_as_given(self) -> None:
        assert parse_api_key_spec(["*:acl", "write,read:series"]).scopes == (
            "*:acl",
            "write,read:series",
        )

    def test_an_empty_list_of_scopes_is_valid(self) -> None:
        assert parse_api_key_spec([]).scopes == parse_api_key_spec({"scopes": []}).scopes == ()

    def test_an_unknown_member_is_refused_with_the_allowed_ones(self) -> None:
        with pytest.raises(InvalidRequest, match=r"^Unknown member `label`. .*`description`"):
            parse_api_key_spec({"scopes": [], "label": "CI"})

    def test_an_api_key_survives_storage(self) -> None:
        api_key = ApiKey(
            1, 2, "mtk_k_x", "digest", ("*:acl",), 0, TEAM_NAMES, ("root", "key:a"), "CI", 5, 5, 6
        )
        assert ApiKey.of(api_key.row()) == api_key
        assert api_key_json(api_key) == {
            "account_id": 2,
            "api_key": {"id": 1, "key": "mtk_k_x"},
            "scopes": ["*:acl"],
            "names": ["team-a/*", "shop"],
            "created_by": "key:a",
            "description": "CI",
            "expires_at": "1970-01-01T00:00:05Z",
            "created_at": "1970-01-01T00:00:00Z",
            "last_used_at": "1970-01-01T00:00:06Z",
        }
        principal = api_key.principal()
        assert principal.scopes == {"read:acl", "write:acl", "delete:acl"}
        assert (principal.name, principal.names) == ("key:mtk_k_x", TEAM_NAMES)
        assert principal.creators == ("root", "key:a")

    def test_an_api_key_without_names_may_use_all(self) -> None:
        assert parse_api_key_spec({"scopes": []}).names == ALL_NAMES
        assert parse_api_key_spec([]).names == ALL_NAMES


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class TestBoundedCache:
    def test_a_value_is_returned_until_it_expires(self) -> None:
        clock = Clock()
        cache: BoundedCache[str, int] = BoundedCache(10, monotonic=clock)
        cache.put("a", 1, seconds=3)
        cache.put("b", 2)
        clock.now += 2.9
        assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, 2, None)
        clock.now += 0.1
        assert (cache.get("a"), cache.get("b")) == (None, 2)
        assert "a" not in cache
        assert "b" in cache

    def test_the_least_recently_stored_value_is_dropped_first(self) -> None:
        cache: BoundedCache[str, int] = BoundedCache(2)
        for key in ("a", "b", "a", "c"):
            cache.put(key, 1)
        assert ("a" in cache, "b" in cache, "c" in cache) == (True, False, True)
        assert len(cache) == 2

    def test_expired_values_do_not_take_up_memory(self) -> None:
        clock = Clock()
        cache: BoundedCache[str, int] = BoundedCache(1000, monotonic=clock)
        for number in range(500):
            cache.put(f"{number}", number, seconds=10)
            clock.now += 1
        assert len(cache) == 10
        cache.put("expired", 0, seconds=-1)
        clock.now += 10
        cache.put("last", 0, seconds=1)
        assert len(cache) == 1

    def test_selected_values_can_be_discarded(self) -> None:
        cache: BoundedCache[str, int] = BoundedCache(3)
        for number, key in enumerate("abc"):
            cache.put(key, number)
        cache.discard(lambda value: value > 0)
        assert ("a" in cache, "b" in cache, "c" in cache) == (True, False, False)
        cache.remove("a")
        cache.remove("b")
        assert len(cache) == 0


class TestRateLimiter:
    def test_the_limit_allows_a_burst_and_then_one_request_per_interval(self) -> None:
        clock = Clock()
        limiter = RateLimiter(60, "requests with this key", clock=clock)
        for _ in range(60):
            limiter.count("a")
        message = r"^Too many requests with this key \(limit: 60 per minute\). Retry in 1 s.$"
        with pytest.raises(TooManyRequests, match=message) as refused:
            limiter.count("a")
        assert refused.value.retry_after == 1
        clock.now += 1
        limiter.count("a")
        with pytest.raises(TooManyRequests):
            limiter.count("a")
        clock.now += 60
        for _ in range(60):
            limiter.count("a")

    def test_a_refused_request_is_not_counted(self) -> None:
        clock = Clock()
        limiter = RateLimiter(1, "", clock=clock)
        limiter.count("a")
        for _ in range(10):
            with pytest.raises(TooManyRequests) as refused:
                limiter.count("a")
            assert refused.value.retry_after == 60
        clock.now += 60
        limiter.count("a")

    def test_names_do_not_share_a_limit(self) -> None:
        limiter = RateLimiter(1, "", clock=Clock())
        limiter.count("a")
        limiter.count("b")
        with pytest.raises(TooManyRequests):
            limiter.count("a")

    def test_a_limit_of_zero_is_unlimited(self) -> None:
        limiter = RateLimiter(0, "", clock=Clock())
        for _ in range(10_000):
            limiter.count("a")

    def test_the_number_of_remembered_names_is_bounded(self) -> None:
        limiter = RateLimiter(1, "", clock=Clock(), max_buckets=100)
        for number in range(10_000):
            limiter.count(str(number))
        assert len(limiter._full_at) == 100

    def test_a_name_that_is_refused_is_not_forgotten_before_others(self) -> None:
        limiter = RateLimiter(1, "", clock=Clock(), max_buckets=2)
        limiter.count("a")
        limiter.count("b")
        with pytest.raises(TooManyRequests):
            limiter.count("a")
        limiter.count("c")
        with pytest.raises(TooManyRequests):
            limiter.count("a")
