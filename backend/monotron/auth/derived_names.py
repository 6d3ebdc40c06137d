"""Names that follow from the repository of a CI job, for trust policies of a whole organization.

The first job of a repository binds the derived name to the repository's permanent id. Otherwise, a
new repository with the path of an earlier one would continue its versions, and a renamed one
would start again at the first version.
"""

import re
from collections.abc import Iterator
from typing import Any

from monotron.auth.bounded_cache import BoundedCache
from monotron.auth.oidc import Identity, Mismatch, quoted
from monotron.auth.oidc.providers import PROVIDERS
from monotron.auth.trust_schema import TrustPolicy
from monotron.errors import Forbidden, RepositoryRenamed
from monotron.model.name_patterns import NamePatterns
from monotron.services.executor import StoreExecutor
from monotron.store import Store
from monotron.store.auth_interface import AuthRecord, AuthRecords, RecordChange
from monotron.store.renames import RenameRefused

MAX_CACHED = 20_000
MAX_PATH_CHARACTERS = 180
"""The limit for a path, so that names below the derived one have at most 200 characters."""

_PATH = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+")
"""It contains neither `:` nor `*`, so different paths have different names."""

_REPOSITORY_ID = re.compile(r"[1-9][0-9]{0,19}")


def derived_names(policy: TrustPolicy, identity: Identity) -> NamePatterns | Mismatch:
    """The names of the job: `gh:acme:shop` and `gh:acme:shop:*` for the repository acme/shop.

    A Mismatch if the trust policy does not allow them, or if the token lacks a valid path or the
    id of the repository.
    """
    provider = PROVIDERS[policy.rule.kind]
    id = identity.claims.get(provider.repository_claim)
    if not isinstance(id, str) or not _REPOSITORY_ID.fullmatch(id):
        reason = f"No repository is identified by `{provider.repository_claim}` {quoted(id)}"
        return Mismatch(reason, claim=provider.repository_claim)
    path = identity.claims.get(provider.path_claim)
    if not isinstance(path, str) or len(path) > MAX_PATH_CHARACTERS or not _PATH.fullmatch(path):
        reason = f"No name can be derived from `{provider.path_claim}` {quoted(path)}"
        return Mismatch(reason, claim=provider.path_claim)
    name = f"{provider.name_prefix}{path.replace('/', ':')}"
    names = NamePatterns((name, f"{name}:*"))
    if not policy.names.covers(names):
        reason = f"{policy.description_in_errors} does not allow the derived name {quoted(name)}"
        return Mismatch(reason[0].upper() + reason[1:], claim=provider.path_claim)
    return names


class RepositoryBindings:
    """Which repository a derived name belongs to, per account, permanently."""

    def __init__(self, store: Store, executor: StoreExecutor) -> None:
        self._records = store.auth_records
        self._executor = executor
        self._bound: BoundedCache[tuple[int, str, str], bool] = BoundedCache(MAX_CACHED)

    async def bind(
        self,
        account: int,
        identity: Identity,
        kind: str,
        names: NamePatterns,
        *,
        is_report: bool = False,
    ) -> None:
        """Bind the derived *names* to the repository of the identity, unless they are bound to it.

        A report changes nothing. Raises Forbidden if they belong to another repository, and
        RepositoryRenamed if the repository has other names. Atomic: of two repositories with equal
        names, one gets them.
        """
        name = names.texts[0]
        repository = f"{identity.issuer} {identity.claims[PROVIDERS[kind].repository_claim]}"
        key = (account, name, repository)
        if key not in self._bound:
            try:
                await self._executor.run(self._bind, account, name, repository, is_report)
            except (Forbidden, RepositoryRenamed) as error:
                error.claim = PROVIDERS[kind].path_claim
                raise
            if not is_report:
                self._bound.put(key, True)

    def _bind(self, account: int, name: str, repository: str, is_report: bool) -> None:
        body = {"name": name, "repository": repository}
        by_repository = AuthRecord(_of_repository(account, repository), account, body)
        while True:
            added = []
            for outer in _enclosing(name):
                row = AuthRecord(_of_name(account, outer), account, body)
                found = self._records.find("binding", row.name)
                if found is None:
                    added.append(row)
                elif _is_taken(found, outer, name, repository):
                    raise _taken(name, found.body)
            found = self._records.find("binding", by_repository.name)
            if found is not None:
                if found.body["name"] == name:
                    return
                raise _renamed(found.body, name)
            changes = [RecordChange("binding", None, row) for row in (*added, by_repository)]
            if is_report or self._records.change(changes):
                return


def moved_binding(records: AuthRecords, account: int, old: str, new: str) -> Iterator[RecordChange]:
    """The changes of bindings if a derived name is renamed to that of another path.

    The old name remains bound to its repository: otherwise, a new repository with its path could
    use what is below it. Raises RenameRefused if the new name belongs to another repository.
    """
    bound = records.find("binding", _of_name(account, old))
    if bound is None or bound.body["name"] != old:
        return
    is_path = new.partition(":")[0] == old.partition(":")[0] and new.count(":") >= 2
    if not is_path or new.startswith(f"{old}:"):
        return  # the path of the repository is still that of the old name
    repository = bound.body["repository"]
    body = {"name": new, "repository": repository}
    for outer in _enclosing(new):
        row = AuthRecord(_of_name(account, outer), account, body)
        found = records.find("binding", row.name)
        if found is None:
            yield RecordChange("binding", None, row)
        elif _is_taken(found, outer, new, repository):
            raise RenameRefused(f"{new!r} belongs to another repository. Use another name.")
    before = records.find("binding", _of_repository(account, repository))
    if before is not None and before.body != body:
        yield RecordChange("binding", before, before._replace(body=body))


def _of_name(account: int, name: str) -> str:
    return f"{account:019d} name {name}"


def _of_repository(account: int, repository: str) -> str:
    return f"{account:019d} repository {repository}"


def _is_taken(found: AuthRecord, outer: str, name: str, repository: str) -> bool:
    """Whether the binding of *outer*, which encloses *name*, belongs to another repository.

    If not, it reserves an enclosing name for a group of repositories.
    """
    return bool(found.body["repository"] != repository) and (
        outer == name or found.body["name"] == outer
    )


def _enclosing(name: str) -> Iterator[str]:
    """The name, and the names whose `:*` contains it: `gl:a:b` for `gl:a:b:c`."""
    parts = name.split(":")
    for count in range(len(parts), 2, -1):
        yield ":".join(parts[:count])


def _taken(name: str, body: dict[str, Any]) -> Forbidden:
    id = body["repository"].rpartition(" ")[2]
    error = Forbidden(
        f"The name {name!r} belongs to another repository. {body['name']!r} was first used by the "
        f"repository with the id {id}. To continue its versions in this repository, ask an "
        "administrator to create a trust policy for this repository with the names that it may "
        "use."
    )
    error.reason = f"the derived name {name!r} belongs to another repository"
    return error


def _renamed(body: dict[str, Any], name: str) -> RepositoryRenamed:
    return RepositoryRenamed(
        f"The repository was renamed. Its versions have the name {body['name']!r}, and its "
        f"path is now that of {name!r}. To continue them, ask an administrator to run `monotron "
        f"rename {body['name']} {name}`, or for a trust policy of this repository that allows "
        f"{body['name']!r}, and set the input `name` to it."
    )
