"""Secrets are removed from log lines in every encoding, and from nothing else."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from urllib.parse import unquote

import pytest

from monotron import redaction
from monotron.auth.key_format import new_key
from monotron.redaction import redact, redact_log, register_secret
from support.encodings import ENCODINGS, Encode, percent

ROOT_SECRET = "correct-horse>battery?staple~'\"\\"
API_KEY = "mtk_k_AbCdEfGh_" + 9 * "Q7xZ"
IDENTITY_TOKEN = "eyJhbGciOi.eyJzdWIi.c2ln-bmF0_dXJl"
HARMLESS = [
    "/v1/series/some-great-service/7d4c379588",
    "/v1/series/org%2Frepo/%C3%A4%25%3F",
    "/v1/series/a%zz/%",
    "/v1/series/mtk_k_AbCdEfGh/T",
    "/v1/releases/correct-horse/1.2.3",
    "/v1/series/" + "6d746b5f" + "/T",
]


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_registered", {})
    register_secret(ROOT_SECRET)


def windows(text: str, size: int = 12) -> Iterator[str]:
    return (text[start : start + size] for start in range(len(text) - size + 1))


def readable_forms(text: str) -> Iterator[str]:
    """The text, and what a reader of the log can decode from it."""
    for _ in range(9):
        yield text
        for run in re.findall(r"[A-Za-z0-9+/_-]{8,}", text):
            for start in range(4):
                data = run[start:].translate(str.maketrans("-_", "+/"))
                yield b64decode(data[: len(data) // 4 * 4]).decode("latin1")
        for run in re.findall(r"(?:[0-9A-Fa-f]{2}){4,}", text):
            yield bytes.fromhex(run).decode("latin1")
        text = unquote(text)


def check_hidden(cleaned: str, secret: str) -> None:
    for form in readable_forms(cleaned):
        assert not [part for part in windows(secret) if part in form]


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
def test_the_root_secret_is_removed_from_log_lines(encode: Encode) -> None:
    check_hidden(redact_log(f"/v1/series/{encode(ROOT_SECRET)}/T"), ROOT_SECRET)


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("clean", [redact, redact_log])
def test_api_keys_are_removed(clean: Encode, encode: Encode) -> None:
    check_hidden(clean(f"/v1/series/{encode(API_KEY)}/T"), API_KEY[15:])


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("clean", [redact, redact_log])
def test_identity_tokens_are_removed(clean: Encode, encode: Encode) -> None:
    check_hidden(clean(f"/v1/series/{encode(IDENTITY_TOKEN)}/T"), IDENTITY_TOKEN[14:])


def test_secrets_in_different_encodings_are_all_removed() -> None:
    secrets = [new_key().secret for _ in range(4)]
    text = secrets[0]
    for secret in secrets[1:]:
        text = f"{percent(text)}/{secret}"
    for secret in secrets:
        check_hidden(redact_log(text), secret[15:])


def test_the_id_of_an_api_key_stays_readable() -> None:
    for text in (API_KEY, percent(API_KEY)):
        assert redact_log(f"/v1/series/{text}/T") == "/v1/series/mtk_k_AbCdEfGh_***/T"


@pytest.mark.parametrize("text", HARMLESS)
@pytest.mark.parametrize("clean", [redact, redact_log])
def test_texts_without_secrets_are_unchanged(clean: Encode, text: str) -> None:
    assert clean(text) == text


def test_responses_do_not_reveal_whether_a_text_is_the_root_secret() -> None:
    assert redact(ROOT_SECRET) == ROOT_SECRET


def test_a_short_secret_is_not_removed_from_every_word() -> None:
    register_secret("a")
    assert redact_log("an ordinary message") == "an ordinary message"


def test_a_text_that_is_encoded_too_often_is_hidden() -> None:
    text = "/v1/%41"
    for _ in range(redaction.MAX_DECODINGS):
        text = text.replace("%", "%25")
    assert redact_log(text) == redaction.HIDDEN


BADGE = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        (f"/badge/{BADGE}.svg", "/badge/01234567***.svg"),
        (f"/v1/badges/{BADGE}", "/v1/badges/01234567***"),
        (f"/v1/accounts/2/badges/{BADGE}", "/v1/accounts/2/badges/01234567***"),
        (f"/badge/{percent(BADGE)}.svg", "/badge/01234567***.svg"),
    ],
)
def test_only_the_start_of_the_id_of_a_badge_is_logged(path: str, logged: str) -> None:
    assert redact_log(path) == logged


def test_the_id_of_a_badge_is_not_removed_from_other_texts() -> None:
    for text in f"/v1/series/shop/{BADGE}", f"/v1/series/badge-{BADGE}", "/badge/7d4c3795887d4c37":
        assert redact_log(text) == text
