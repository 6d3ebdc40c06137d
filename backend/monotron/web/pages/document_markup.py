"""HTML of the Markdown in the OpenAPI document. Pure: no I/O.

Its links are kept, so it must not be used for texts of callers.
"""

import re

from tornado.escape import xhtml_escape

_INLINE = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|\*(?P<em>[^*\s][^*]*)\*"
    r"|\[(?P<link>[^\]]*)\]\((?P<target>[^)]*)\)"
)

_ITEM = re.compile(r"^- ", re.MULTILINE)


def document_blocks(text: str) -> str:
    """The paragraphs and lists of a text."""
    blocks = []
    for block in re.split(r"\n\n+", text.strip()):
        if block.startswith("- "):
            items = (f"<li>{document_inline(each)}</li>" for each in _ITEM.split(block)[1:])
            blocks.append(f'<ul class="list">{"".join(items)}</ul>')
        elif block:
            blocks.append(f"<p>{document_inline(block)}</p>")
    return "\n".join(blocks)


def document_inline(text: str) -> str:
    """Code, emphasis and links of a text."""
    parts, end = [], 0
    for match in _INLINE.finditer(text):
        parts.append(xhtml_escape(text[end : match.start()]))
        if match["target"] is not None:
            target = xhtml_escape(match["target"])
            parts.append(f'<a href="{target}">{document_inline(match["link"])}</a>')
        else:
            tag = match.lastgroup or ""
            parts.append(f"<{tag}>{xhtml_escape(match[tag])}</{tag}>")
        end = match.end()
    return "".join(parts) + xhtml_escape(text[end:])
