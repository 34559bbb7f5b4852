"""Plain text in a given width: labelled rows, two columns side by side, and blocks for Markdown. Pure."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from scripts.core.console import make_console

#: A label and what belongs to it.
Rows = Sequence[tuple[str, str]]

#: Labels of what is copied from a terminal, and so never broken into lines.
_WHOLE = ("commits", "reproduce")


def labelled(rows: Rows, width: int) -> str:
    """Rows with their labels in a column; what is longer than ``width`` goes on below, words in one piece."""
    margin = max((len(label) for label, _ in rows), default=0) + 2
    lines = []
    for label, value in rows:
        text = " ".join(value.split())
        parts = [text] if label in _WHOLE else _wrapped(text, max(20, width - margin))
        lines += [f"{'' if number else label:<{margin}}{part}".rstrip() for number, part in enumerate(parts)]
    return "\n".join(lines)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def side_by_side(heads: tuple[str, str], rows: Sequence[tuple[str, ...]], width: int) -> str:
    """A table of three columns: labels, and the two sides."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="none")
    table.add_column("", no_wrap=True)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    page = io.StringIO()
    make_console(file=page, width=width).print(table)
    return page.getvalue().rstrip("\n")


def indented(text: str) -> str:
    """A block by itself."""
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())


def fenced(text: str, language: str = "") -> str:
    """A code block of Markdown whose fence is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def code(text: str) -> str:
    """A word of code within a line of Markdown."""
    return f"`{' '.join(text.replace('`', chr(39)).split())}`"
