"""Marks: a signature in a few characters that can be read without colour, and the legend that explains them. Pure.

``✓`` passed or returned, ``✗A`` failed in the way that the legend lists under A, a small letter after it: with the
warnings that the legend lists under that letter. ``·`` blocked by another observation, ``?`` nothing known.
"""

from __future__ import annotations

import dataclasses
from typing import Final

from scripts.results.records import Part
from scripts.results.signature import Signature, describe_among, describe_warnings

_GLYPHS: Final = {"returned": "✓", "passed": "✓", "blocked": "·", "skipped": "-", "crashed": "!", "timed-out": "!"}
_FAILED: Final = "✗"
UNKNOWN: Final = "?"

#: For terminals and fonts that lack the glyphs.
ASCII: Final = str.maketrans({"✓": "+", "✗": "x", "·": "."})

_EXPLAINED: Final = {
    "✓": "returned, or passed",
    "✗": "raised, or failed",
    "!": "crashed, or timed out",
    "·": "blocked: what it stands on failed",
    "-": "skipped",
    UNKNOWN: "unavailable, or not recorded",
}


def glyph(signature: Signature) -> str:
    """A signature's mark without the letters that a legend would explain."""
    return _GLYPHS.get(signature.outcome, _FAILED)


class Entry(Part):
    """A line of the legend."""

    mark: str
    text: str


class Marks:
    """Gives marks to signatures, in the order in which they come; the same failure has the same letter everywhere."""

    def __init__(self) -> None:
        self._failures: dict[tuple[object, ...], str] = {}
        self._quiet: list[Signature] = []  # the failures without their warnings, which have a letter of their own
        self._warnings: dict[tuple[tuple[str, str], ...], str] = {}
        self._texts: dict[str, str] = {}
        self._glyphs: dict[str, None] = {}

    def mark(self, signature: Signature) -> str:
        """The mark of a signature."""
        mark = glyph(signature)
        self._glyphs.setdefault(mark)
        if not signature.good and signature.outcome not in {"blocked", "skipped"}:
            mark += self._failure(signature)
        if signature.warnings:
            mark += self._warning(signature)
        return mark

    def _failure(self, signature: Signature) -> str:
        # Whether an observation raised it or a test failed by it, it is one failure.
        key = (signature.phase, signature.exception, signature.bases, signature.message)
        if key not in self._failures:
            self._failures[key] = letters(len(self._failures))
            quiet = dataclasses.replace(signature, warnings=())
            self._texts[self._failures[key]] = describe_among(quiet, self._quiet)
            self._quiet.append(quiet)
        return self._failures[key]

    def _warning(self, signature: Signature) -> str:
        if signature.warnings not in self._warnings:
            letter = letters(len(self._warnings)).lower()
            self._warnings[signature.warnings] = letter
            self._texts[letter] = describe_warnings(signature)
        return self._warnings[signature.warnings]

    def legend(self) -> tuple[Entry, ...]:
        """What every glyph and letter given so far means."""
        glyphs = [Entry(mark=mark, text=text) for mark, text in _EXPLAINED.items() if mark in self._glyphs]
        return (*glyphs, *(Entry(mark=letter, text=text) for letter, text in sorted(self._texts.items(), key=_order)))


def _order(entry: tuple[str, str]) -> tuple[bool, int, str]:
    letter = entry[0]
    return letter.islower(), len(letter), letter


def letters(number: int) -> str:
    """A, B and so on to Z, then AA, AB."""
    text = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        text = chr(ord("A") + digit) + text
    return text
