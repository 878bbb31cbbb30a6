"""Reads HTML as a browser does, and leaves text that no browser takes for HTML again."""

import re

from selectolax.lexbor import LexborHTMLParser

_SILENT = ["script", "style", "noscript", "template", "iframe", "title", "object", "svg", "math", "select"]
_BLOCKS = "br,p,li,ul,ol,div,h1,h2,h3,h4,h5,h6,tr,table,section,article,blockquote,dd,dt,hr"
# HTML Standard, 13.2.5.6: what follows "<" decides whether a tag begins.
_BEGINS_TAG = re.compile(r"<(?=[a-zA-Z/!?])")


def lines_of(text: str) -> str:
    """The text that a browser would show, with a line for each block."""
    tree = _read(text)
    for block in tree.css(_BLOCKS):
        block.insert_before("\n")
        block.insert_after("\n")
    return _inert(tree.body.text() if tree.body else "")


def words_of(text: str) -> str:
    """The text that a browser would show, with a space for each tag."""
    body = _read(text).body
    return _inert(body.text(separator=" ") if body else "")


def _read(text: str) -> LexborHTMLParser:
    # "Weight <b 5 kg": no browser shows what follows such a sign, and a ">" further down the page makes it a tag.
    closed = text.rfind(">") + 1
    tree = LexborHTMLParser(text[:closed] + _inert(text[closed:]))
    tree.strip_tags(_SILENT)
    return tree


def _inert(text: str) -> str:
    """Part every "<" from what would make it a tag: text in text ("<<b>script>") is found only after reading."""
    return _BEGINS_TAG.sub("< ", text)
