"""HTML of single values."""

from __future__ import annotations

import pytest

from monotron.web.pages import markup


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("use `GET`", "use <code>GET</code>"),
        ("see *Invalid key*.", "see <em>Invalid key</em>."),
        ("see [api.md](api.md#x).", "see <cite>docs/api.md</cite>."),
        ("`<b>` & <i>", "<code>&lt;b&gt;</code> &amp; &lt;i&gt;"),
        ("`*:series`, *x*", "<code>*:series</code>, <em>x</em>"),
        ("one ` only, 2 * 3 * 4", "one ` only, 2 * 3 * 4"),
    ],
)
def test_the_markdown_of_errors_becomes_html(text: str, html: str) -> None:
    assert markup.inline_markdown(text) == html


def test_a_text_of_a_caller_is_escaped_and_isolated() -> None:
    assert markup.isolated("<b>é'\"") == "<bdi>&lt;b&gt;é&#x27;&quot;</bdi>"


def test_a_title_of_an_error_becomes_a_link() -> None:
    paths = {"Invalid key": "/errors/invalid_key"}
    html = markup.inline_markdown("see *Invalid key* and *this*", paths)
    assert html == 'see <a href="/errors/invalid_key">Invalid key</a> and <em>this</em>'


def test_an_invisible_character_is_isolated_and_has_a_mark() -> None:
    assert markup.isolated("<\u202e>") == (
        '<bdi>&lt;<span class="invisible" data-code="202E" '
        'title="U+202E RIGHT-TO-LEFT OVERRIDE">\u202e</span>&gt;</bdi>'
    )


def test_a_control_character_is_replaced_by_its_mark() -> None:
    assert markup.marked("\x00a") == (
        '<span class="invisible" data-code="0000" title="U+0000 control character"></span>a'
    )


@pytest.mark.parametrize(
    "text",
    [
        "a b\tc\nd",
        "é ł 超 \u05e9\u05dc\u05d5\u05dd \u3000",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with a non-joiner
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f",  # emoji that consist of several
    ],
)
def test_visible_texts_have_no_marks(text: str) -> None:
    assert markup.marked(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "sh\u200bop",
        "shop\u200d",
        "\u200cshop",
        "a\u200db",
        "a\ufe0f",
        "a\xa0b",
        "a\xadb",
        "\u3164",
        "\u2066a",
        "a\u2028b",
        "a\ufeff",
        "\U000e0041",
        "\x85",
    ],
    ids=lambda text: text.encode("unicode_escape").decode(),
)
def test_invisible_characters_have_marks(text: str) -> None:
    assert markup.marked(text).count('class="invisible"') == 1


def test_a_short_text_contains_the_complete_text() -> None:
    assert markup.short('a"b') == '<bdi class="short" title="a&quot;b">a&quot;b</bdi>'


def test_a_time_is_machine_readable() -> None:
    assert markup.time(1_767_225_661_999) == (
        '<time datetime="2026-01-01T00:01:01Z" title="2026-01-01T00:01:01Z">2026-01-01 00:01</time>'
    )


@pytest.mark.parametrize(
    ("segments", "path"),
    [
        (("names", "shop"), "/names/shop"),
        (("names", "gh:a/b", "1.0.0-rc.1"), "/names/gh%3Aa%2Fb/1.0.0-rc.1"),
        (("series", "é %+?#&"), "/series/%C3%A9%20%25%2B%3F%23%26"),
    ],
)
def test_a_path_contains_each_text_as_one_segment(segments: tuple[str, ...], path: str) -> None:
    assert markup.path_of(*segments) == path
