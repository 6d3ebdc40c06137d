"""The interface of stores for versions. `interface.py` states what all methods have in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial

from monotron.model.semver import Release, VersionName
from monotron.model.versions.batch import Results
from monotron.model.versions.requests import Request


class ReleaseStore(ABC):
    """The versions of all names.

    A version of a name has at most one release. A token has at most one release of a name that was
    not withdrawn, per pre-release label and for final versions. A withdrawn version is never
    assigned again. If a final version was answered before a request begins that requests another
    one, without a line, then the new one is higher, unless the former was withdrawn meanwhile.
    """

    @abstractmethod
    def decide(self, requests: Sequence[Request]) -> Results:
        """Decide about requests, as if each had arrived alone, in this order.

        `model.versions.rules.decide` defines the result of each request, and what is written for
        it: values of series and records, together or not at all. The call is one transaction, and
        everything that a result states was true at some moment since the call began. An error that
        affects one request is returned in place of its result. An error that affects all requests
        is raised. A withdrawal, and its reversal, is the only request of its call.
        """

    def begin_decide(self, requests: Sequence[Request]) -> Callable[[], Results]:
        """Begin `decide` without blocking, and return a callable that finishes it.

        The callable blocks, may run on another thread, and must be called. Before it has returned,
        nothing is durable.
        """
        return partial(self.decide, requests)

    @abstractmethod
    def page(
        self, name: VersionName, key_range: tuple[str, str], label: str | None, limit: int
    ) -> list[Release]:
        """At most *limit* releases in a range of sort keys, the highest version first.

        *key_range*, a result of `model.semver.sort_key_range`, includes its start and excludes its
        end. With *label*, only releases with this label; with an empty one, only final versions.
        """

    @abstractmethod
    def tokens(self, name: VersionName, token_range: tuple[str, str], limit: int) -> list[str]:
        """At most *limit* tokens in a range that have a release of the name, each of them once.

        *token_range* includes its start and excludes its end. In order of the code points.
        """

    @abstractmethod
    def recent(self, account: int, limit: int, is_visible: Callable[[str], bool]) -> list[Release]:
        """The *limit* newest releases of names for which *is_visible* returns true, newest first.

        At most 2,000 releases of other names are read.
        """

    @abstractmethod
    def names(self, account: int, prefix: str, after: str, limit: int) -> list[str]:
        """At most *limit* names that start with *prefix* and follow *after*.

        Those with a release, and those whose first version was counted in a series
        (`name_of_first_key`), even if they have no version any more. In order of the code points.
        """
