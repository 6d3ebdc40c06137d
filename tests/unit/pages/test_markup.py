"""HTML of single values."""

from __future__ import annotations

import pytest

from monotron.web.pages import markup


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("use `GET`", "use <code>GET</code>"),
        ("see *Invalid key*.", "see <em>Invalid key</em>."),
        ("see [api.md](api.md#x).", "see <cite>api.md</cite>."),
        ("`<b>` & <i>", "<code>&lt;b&gt;</code> &amp; &lt;i&gt;"),
        ("`*:series`, *x*", "<code>*:series</code>, <em>x</em>"),
        ("one ` only, 2 * 3 * 4", "one ` only, 2 * 3 * 4"),
    ],
)
def test_the_markdown_of_errors_becomes_html(text: str, html: str) -> None:
    assert markup.inline_markdown(text) == html


def test_a_text_of_a_caller_is_escaped_and_isolated() -> None:
    assert markup.isolated("<b>\u202e'\"") == "<bdi>&lt;b&gt;\u202e&#x27;&quot;</bdi>"


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
