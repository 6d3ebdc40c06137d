"""Which versions the tags of a repository show, and which commits have them."""

from __future__ import annotations

import pytest

from monotron.cli.tag_history import TagHistory, tag_history


def history(*tags: str, prefix: str = "v", newest: str = "2.0.0") -> TagHistory:
    """The history of tags that are on different commits, except those with `=COMMIT`."""
    pairs = (tag.partition("=") for tag in tags)
    return tag_history({tag: commit or tag for tag, _, commit in pairs}, prefix, newest)


def test_versions_are_in_ascending_order_and_end_with_the_newest_one() -> None:
    found = history("v1.10.0", "v1.9.0", "v2.0.0", "v2.0.1", "v0.0.0", "other", "1.5.0")
    assert [each.text for each in found.versions] == ["1.9.0", "1.10.0", "2.0.0"]


def test_the_highest_version_of_a_commit_has_it() -> None:
    found = history("v1.0.0=a", "v1.1.0=a", "v1.2.0=b")
    assert [(each.text, each.commit) for each in found.versions] == [
        ("1.0.0", None),
        ("1.1.0", "a"),
        ("1.2.0", "b"),
    ]


def test_build_metadata_is_separate() -> None:
    (version,) = history("v1.0.0+sha.5").versions
    assert (version.text, version.metadata) == ("1.0.0", "sha.5")


@pytest.mark.parametrize("prefix", ["v", "web-v", "@acme/web@", ""])
def test_the_last_pre_release_of_each_label_and_target_counts(prefix: str) -> None:
    tags = ("3.0.0-rc.2", "3.0.0-rc.10", "2.1.0-rc.1", "3.0.0-pr-12.1", "2.0.0-rc.9", "2.0.0")
    others = ("3.0.0-rc", "3.0.0-rc1", "3.0.0-1", "3.0.0-rc.0", "3.0.0-a.b.1", "3.0.0-12.1")
    found = history(*(f"{prefix}{tag}" for tag in (*tags, *others)), prefix=prefix)
    assert [each.text for each in found.pre_releases] == [
        "2.1.0-rc.1",
        "3.0.0-pr-12.1",
        "3.0.0-rc.10",
    ]
    assert found.others == len(others)


def test_pre_releases_of_a_version_that_was_released_elsewhere_do_not_count() -> None:
    found = history("v1.1.1", "v2.0.0-beta.2", "v2.0.0", newest="1.1.1")
    assert [each.text for each in found.versions] == ["1.1.1"]
    assert found.pre_releases == []


def test_a_dry_run_distinguishes_pre_releases_that_are_not_recorded() -> None:
    notes = history("v1.2.0", "v1.3.0-rc.2", "v1.0.5-beta.3", newest="1.2.0").describe()
    assert notes == (
        "versions to record: 1.2.0, 1.3.0-rc.2",
        "pre-releases that are only never assigned again: 1.0.5-beta.3",
    )


def test_labels_and_numbers_that_monotron_does_not_accept_are_ignored() -> None:
    large = "v99999999999999999999.0.0"
    found = history(f"v3.0.0-{41 * 'a'}.1", f"v3.0.0-rc.{20 * '9'}", large, f"{large}-rc.1")
    assert found.versions == found.pre_releases == []


def test_a_dry_run_names_at_most_20_versions() -> None:
    (note,) = history(*(f"v1.0.{number}" for number in range(25))).describe()
    assert note.startswith("versions to record: 5 others, 1.0.5, ")
    assert note.endswith(", 1.0.24")
