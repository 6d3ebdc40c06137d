"""Details of errors of versions: what failed, why, and what to do.

1.2.57 was adopted for the name, and the token a has 1.2.58 and 1.3.0-rc.1.
"""

from __future__ import annotations

import pytest

from support.server import Client

DETAILS = {
    "?version=2.5.0&bump=patch": (
        "`version` cannot be combined with `bump`. It assigns exactly this version. Omit one of "
        "the two."
    ),
    "?version=2.5.0&base=1.2.58": (
        "`version` cannot be combined with `base`. It assigns exactly this version. Omit one of "
        "the two."
    ),
    "?version=2.5": (
        "`version` is invalid. '2.5' is not a semantic version. Write three numbers without "
        "leading zeros, for example 1.4.2 or v1.4.2."
    ),
    "?version=1.2.30": (
        "Version 1.2.30 of <name> cannot be assigned. It must be higher than 1.2.58, the newest "
        "version of its line. Use a higher version."
    ),
    "?version=0.9.0": (
        "Version 0.9.0 of <name> cannot be assigned. It must be higher than 1.2.58, the newest "
        "version of the name. Use a higher version."
    ),
    "?version=1.2.58": "Version 1.2.58 of <name> belongs to 'a'. Use another version.",
    "?calendar=YYYY.M": (
        "`calendar` requires `bump=calendar`. Add that parameter, or omit this one."
    ),
    "?bump=calendar&calendar=YYYY.MM": (
        "`calendar` must be `YYYY.M`, `YY.M`, `YYYY.MMDD` or `YYYY`, not `YYYY.MM`."
    ),
    "?bump=calendar&line=2026": (
        "`bump=calendar` cannot be combined with `line`. The date determines the line. Omit `line`."
    ),
    "?spelling=deb": (
        "`spelling` requires `format=text`. Add that parameter, or read the member `spellings` of "
        "the JSON response."
    ),
    "?format=text&spelling=npm": (
        "`spelling` must be `pep440`, `deb`, `rpm`, `maven` or `docker`, not `npm`."
    ),
    "?format=text&spelling=maven&prerelease=dev": (
        "Versions with the label 'dev' cannot be written for `maven`. Use another label, or "
        "another spelling."
    ),
    "?prerelease=20261129": (
        "`prerelease` must be 1 to 40 letters, digits and hyphens, not only digits, for example "
        "rc or feature-login, not `20261129`."
    ),
    "?prerelease=": (
        "`prerelease` must be 1 to 40 letters, digits and hyphens, not only digits, for example "
        "rc or feature-login, not empty."
    ),
    "?on_withdrawn=true": "`on_withdrawn` must be `fail` or `new`, not `true`.",
    "?bump=auto&commits=Strict": "`commits` must be `lenient` or `strict`, not `Strict`.",
    "?skip_types=docs": (
        "`skip_types` requires `bump=auto`. It affects how commit messages are read. Add that "
        "parameter, or omit this one."
    ),
    "?bump=auto&skip_types=docs,%20ci": (
        "`skip_types` must be 1 to 32 types of commits, separated by commas without spaces, for "
        "example docs,ci, not `docs, ci`."
    ),
    "?bump=auto&base=": (
        "`base` is invalid. '' is not a semantic version. Write three numbers without leading "
        "zeros, for example 1.4.2 or v1.4.2. Use `none` for a name without versions."
    ),
    "?bump=auto&base=1.2.57": (
        "`base` is 1.2.57, but the newest version of <name> is 1.2.58. Read the commits since "
        "1.2.58, and repeat the request with `base=1.2.58`."
    ),
    "?bump=auto&base=none&line=1.2": (
        "`base` is `none`, but the newest version on line 1.2 is 1.2.58. Read the commits since "
        "1.2.58, and repeat the request with `base=1.2.58`."
    ),
    "-new/a?bump=auto&base=1.2.57": (
        "`base` is 1.2.57, but <name> has no version. Read all commits, and repeat the request "
        "with `base=none`."
    ),
    "-new/a?version=0.0.0": (
        "Version 0.0.0 of <name> cannot be assigned. Versions start after it. Use a higher version."
    ),
}
"""The details of errors, by the end of the request. It follows `/v1/versions/<name>`."""


@pytest.mark.parametrize("end", DETAILS)
def test_an_error_states_the_cause_and_the_remedy(
    client: Client, name_with_versions: str, end: str
) -> None:
    name = name_with_versions
    path = f"{name}/never{end}" if end.startswith("?") else f"{name}{end}"
    shown = DETAILS[end].replace("<name>", repr(path.partition("/")[0]))
    assert client.request("PUT", f"/v1/versions/{path}", "fix: a").json()["detail"] == shown
