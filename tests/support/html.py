"""Reads the HTML of pages. Elements must be balanced, so unescaped text is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br", "hr", "img"}
INVISIBLE = {"title", "style", "script", "desc"}


class Element:
    """An element with its attributes, and its children: elements and texts."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children: list[Element | str] = []

    def __iter__(self) -> Iterator[Element]:
        """All elements in it, in document order."""
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """The elements with this tag that have these attributes."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [
            each for each in self if each.tag == tag and wanted.items() <= each.attributes.items()
        ]

    def one(self, tag: str, **attributes: str) -> Element:
        (element,) = self.all(tag, **attributes)
        return element

    @property
    def text(self) -> str:
        """The visible text, with single spaces."""
        return " ".join(self.raw_text.split())

    @property
    def raw_text(self) -> str:
        """The visible text with all spaces and line breaks, as in code."""
        return "".join(
            child if isinstance(child, str) else child.raw_text
            for child in self.children
            if isinstance(child, str) or child.tag not in INVISIBLE
        )

    def rows(self) -> list[list[str]]:
        """The texts of the cells of a table, without its header."""
        return [
            [cell.text for cell in row if cell.tag in ("th", "td")]
            for row in self.one("tbody").all("tr")
        ]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.stack = [Element("document", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        assert len(element.attributes) == len(attrs), f"duplicate attribute in {attrs}"
        self.stack[-1].children.append(element)
        if tag not in VOID:
            self.stack.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.stack.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop().tag == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        self.stack[-1].children.append(data)


def parse(text: str) -> Element:
    """The document of a page. Raises AssertionError if its elements are not balanced."""
    parser = _Parser()
    parser.feed(text)
    parser.close()
    (document,) = parser.stack
    return document
