"""How a careful client counts on etcd, through its JSON gateway.

It reads the counter and what its token got, and if that is nothing, writes both in a transaction
that holds only if the counter is still the one that it read and the token is still without a
value. If it lost, it waits a random time, longer with every loss, and reads again.
"""

from __future__ import annotations

import json
import random
from base64 import b64decode, b64encode
from collections.abc import Iterator
from itertools import cycle
from typing import Any

from bench.conversations import Conversation
from bench.targets import Target, new_tokens

FIRST_PAUSE = 0.004
"""About as long as one attempt takes."""

MAX_PAUSE = 0.5


def conversations(target: Target) -> Iterator[Conversation]:
    """One for each new token, on the series of *target* in turn."""
    for number, token in zip(cycle(range(target.series)), new_tokens(), strict=False):
        yield _count(f"{target.key}-{number}", f"{token:040x}")


def _count(series: str, token: str) -> Conversation:
    counter, given = _bytes(series), _bytes(f"{series}/{token}")
    reads = [{"requestRange": {"key": counter}}, {"requestRange": {"key": given}}]
    pause = FIRST_PAUSE
    while True:
        read = _answer((yield _transaction(success=reads)))
        at, had = (part["response_range"].get("kvs", []) for part in read["responses"])
        if had:
            return
        value = _bytes(str(int(b64decode(at[0]["value"])) + 1 if at else 1))
        revision = at[0]["mod_revision"] if at else "0"
        compare = [
            {"target": "MOD", "key": counter, "modRevision": revision},
            {"target": "CREATE", "key": given, "createRevision": "0"},
        ]
        writes = [{"requestPut": {"key": key, "value": value}} for key in (counter, given)]
        if _answer((yield _transaction(compare=compare, success=writes))).get("succeeded"):
            return
        yield random.uniform(0, pause)
        pause = min(2 * pause, MAX_PAUSE)


def _transaction(**parts: Any) -> bytes:
    body = json.dumps(parts).encode()
    head = f"POST /v3/kv/txn HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _answer(whole: bytes) -> Any:
    return json.loads(whole[whole.index(b"\r\n\r\n") :])


def _bytes(text: str) -> str:
    return b64encode(text.encode()).decode()
