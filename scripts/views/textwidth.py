"""How wide a text is about, in Helvetica and fonts of its width, where nothing can measure it. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

#: Advance widths of Helvetica for the printable characters of ASCII, in thousandths of the size (its AFM file).
_ASCII: Final = (
    *(278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278),  # space to /
    *(556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556),  # 0 to ?
    *(1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778),  # @ to O
    *(667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556),  # P to _
    *(333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556),  # ` to o
    *(556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584),  # p to ~
)
_FIRST: Final = ord(" ")
_OTHER, _WIDE = 750, 1000
_BOLD: Final = 1.06  # bold letters are broader


def width(text: str, size: float, *, bold: bool = False) -> float:
    """The width of a text in pixels."""
    return sum(map(_thousandths, text)) / 1000 * size * (_BOLD if bold else 1)


def _thousandths(character: str) -> int:
    place = ord(character) - _FIRST
    if 0 <= place < len(_ASCII):
        return _ASCII[place]
    return _WIDE if unicodedata.east_asian_width(character) in "WF" else _OTHER


def fitted(text: str, size: float, room: float, *, bold: bool = False) -> str:
    """As much of a text as there is room for; an ellipsis tells of more. Nothing, if there is room for nothing."""
    if width(text, size, bold=bold) <= room:
        return text
    for end in range(len(text) - 1, 0, -1):
        if width(start := text[:end].rstrip() + "…", size, bold=bold) <= room:
            return start
    return ""


def lines(
    words: Sequence[str], size: float, room: float, most: int, *, glue: str = " ", bold: bool = False
) -> list[str]:
    """Words in lines that fit; the last of ``most`` lines ends in an ellipsis where more follows."""
    found: list[str] = []
    while words and len(found) < most:
        count = len(words) if len(found) == most - 1 else _fitting(words, size, room, glue=glue, bold=bold)
        found.append(fitted(glue.join(words[:count]), size, room, bold=bold))
        words = words[count:]
    return [line for line in found if line]


def _fitting(words: Sequence[str], size: float, room: float, *, glue: str, bold: bool) -> int:
    """How many of some words fit on a line; one at least."""
    count = 1
    while count < len(words) and width(glue.join(words[: count + 1]), size, bold=bold) <= room:
        count += 1
    return count
