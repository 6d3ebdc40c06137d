"""A correct counter on etcd, through its JSON gateway.

The client reads the counter and the value of its token. If the token has no value, it writes both
in a transaction that succeeds only if the counter is unchanged and the token still has no value.
If the transaction fails, it waits a random time, up to a limit that doubles, and starts again.
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

FIRST_PAUSE_SECONDS = 0.004
"""About the duration of one attempt."""

MAX_PAUSE_SECONDS = 0.5


def conversations(target: Target) -> Iterator[Conversation]:
    """One conversation for each new token, on the series of *target* in turn."""
    for number, token in zip(cycle(range(target.series)), new_tokens(), strict=False):
        yield _count(f"{target.key}-{number}", f"{token:040x}")


def _count(series: str, token: str) -> Conversation:
    counter_key, token_key = _base64(series), _base64(f"{series}/{token}")
    reads = [{"requestRange": {"key": counter_key}}, {"requestRange": {"key": token_key}}]
    pause = FIRST_PAUSE_SECONDS
    while True:
        read = _body((yield _transaction(success=reads)))
        counters, tokens = (part["response_range"].get("kvs", []) for part in read["responses"])
        if tokens:
            return
        value = _base64(str(int(b64decode(counters[0]["value"])) + 1 if counters else 1))
        revision = counters[0]["mod_revision"] if counters else "0"
        compare = [
            {"target": "MOD", "key": counter_key, "modRevision": revision},
            {"target": "CREATE", "key": token_key, "createRevision": "0"},
        ]
        keys = (counter_key, token_key)
        writes = [{"requestPut": {"key": key, "value": value}} for key in keys]
        if _body((yield _transaction(compare=compare, success=writes))).get("succeeded"):
            return
        yield random.uniform(0, pause)
        pause = min(2 * pause, MAX_PAUSE_SECONDS)


def _transaction(**parts: Any) -> bytes:
    body = json.dumps(parts).encode()
    head = f"POST /v3/kv/txn HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _body(response: bytes) -> Any:
    return json.loads(response[response.index(b"\r\n\r\n") :])


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()
