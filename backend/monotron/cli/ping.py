"""The command that checks whether a server is ready, for health checks."""

from __future__ import annotations

import click

from monotron.cli.options import URL_SOURCE, integer, url_option
from monotron.cli.output import CommandOutput
from monotron.cli.sections import ADMINISTRATION
from monotron_ci.client import Client
from monotron_ci.http import RetryPolicy


@ADMINISTRATION.command("ping")
@url_option
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=integer("seconds", 1, 3600),
    default=5,
    show_default=True,
    help="Give up after SECONDS.",
)
def ping(url: str, timeout: int) -> CommandOutput:
    """Check that the server and its store are ready.

    The command sends no credentials, so http:// is allowed for every host. It does not retry.
    """
    client = Client(url, None, RetryPolicy(timeout, retries=0), URL_SOURCE, plain_http=True)
    response = client.request("GET", "/readyz")
    if response.body != b"ready\n":
        raise client.foreign_response(response)
    return CommandOutput(f"{client.url} is ready.\n")
