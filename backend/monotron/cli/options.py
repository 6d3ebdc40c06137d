"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import click

from monotron.cli.account_names import account_id
from monotron.cli.command import DEFAULT_URL, Function
from monotron.cli.output import CommandOutput, Invocation, print_warning
from monotron.model.account_names import ACCOUNT_NAME_RULE, is_account_name
from monotron_ci.client import Client
from monotron_ci.credential import Credential, parse_credential
from monotron_ci.http import RetryPolicy
from monotron_ci.responses import INT64_MAX

KEY_ID = re.compile(r"mtk_k_[0-9A-Za-z]{8}")


class Checked(click.ParamType):  # type: ignore[type-arg]
    """A value that a function parses. Its ValueError states the valid values.

    Messages never contain the value, because it may be a secret.
    """

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def integer(name: str, minimum: int, maximum: int) -> Checked:
    """The type of integers from *minimum* to *maximum*. Errors call them *name*."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,19}", text) or not minimum <= int(text) <= maximum:
            raise ValueError(f"must be an integer from {minimum} to {maximum}")
        return int(text)

    return Checked(name, parse)


def _id(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,18}", text) or int(text) > INT64_MAX:
        raise ValueError("must be a positive integer")
    return int(text)


def _account(text: str) -> int | str:
    """An id, or the name of an account. Raises ValueError."""
    if is_account_name(text):
        return text
    try:
        return _id(text)
    except ValueError:
        raise ValueError("must be the id of an account, or its name, such as acme") from None


def _account_name(text: str) -> str:
    if not is_account_name(text):
        raise ValueError(f"must have {ACCOUNT_NAME_RULE}")
    return text


def _key_id(text: str) -> str:
    """The id of an API key, from the id or from the complete secret. Raises ValueError."""
    match = re.fullmatch(rf"({KEY_ID.pattern})(_.*)?", text)
    if match is None:
        raise ValueError(
            "must be the id of an API key: mtk_k_ and 8 characters, as `monotron key list` shows it"
        )
    return match[1]


def _claim(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ValueError("must be NAME=VALUE, such as ref=refs/heads/main")
    return name, value


NEVER = "never"

_DURATION = re.compile(r"(0|[1-9][0-9]{0,4})([dh])")


def _duration(text: str) -> int:
    """The seconds of a number of days or hours. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("must be a number of days or hours, such as 7d or 12h")
    return int(match[1]) * (24 if match[2] == "d" else 1) * 3600


def _expiry(text: str) -> str:
    """The time in *text*, or the one that is *text* days or hours from now, or `NEVER`.

    Raises ValueError.
    """
    if text == NEVER:
        return text
    match = re.fullmatch(r"([1-9][0-9]{0,4})([dh])", text)
    if match is None:
        if re.match(r"[0-9]{4}-", text):
            return text
        raise ValueError(
            "must be a number of days or hours, such as 90d, a time, such as "
            "2027-01-31T00:00:00Z, or never"
        )
    hours = int(match[1]) * (24 if match[2] == "d" else 1)
    return f"{datetime.now(UTC) + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"


ID = Checked("id", _id)
ACCOUNT = Checked("account", _account)
ACCOUNT_NAME = Checked("name", _account_name)
KEY = Checked("key", _key_id)
CLAIM = Checked("name=value", _claim)
DURATION = Checked("7d", _duration)
EXPIRY = Checked("90d|time|never", _expiry)

url_option = click.option(
    "--url",
    metavar="URL",
    envvar="MONOTRON_URL",
    default=DEFAULT_URL,
    show_default=True,
    show_envvar=True,
    help="Server URL.",
)

URL_SOURCE = "--url or MONOTRON_URL"

account_option = click.option(
    "--account",
    metavar="ACCOUNT",
    type=ACCOUNT,
    envvar="MONOTRON_ACCOUNT",
    show_envvar=True,
    show_default="that of the API key",
    help="Use the account with this id or name, and check that the response belongs to it.",
)


def retry_options(function: Function) -> Function:
    """Add `--timeout` and `--retries`."""
    function = click.option(
        "--retries",
        metavar="N",
        type=integer("n", 0, 100),
        default=8,
        show_default=True,
        help="Retry each request up to N times.",
    )(function)
    return click.option(
        "--timeout",
        metavar="SECONDS",
        type=integer("seconds", 1, 3600),
        default=60,
        show_default=True,
        help="Give up after SECONDS, for all requests of the command together.",
    )(function)


def client_options(function: Callable[..., CommandOutput]) -> Callable[..., CommandOutput]:
    """Add `--url`, `--account`, `--timeout` and `--retries`, and pass the `Client` that they
    describe.
    """

    @functools.wraps(function)
    def call(
        url: str, account: int | str | None, timeout: int, retries: int, **arguments: Any
    ) -> CommandOutput:
        policy = retry_policy(timeout, retries)
        if isinstance(account, str):
            account = account_id(Client(url, credential(), policy, URL_SOURCE), account)
        client = Client(url, credential(), policy, URL_SOURCE, account=account, warn=print_warning)
        return function(client, **arguments)

    return url_option(account_option(retry_options(call)))


def output_option(*formats: str) -> Callable[[Function], Callable[..., CommandOutput]]:
    """Add `--output`, which selects one of these formats for the result."""

    def add(function: Function) -> Callable[..., CommandOutput]:
        @functools.wraps(function)
        def call(output_format: str, **arguments: Any) -> CommandOutput:
            result: CommandOutput = function(**arguments)
            return replace(result, format=output_format)

        return click.option(
            "--output",
            "output_format",
            type=click.Choice(formats),
            default="text",
            show_default=True,
            is_eager=True,
            callback=_remember_format,
            help="Output format, also that of errors if it is `json`.",
        )(call)

    return add


def _remember_format(ctx: click.Context, _: click.Parameter, value: str) -> str:
    """Tell `main` the format, which it uses for errors, too."""
    ctx.ensure_object(Invocation).output_format = value
    return value


def retry_policy(timeout: int, retries: int) -> RetryPolicy:
    """A policy that prints a warning before each retry."""
    return RetryPolicy(timeout, retries, on_retry=print_warning)


def credential() -> Credential | None:
    """The API key from the environment only: all users of a machine can see command lines."""
    text = os.environ.get("MONOTRON_API_KEY", "")
    return parse_credential(text, "MONOTRON_API_KEY") if text else None


def passed(ctx: click.Context, name: str) -> bool:
    """Whether the parameter is on the command line."""
    return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def fail_usage(text: str) -> NoReturn:
    """Reject a combination of options of the current command."""
    raise click.UsageError(text, click.get_current_context())
