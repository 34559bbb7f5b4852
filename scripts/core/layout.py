"""Lay out plain text: labelled rows and tables in columns, and lines of an SVG picture by estimated font widths. Pure.

The browser chooses the font of a picture, so a text that must stay in its box is measured with the widest common font.
"""

from __future__ import annotations

import io
import re
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len, chop_cells
from rich.table import Table
from rich.text import Text

from scripts.core.console import make_console

#: Pairs of a label and its value.
Rows = Sequence[tuple[str, str]]

#: Labels of values that readers copy from a terminal; these are not wrapped.
_UNWRAPPED = ("commits", "reproduce")

#: For each printable character of ASCII, the largest advance width among DejaVu Sans 2.37, Liberation Sans 1.07 (which
#: has the metrics of Arial and Helvetica) and Noto Sans 2.0, in thousandths of the font size: regular, then bold.
#: `tests/integration/test_picture.py` compares them with widths measured in a browser.
_REGULAR_ADVANCES: Final = (
    *(318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 551, 838, 318, 361, 318, 372),  # space to /
    *(636, 636, 636, 636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 556),  # 0 to ?
    *(1015, 684, 686, 722, 770, 667, 611, 778, 752, 339, 500, 667, 557, 907, 760, 787),  # @ to O
    *(667, 787, 722, 667, 611, 732, 684, 989, 685, 667, 685, 390, 372, 390, 838, 556),  # P to _
    *(500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612),  # ` to o
    *(635, 635, 413, 521, 392, 634, 592, 818, 592, 592, 525, 636, 551, 636, 838),  # p to ~
)
_BOLD_ADVANCES: Final = (
    *(348, 456, 521, 838, 696, 1002, 872, 306, 457, 457, 545, 838, 380, 415, 380, 413),  # space to /
    *(696, 696, 696, 696, 696, 696, 696, 696, 696, 696, 400, 400, 838, 838, 838, 611),  # 0 to ?
    *(1000, 774, 762, 734, 830, 683, 683, 821, 837, 389, 556, 775, 637, 995, 837, 850),  # @ to O
    *(733, 850, 770, 720, 682, 812, 774, 1103, 771, 724, 725, 457, 413, 457, 838, 556),  # P to _
    *(500, 675, 716, 593, 716, 678, 435, 716, 712, 343, 343, 665, 343, 1042, 712, 687),  # ` to o
    *(716, 716, 493, 595, 478, 712, 652, 924, 645, 652, 582, 712, 551, 712, 838),  # p to ~
)
_FIRST: Final = ord(" ")
#: Advance widths of other common characters; then of all others, and of East Asian wide ones.
_PUNCTUATION: Final = {"–": 556, "·": 380}
_OTHER, _WIDE = 1000, 1300


def labelled(rows: Rows, width: int) -> str:
    """Return rows with their labels in a column, wrapped at ``width`` characters; words are never broken."""
    margin = max((len(label) for label, _ in rows), default=0) + 2
    lines = []
    for label, value in rows:
        text = " ".join(value.split())
        parts = [text] if label in _UNWRAPPED else _wrapped_at(text, max(20, width - margin))
        lines += [f"{'' if number else label:<{margin}}{part}".rstrip() for number, part in enumerate(parts)]
    return "\n".join(lines)


def _wrapped_at(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def side_by_side(heads: tuple[str, str], rows: Sequence[tuple[str, ...]], width: int) -> str:
    """Return a table of three columns: labels, and the values of two sides named ``heads``."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="none")
    table.add_column("", no_wrap=True)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    page = io.StringIO()
    make_console(file=page, width=width).print(table)
    return page.getvalue().rstrip("\n")


#: Where a word longer than a line is broken: after these characters, or else anywhere.
_BREAKS: Final = re.compile(r"(?<=[-_/,:=\[\]().])(?=[^-_/,:=\[\]().])")


def flowed(text: str, width: int, *, hanging: int = 0) -> list[str]:
    """Return a text in lines of at most ``width`` characters.

    Words are kept whole; one that is longer than a line is broken after punctuation, as is a test's id.

    Args:
        text: the text; its line breaks count as spaces.
        width: the width of a terminal.
        hanging: the indent of all lines but the first.
    """
    lines = [""]
    for word in text.split():
        for number, piece in enumerate(_pieces(word, width - hanging)):
            glue = "" if number or not lines[-1].strip() else " "
            if cell_len(lines[-1] + glue + piece) <= width:
                lines[-1] += glue + piece
            else:
                lines.append(" " * hanging + piece)
    return lines


def _pieces(word: str, width: int) -> list[str]:
    """Return a word, or the parts of one that is longer than a line."""
    if cell_len(word) <= width:
        return [word]
    parts: list[str] = []
    for part in _BREAKS.split(word):
        parts += chop_cells(part, width) if cell_len(part) > width else [part]
    return parts


def joined(items: Sequence[str], width: int, glue: str) -> list[str]:
    """Return items side by side in lines of at most ``width`` characters; no line breaks within an item."""
    lines: list[str] = []
    for item in items:
        if lines and cell_len(lines[-1] + glue + item) <= width:
            lines[-1] += glue + item
        else:
            lines.append(item)
    return lines


def indented(text: str) -> str:
    """Return ``text`` indented by four spaces."""
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())


def inline_code(text: str) -> str:
    """Return ``text`` as inline code in Markdown; backticks become apostrophes, line breaks become spaces."""
    return f"`{' '.join(text.replace('`', chr(39)).split())}`"


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return an upper bound of the width in pixels of ``text`` at a font size in pixels."""
    advances = _BOLD_ADVANCES if bold else _REGULAR_ADVANCES
    return sum(_advance(character, advances) for character in text) / 1000 * size


def _advance(character: str, advances: Sequence[int]) -> int:
    index = ord(character) - _FIRST
    if 0 <= index < len(advances):
        return advances[index]
    wide = unicodedata.east_asian_width(character) in "WF"
    return _PUNCTUATION.get(character, _WIDE if wide else _OTHER)


def fitted(text: str, size: float, available: float, *, bold: bool = False) -> str:
    """Return ``text``, cut with an ellipsis if wider than ``available`` pixels; empty if no character fits."""
    if text_width(text, size, bold=bold) <= available:
        return text
    for end in range(len(text) - 1, 0, -1):
        if text_width(shortened := text[:end].rstrip(" .,;:") + "…", size, bold=bold) <= available:
            return shortened
    return ""


def wrapped(
    words: Sequence[str], size: float, available: float, max_lines: int, *, glue: str = " ", bold: bool = False
) -> list[str]:
    """Return words in at most ``max_lines`` lines of ``available`` pixels, the last one cut with an ellipsis."""
    lines: list[str] = []
    while words and len(lines) < max_lines:
        is_last = len(lines) == max_lines - 1
        count = len(words) if is_last else _fitting(words, size, available, glue=glue, bold=bold)
        lines.append(fitted(glue.join(words[:count]), size, available, bold=bold))
        words = words[count:]
    return [line for line in lines if line]


def _fitting(words: Sequence[str], size: float, available: float, *, glue: str, bold: bool) -> int:
    """Return how many of the words fit on a line, at least one."""
    count = 1
    while count < len(words) and text_width(glue.join(words[: count + 1]), size, bold=bold) <= available:
        count += 1
    return count
