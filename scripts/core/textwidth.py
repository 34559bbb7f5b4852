"""Estimate the width of a text in the reader's browser, as an upper bound. Pure.

The browser chooses the font, so a text that must stay in its box is measured with the widest of the common fonts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

#: For each printable character of ASCII, the largest advance width among DejaVu Sans 2.37, Liberation Sans 1.07 (which
#: has the metrics of Arial and Helvetica) and Noto Sans 2.0, in thousandths of the size: regular, then bold. The tests
#: of the picture compare them with widths measured in a browser.
_REGULAR: Final = (
    *(318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 551, 838, 318, 361, 318, 372),  # space to /
    *(636, 636, 636, 636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 556),  # 0 to ?
    *(1015, 684, 686, 722, 770, 667, 611, 778, 752, 339, 500, 667, 557, 907, 760, 787),  # @ to O
    *(667, 787, 722, 667, 611, 732, 684, 989, 685, 667, 685, 390, 372, 390, 838, 556),  # P to _
    *(500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612),  # ` to o
    *(635, 635, 413, 521, 392, 634, 592, 818, 592, 592, 525, 636, 551, 636, 838),  # p to ~
)
_BOLD: Final = (
    *(348, 456, 521, 838, 696, 1002, 872, 306, 457, 457, 545, 838, 380, 415, 380, 413),  # space to /
    *(696, 696, 696, 696, 696, 696, 696, 696, 696, 696, 400, 400, 838, 838, 838, 611),  # 0 to ?
    *(1000, 774, 762, 734, 830, 683, 683, 821, 837, 389, 556, 775, 637, 995, 837, 850),  # @ to O
    *(733, 850, 770, 720, 682, 812, 774, 1103, 771, 724, 725, 457, 413, 457, 838, 556),  # P to _
    *(500, 675, 716, 593, 716, 678, 435, 716, 712, 343, 343, 665, 343, 1042, 712, 687),  # ` to o
    *(716, 716, 493, 595, 478, 712, 652, 924, 645, 652, 582, 712, 551, 712, 838),  # p to ~
)
_FIRST: Final = ord(" ")
#: The same for other characters that are common here; below, for all others, and for East Asian wide ones.
_PUNCTUATION: Final = {"–": 556, "·": 380}
_OTHER, _WIDE = 1000, 1300


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the largest width of a text in pixels."""
    advances = _BOLD if bold else _REGULAR
    return sum(_advance(character, advances) for character in text) / 1000 * size


def _advance(character: str, advances: Sequence[int]) -> int:
    index = ord(character) - _FIRST
    if 0 <= index < len(advances):
        return advances[index]
    wide = unicodedata.east_asian_width(character) in "WF"
    return _PUNCTUATION.get(character, _WIDE if wide else _OTHER)


def fitted(text: str, size: float, room: float, *, bold: bool = False) -> str:
    """Return as much of a text as fits, with an ellipsis where it is cut; nothing if not even one character fits."""
    if width(text, size, bold=bold) <= room:
        return text
    for end in range(len(text) - 1, 0, -1):
        if width(shortened := text[:end].rstrip(" .,;:") + "…", size, bold=bold) <= room:
            return shortened
    return ""


def lines(
    words: Sequence[str], size: float, room: float, most: int, *, glue: str = " ", bold: bool = False
) -> list[str]:
    """Return words broken into at most ``most`` lines that fit; the last one ends in an ellipsis if words are left."""
    found: list[str] = []
    while words and len(found) < most:
        count = len(words) if len(found) == most - 1 else _fitting(words, size, room, glue=glue, bold=bold)
        found.append(fitted(glue.join(words[:count]), size, room, bold=bold))
        words = words[count:]
    return [line for line in found if line]


def _fitting(words: Sequence[str], size: float, room: float, *, glue: str, bold: bool) -> int:
    """Return how many of the words fit on a line, at least one."""
    count = 1
    while count < len(words) and width(glue.join(words[: count + 1]), size, bold=bold) <= room:
        count += 1
    return count
