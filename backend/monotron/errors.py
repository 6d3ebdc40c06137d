"""Every error in one table: class, code, HTTP status, title, Retry-After, meaning and fix.

A class statement is a row. Its docstring has the meaning, and the fix after `Fix:`; causes and an
example are in web/pages/error_guides.toml. `make docs` writes meaning, causes and fix to
docs/errors.md. A `detail` states what failed, why, and what to do. It contains neither a secret nor
a message of the storage engine. `applied` states whether the failed write may have happened (`no`
or `unknown`); the same request may be repeated in both cases.
"""

from monotron.error_base import Applied as Applied
from monotron.error_base import Explanation as Explanation
from monotron.error_base import MonotronError as MonotronError
from monotron.error_base import RejectedIdentity as RejectedIdentity
from monotron.error_base import in_doubt as in_doubt
from monotron.error_base import literal as literal

RETRY_AFTER_SECONDS = 1


class InvalidKey(MonotronError, status=400, code="invalid_key", title="Invalid series key"):
    """The key of a series in the path breaks a rule.
    Fix: percent-encode the UTF-8 bytes of the key (`org/repo` becomes `org%2Frepo`). Replace a key
    that is too long with a hash. Remove a newline at the end of a variable."""


class InvalidToken(MonotronError, status=400, code="invalid_token", title="Invalid token"):
    """The token in the path breaks one of the rules for series keys.
    Fix: see *Invalid series key*."""


class InvalidName(MonotronError, status=400, code="invalid_name", title="Invalid version name"):
    """The version name in the path or the body breaks a rule.
    Fix: see *Invalid series key*, or use a shorter name."""


class InvalidVersion(MonotronError, status=400, code="invalid_version", title="Invalid version"):
    """A version in the path, the body, `version`, `initial`, `base` or `before` is not valid.
    Fix: pass three numbers without leading zeros, such as `1.4.2` or `v1.4.2`."""


class InvalidRequest(MonotronError, status=400, code="invalid_request", title="Invalid request"):
    """The query, the headers or the body are invalid.
    Fix: `detail` names the parameter or member and the allowed values; see [api.md](api.md)."""


class InvalidHost(MonotronError, status=400, code="invalid_host", title="Host header not allowed"):
    """Without credentials, the server only answers requests for `localhost`, names that end in
    `.localhost`, and loopback addresses, as a protection against DNS rebinding.
    Fix: use `http://127.0.0.1:3030`, or set a root key to serve other host names."""


class Unauthenticated(
    MonotronError, status=401, code="unauthenticated", title="Authentication failed"
):
    """The request has no credentials, or they are invalid.
    Fix: send the secret of an API key as `Authorization: Bearer SECRET`, or as Basic `key:secret`.
    If an identity token has a valid signature, `detail` names the check that failed. The operator
    finds the reason in the server's [log](operations.md#rejected-requests), by the `X-Request-Id`
    of the response."""

    def __init__(
        self, detail: str, *, reason: str = "", claim: str = "", applied: Applied = "no"
    ) -> None:
        """*reason* is for the log, without personal data [default: the first sentence]. *claim* is
        the claim of an identity token that is the reason."""
        super().__init__(detail, applied=applied)
        self.reason = reason or detail.partition(". ")[0]
        self.claim = claim


class TokenReplayed(
    MonotronError, status=401, code="token_replayed", title="Identity token already used"
):
    """An identity token belongs to one CI job and is limited to the first 100 paths that it writes
    to (the setting `operations_per_identity`). Repeated requests to one of them are always allowed.
    Fix: request an identity token for each step, or run the job again."""


class Forbidden(MonotronError, status=403, code="forbidden", title="Permission denied"):
    """The credentials are valid, but do not allow this request. The response does not reveal
    whether the resource exists.
    Fix: `detail` names the scope. An administrator of the account can create an API key with it.
    Behind a proxy, set a root key."""


class SeriesNotFound(MonotronError, status=404, code="series_not_found", title="Series not found"):
    """The series does not exist.
    Fix: check the key and its percent-encoding. The first `PUT` of a token creates the series."""


class EntryNotFound(MonotronError, status=404, code="entry_not_found", title="Entry not found"):
    """The series has no value for this token.
    Fix: check the key and the token. `PUT` to the same path assigns a value."""


class VersionNotFound(
    MonotronError, status=404, code="version_not_found", title="Version not found"
):
    """The version does not exist.
    Fix: check name, token and version. `GET /v1/releases/{name}` lists the versions."""


class LineNotFound(
    MonotronError, status=404, code="line_not_found", title="Release line not found"
):
    """`line` names a major or minor version without a final version. Withdrawn versions do not
    count.
    Fix: create the first final version of the line with `bump=major` or `bump=minor` and without
    `line`, promote a pre-release with `bump=final`, or adopt a version."""


class GrantNotFound(MonotronError, status=404, code="grant_not_found", title="API key not found"):
    """The account has no API key with this id that the caller may see.
    Fix: list the API keys with `GET /v1/accounts/{account}/grants`."""


class AttributeNotFound(
    MonotronError, status=404, code="attribute_not_found", title="Attribute not found"
):
    """The token has no attribute with this name.
    Fix: check key, token and name. `GET …/attrs` lists the attributes of the token."""


class TrustNotFound(
    MonotronError, status=404, code="trust_not_found", title="Trust policy not found"
):
    """The account has no trust policy with this id that the caller may see.
    Fix: list them with `GET /v1/accounts/{account}/trusts`."""


class BadgeNotFound(MonotronError, status=404, code="badge_not_found", title="Badge not found"):
    """No badge that the caller may see has this id.
    Fix: list the badges with `GET /v1/badges`. `POST /v1/badges` creates one; a new badge has
    another id."""


class PathNotFound(MonotronError, status=404, code="not_found", title="Path not found"):
    """The server has no such path.
    Fix: paths of the API start with `/v1` and have no trailing slash. In names and tokens write `/`
    as `%2F`."""


class MethodNotAllowed(
    MonotronError, status=405, code="method_not_allowed", title="Method not allowed"
):
    """The path exists, but does not support this method.
    Fix: use one of the methods in the `Allow` header."""


class SeriesExhausted(MonotronError, status=409, code="series_exhausted", title="Series exhausted"):
    """The series has no value left.
    Fix: use a series with another key. `DELETE` with `restart=true` restarts the series at 1, so
    every value is assigned a second time."""


class ValueWouldFall(
    MonotronError, status=409, code="value_would_fall", title="Value would decrease"
):
    """Values of a series and versions of a name never decrease. Versions start after 0.0.0.
    Fix: use a higher value or version than the one in `detail`. To advance a series or to adopt a
    version, the same one is sufficient. See also [versions.md](versions.md#calendar-versions)."""


class AlreadyReleased(
    MonotronError, status=409, code="already_released", title="Version already released"
):
    """The version exists, or a higher one of its line.
    Fix: create a pre-release of the next version and promote that, or use `bump=patch`. Or request
    a higher `version`."""


class VersionWithdrawn(
    MonotronError, status=409, code="version_withdrawn", title="Version withdrawn"
):
    """The version was withdrawn. A withdrawn version is never assigned again.
    Fix: build a new commit, or add `on_withdrawn=new`: the token gets a new version. To use the
    withdrawn version again, reverse the withdrawal."""


class BaseOutdated(MonotronError, status=409, code="base_outdated", title="Outdated base version"):
    """`base` is not the newest final version (of the line), so commits could be missing or be
    counted twice. The members `version` and `token` contain the newest one, or `null`.
    Fix: read the commits since that version, and send it as `base`."""

    def __init__(self, detail: str, *, version: str | None, token: str | None) -> None:
        super().__init__(detail)
        self.version = version
        self.token = token

    def members(self) -> dict[str, str | None]:
        return {"version": self.version, "token": self.token}


class InitialRequired(
    MonotronError, status=409, code="initial_required", title="Name without versions"
):
    """The request has `initial=required`, and the name has no versions. Earlier versions of the
    project would be assigned a second time.
    Fix: adopt the last released version, or pass it as `initial`. Omit `initial` if there is
    none."""


class AmbiguousAccount(
    MonotronError, status=409, code="ambiguous_account", title="Account not named"
):
    """The identity token is valid, but neither the path nor its audience names an account.
    Fix: use a path that starts with `/v1/accounts/{account}`, or request an identity token with the
    audience `{audience}/accounts/{account}`. See [security.md](security.md#several-tenants)."""


class RepositoryRenamed(
    MonotronError, status=409, code="repository_renamed", title="Repository renamed"
):
    """The trust policy derives names from the path of the repository, which has changed.
    Fix: [rename its versions](operations.md#rename-a-name), or create a trust policy of this
    repository that allows the earlier name, and set the input `name` to it. See
    [security.md](security.md#organizations-and-groups)."""


class NameRenamed(MonotronError, status=410, code="name_renamed", title="Name renamed"):
    """The name, or the name that the series belongs to, was renamed with `monotron rename`.
    Fix: use the new name that `detail` states, with credentials that may use it. See
    [operations.md](operations.md#rename-a-name)."""


class AccountNameTaken(
    MonotronError, status=409, code="account_name_taken", title="Account name already in use"
):
    """Names of accounts are unique.
    Fix: use another name, or rename the other account first. `GET /v1/accounts?name=NAME` shows
    which account has a name."""


class QuotaExceeded(MonotronError, status=409, code="quota_exceeded", title="Quota exceeded"):
    """The account has reached a limit of the operator. Values of existing series are not limited.
    Fix: delete those that are not used, or ask the operator to raise the setting in `detail`. For
    too many creators, use the root key or an API key that was not created by so many others."""


class BodyTooLarge(
    MonotronError, status=413, code="body_too_large", title="Request body too large"
):
    """The body is larger than allowed.
    Fix: shorten the body. For `bump=auto`, send only the commits since the last version."""


class UnsupportedMediaType(
    MonotronError, status=415, code="unsupported_media_type", title="Unsupported media type"
):
    """The body must be JSON that is not compressed.
    Fix: send `Content-Type: application/json` without `Content-Encoding` (`curl --json DATA`, with
    curl 7.82 or newer)."""


class TokenTaken(
    MonotronError, status=422, code="token_taken", title="Token already has a different version"
):
    """The token already has a version from another `bump`, `line` or `version`; each pre-release
    label counts separately. A version never changes. The members `version` and `bump` contain the
    stored one.
    Fix: repeat the original request, add `on_conflict=reuse` to accept the stored version, or
    build a new commit."""

    def __init__(self, detail: str, *, version: str, bump: str) -> None:
        super().__init__(detail)
        self.version = version
        self.bump = bump

    def members(self) -> dict[str, str]:
        return {"version": self.version, "bump": self.bump}


class WithdrawalReplaced(TokenTaken, status=409, code=TokenTaken.code, title=TokenTaken.title):
    """The withdrawal cannot be reversed. The request is valid, but conflicts with the new version
    of the token, so the status is that of a conflict."""


class OutOfLine(
    MonotronError, status=422, code="out_of_line", title="Bump not allowed on this line"
):
    """The bump would leave the line. With `bump=auto`, `detail` quotes the commit message that
    requires it.
    Fix: use a smaller bump, or omit `line`."""


class InvalidBump(MonotronError, status=422, code="invalid_bump", title="Invalid bump"):
    """This bump is not possible.
    Fix: see `detail`. Add `prerelease` to `bump=final` to select a label."""


class NoSpelling(MonotronError, status=422, code="no_spelling", title="No such spelling"):
    """The version cannot be written in the requested `spelling`.
    Fix: use another label for pre-releases, or another spelling: see
    [versions.md](versions.md#which-spelling-for-which-ecosystem)."""


class TooManyRequests(
    MonotronError, status=429, code="too_many_requests", title="Rate limit exceeded"
):
    """A limit of the operator is exceeded. Valid API keys and identity tokens are not limited by
    failed authentication, but the root key is, unless it was valid within the last hour.
    Fix: wait for `Retry-After` seconds, then repeat the request. The operator can raise the limits,
    see [configuration.md](configuration.md)."""

    def __init__(self, detail: str, *, retry_after: int, limit: str) -> None:
        """*retry_after* is the number of whole seconds to wait, at least 1. *limit* names the
        limit, for the metrics."""
        super().__init__(detail)
        self.retry_after = retry_after
        self.limit = limit


class InternalError(MonotronError, status=500, code="internal_error", title="Internal error"):
    """Monotron could not process the request. `applied` is `unknown` if a write may have happened.
    Fix: find the `X-Request-Id` of the response in the server's log, and report the log entry."""

    def __init__(
        self, detail: str, *, applied: Applied = "no", is_contradiction: bool = False
    ) -> None:
        """*is_contradiction*: whether rows of the store contradict each other, for the metrics."""
        super().__init__(detail, applied=applied)
        self.is_contradiction = is_contradiction


class StorageFull(MonotronError, status=507, code="storage_full", title="Storage full"):
    """The server could not write. `applied` is `unknown` if the commit failed.
    Fix: free disk space and repeat the request. A restart is not required."""


class StoreUnavailable(
    MonotronError, status=503, code="store_unavailable", title="Store unavailable"
):
    """The store did not respond in time, or failed. `applied` is `unknown` if the outcome of a
    write is not known.
    Fix: repeat the request after `Retry-After` seconds. If the error persists, the server's log
    names the cause."""

    retry_after = RETRY_AFTER_SECONDS


class Draining(MonotronError, status=503, code="draining", title="Server is shutting down"):
    """The server is shutting down and accepts no new requests.
    Fix: repeat the request after `Retry-After` seconds, or send it to another server."""

    retry_after = RETRY_AFTER_SECONDS


class StartupError(Exception):
    """The server cannot start: a setting is invalid, or the store cannot be used."""


class InvalidSetting(StartupError):
    """A setting, or a combination of settings, is invalid. A restart does not help."""
