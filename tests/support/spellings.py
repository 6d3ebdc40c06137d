"""Hypothesis strategies for versions and their spellings."""

from __future__ import annotations

from hypothesis import strategies as st
from semver import Version

from monotron.model.semver import (
    INT64_MAX,
    Final,
    Release,
    VersionName,
    label_and_number,
    parse_label,
    parse_metadata,
)
from monotron.model.spellings import Spellings
from monotron.model.spellings import spellings as of_release

PYTHON_LABELS = ["alpha", "beta", "rc", "dev"]
MAVEN_LABELS = ["alpha", "beta", "milestone", "rc", "cr"]

_numbers = st.integers(0, 12) | st.sampled_from([99, 100, 10**18, INT64_MAX])
_components = st.integers(0, 2) | _numbers

labels = (
    st.sampled_from([*PYTHON_LABELS, *MAVEN_LABELS, "SNAPSHOT", "pr-12", "a1", "1a", "12-0a"])
    | st.text("01aB-", min_size=1, max_size=6).filter(lambda text: not text.isdigit())
).map(parse_label)

metadata = st.sampled_from(
    [None, "sha.7d4c379", "0", "001", "9", "a-b", "a--b.-c-", "-", "RC.1", "z", "20261129.007"]
).map(lambda text: text and parse_metadata(text))


def spellings(version: Version, metadata: str | None) -> Spellings:
    """The spellings of a version."""
    name = VersionName(1, "shop")
    release = Release(name, "a", Final.of(version), *label_and_number(version), metadata=metadata)
    return of_release(release)


def pre_release(target: Version, label: str, number: int) -> Version:
    return target.replace(prerelease=f"{label}.{number}")


@st.composite
def any_spelled(draw: st.DrawFn, labels: st.SearchStrategy[str]) -> Spellings:
    """The spellings of a version: a final one, or one with a label."""
    pre = draw(st.none() | st.tuples(labels, _numbers))
    version = Version(1, *draw(st.tuples(_components, _components)))
    return spellings(version if pre is None else pre_release(version, *pre), draw(metadata))


@st.composite
def spelled_pairs(draw: st.DrawFn, labels: st.SearchStrategy[str]) -> tuple[Spellings, Spellings]:
    """The spellings of two versions of a label, or final versions: the lower one comes first."""
    label = draw(labels)
    components = st.tuples(_components, _components, _components)
    target, number = draw(components), draw(st.none() | _numbers)
    near = st.just(target) | st.builds(lambda patch: (*target[:2], patch), _components)
    other_target, other_number = draw(
        st.tuples(near | components, st.none() | _numbers).filter(
            lambda other: other != (target, number)
        )
    )
    first, second = (
        Version(*core) if number is None else pre_release(Version(*core), label, number)
        for core, number in ((target, number), (other_target, other_number))
    )
    return (
        spellings(min(first, second), draw(metadata)),
        spellings(max(first, second), draw(metadata)),
    )
