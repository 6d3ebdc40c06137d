"""Footers that declare a breaking change, and text that resembles them."""

import pytest

from support.commits import FOOTER, bump, bump_and_reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (["", FOOTER], FOOTER),
        (["", "BREAKING-CHANGE: x is gone"], "BREAKING-CHANGE: x is gone"),
        ([FOOTER], FOOTER),
        (["", "Prose.", "", FOOTER], FOOTER),
        (["", "", "", FOOTER, ""], FOOTER),
        (["", FOOTER, "and so is y"], FOOTER),
        (["", FOOTER, "", "More on x.", "", "More yet.", "", "Refs: #1"], FOOTER),
        (["", FOOTER, "", "Prose after it."], FOOTER),
        (["", "Refs: #1", FOOTER], FOOTER),
        (["", "Closes #1", FOOTER], FOOTER),
        (["", "Reviewed-by: Z", "  and others", FOOTER], FOOTER),
        (["", "Reviewed-by: Z", "and others", FOOTER, "Refs: #1"], FOOTER),
        (["", "BREAKING CHANGE: none", FOOTER], FOOTER),
        (["", "BREAKING CHANGE:", "x is gone"], FOOTER),
        (["", "BREAKING CHANGE:", "", "x is gone"], FOOTER),
        (["", "BREAKING CHANGE:", "", "- x is gone"], "BREAKING CHANGE: - x is gone"),
        (["", "BREAKING CHANGE: no longer takes x"], "BREAKING CHANGE: no longer takes x"),
        (["", "BREAKING CHANGE: none of x stays"], "BREAKING CHANGE: none of x stays"),
        (["", "BREAKING CHANGE: <!-- what? --> y"], "BREAKING CHANGE:  y"),
        (["", "## Breaking changes", FOOTER], FOOTER),
        (["", "<!-- What breaks? -->", FOOTER], FOOTER),
        (["", "```", "code", "```", FOOTER], FOOTER),
        (["", "Escape <!-- in templates.", "", FOOTER], FOOTER),
        (["", "```", "never closed", "", FOOTER], FOOTER),
        (["", "````", "```", "````", "", FOOTER], FOOTER),
        (["", "```inline```", "", FOOTER, "", "```"], FOOTER),
        (["", "<!--", "```", "-->", "", FOOTER, "", "```"], FOOTER),
        (["", "Prose.", " <!-- What breaks? -->", FOOTER], FOOTER),
        (["", "BREAKING CHANGE:", "  x is gone"], FOOTER),
        (["", "<details> is an element.", "", FOOTER], FOOTER),
        (["", "BREAKING CHANGES: x and y"], "BREAKING CHANGES: x and y"),
        (["", "BREAKING-CHANGES: x and y"], "BREAKING-CHANGES: x and y"),
        (["", "**BREAKING CHANGE**: x"], "**BREAKING CHANGE**: x"),
        (["", "**BREAKING CHANGES**: x"], "**BREAKING CHANGES**: x"),
        (["", "BREAKING: x is gone"], "BREAKING: x is gone"),
        (["", "Refs: #1", "BREAKING: x is gone"], "BREAKING: x is gone"),
        (["", "BREAKING CHANGES:", "", "- x is gone"], "BREAKING CHANGES: - x is gone"),
        (["", "**BREAKING CHANGE**:", "x is gone"], "**BREAKING CHANGE**: x is gone"),
    ],
)
def test_a_breaking_change_footer_is_major(body: list[str], reason: str) -> None:
    assert bump_and_reason("\n".join(["chore: y", *body])) == ("major", reason)


@pytest.mark.parametrize(
    "body",
    [
        ["", "This is not a BREAKING CHANGE: no one used it."],
        ["", "A footer's token is", "BREAKING CHANGE: as the specification says."],
        ["", "Prose.", FOOTER],
        ["", "Prose.", "Refs: #1", FOOTER],
        ["", "  " + FOOTER],
        ["", "    " + FOOTER],
        ["", "\t" + FOOTER],
        ["", "> " + FOOTER],
        ["", "* " + FOOTER],
        ["", "- " + FOOTER],
        ["", "1. " + FOOTER],
        ["", "# " + FOOTER],
        ["", "`BREAKING CHANGE: x`"],
        ["", "**BREAKING CHANGE:** x"],
        ["", "Breaking change: x"],
        ["", "breaking change: x"],
        ["", "BREAKING_CHANGE: x"],
        ["", "BREAKING NEWS: x"],
        ["", "BREAKINGS: x"],
        ["", "Breaking: x"],
        ["", "**BREAKING CHANGE: x"],
        ["", "BREAKING CHANGE**: x"],
        ["", "*BREAKING CHANGE*: x"],
        ["", "Prose.", "BREAKING: x"],
        ["", "* BREAKING: x"],
        ["", "BREAKING  CHANGE: x"],
        ["", "BREAKING CHANGE x"],
        ["", "BREAKING CHANGE #1"],
        ["", "BREAKING CHANGE:x"],
        ["", "BREAKING CHANGE : x"],
        ["", "BREAKING CHANGE:/BREAKING-CHANGE: footers count."],
        ["", "feat!: y"],
        ["", "feat: y"],
        ["", "* feat!: y"],
        ["", "```", FOOTER, "```"],
        ["", "```", "", FOOTER, "", "```"],
        ["", "```text", "", FOOTER, "```"],
        ["", "~~~", "", FOOTER, "~~~"],
        ["", "~~~ `a`", "", FOOTER, "~~~"],
        ["", "````", "```", "", FOOTER, "```", "````"],
        ["", "   ```", "", FOOTER, "   ```"],
        ["", "```", "```x", "", FOOTER, "```"],
        ["", "```", "never closed", "", "<!--", "", FOOTER, "-->", "", "```x"],
        ["", "<!-- a -->", "Escape <!-- too.", "", "```", "", FOOTER, "```"],
        ["", "<!--", "", FOOTER, "", "-->"],
        ["", "<!-- " + FOOTER + " -->"],
        ["", "Prose <!-- and", "", FOOTER, "", "-->"],
        ["", "<!--", "```", "-->", "", "<!--", "", FOOTER, "-->"],
        ["", "```", "<!--", "```", "", "<!--", "", FOOTER, "-->"],
        ["", "<details>", "<summary>Release notes</summary>", "", FOOTER, "", "</details>"],
    ],
)
def test_similar_text_in_a_body_is_not_a_breaking_change(body: list[str]) -> None:
    assert bump_and_reason("\n".join(["fix: y", *body])) == ("patch", "fix: y")


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        " <!-- What breaks? -->",
        " <!-- What\n\nbreaks? -->",
        "\n<!-- What breaks? -->",
        "\n\nCloses #1",
        "\n\nRefs: #1",
        "\n\nRefs:",
        "\nRefs:\nReviewers:",
        "\n\nBREAKING CHANGE:",
        "\n\n## Checklist\n\nProse.",
        "\n\n---------\n\nCo-authored-by: A <a@example.com>",
        "\n\n- [ ] yes\n- [x] no",
        "\n\n(cherry picked from commit 7d4c379588)",
        "\n\nSee merge request a/b!12",
        " none",
        " None.",
        " NONE",
        " n/a",
        " N/A.",
        " no",
        " No.",
        " -",
        " —",
        " ...",
        " _none_",
        " **No**",
        " (none)",
        " none <!-- or what breaks -->",
        "\n\nNone",
        "\n- none",
    ],
)
@pytest.mark.parametrize("token", ["BREAKING CHANGE", "BREAKING CHANGES", "**BREAKING CHANGE**"])
def test_an_unfilled_template_is_not_a_breaking_change(token: str, value: str) -> None:
    assert bump_and_reason(f"fix: y\n\nProse.\n\n{token}:{value}") == ("patch", "fix: y")


def test_a_footer_without_a_header_is_major() -> None:
    assert bump_and_reason(FOOTER) == ("major", FOOTER)
    assert bump("BREAKING-CHANGE: x") == "major"
    assert bump("BREAKING CHANGE: none") == "patch"
    assert bump("BREAKING CHANGE", "", "x") == "patch"
