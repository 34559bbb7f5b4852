"""Marks: a signature in a few characters, readable without colour, and the legend that explains them. Pure.

``✓`` passed or returned; ``✗A`` failed as the legend describes under A; a lower-case letter after it stands for the
warnings that the legend lists under it; ``·`` blocked by another observation; ``?`` unknown.
"""

from __future__ import annotations

import dataclasses
from typing import Final

from pydantic import Field

from scripts.core.documents import StrictModel
from scripts.records.essence import hint
from scripts.records.signature import Signature, describe_among, describe_warnings

_GLYPHS: Final = {"returned": "✓", "passed": "✓", "blocked": "·", "skipped": "-", "crashed": "!", "timed-out": "!"}
_FAILED: Final = "✗"
UNKNOWN: Final = "?"
#: The mark of a passed test that asserts a known defect.
DEFECT: Final = "✓*"

#: Replacements for terminals and fonts that lack the glyphs.
ASCII: Final = str.maketrans({"✓": "+", "✗": "x", "·": ".", "…": "...", "→": "->", "–": "-", "≠": "!="})

_EXPLAINED: Final = {
    "✓": "returned, or passed",
    "✗": "raised, or failed",
    "!": "crashed, or timed out",
    "·": "blocked: what it stands on failed",
    "-": "skipped",
    UNKNOWN: "unavailable, or not recorded",
}


def glyph(signature: Signature) -> str:
    """Return a signature's mark without the letters of the legend."""
    return _GLYPHS.get(signature.outcome, _FAILED)


class LegendEntry(StrictModel):
    """An entry of the legend."""

    mark: str
    text: str
    hint: str | None = Field(None, description="The option that would mend this failure.")


class Marks:
    """Assigns marks to signatures in the order in which they come; equal failures have the same letter."""

    def __init__(self) -> None:
        self._failures: dict[tuple[object, ...], str] = {}
        self._failed: list[Signature] = []  # without warnings, which have letters of their own
        self._warnings: dict[tuple[tuple[str, str], ...], str] = {}
        self._texts: dict[str, str] = {}
        self._hints: dict[str, str | None] = {}
        self._glyphs: dict[str, None] = {}

    def mark(self, signature: Signature) -> str:
        """Return the mark of a signature."""
        mark = glyph(signature)
        self._glyphs.setdefault(mark)
        if not signature.good and signature.outcome not in {"blocked", "skipped"}:
            mark += self._failure(signature)
        if signature.warnings:
            mark += self._warning(signature)
        return mark

    def _failure(self, signature: Signature) -> str:
        # It is the same failure whether an observation raised it or a test failed with it.
        key = (signature.phase, signature.exception, signature.bases, signature.message)
        if key not in self._failures:
            self._failures[key] = letters(len(self._failures))
            failed = dataclasses.replace(signature, warnings=())
            self._texts[self._failures[key]] = describe_among(failed, self._failed)
            self._hints[self._failures[key]] = hint(signature.message or "")
            self._failed.append(failed)
        return self._failures[key]

    def _warning(self, signature: Signature) -> str:
        if signature.warnings not in self._warnings:
            letter = letters(len(self._warnings)).lower()
            self._warnings[signature.warnings] = letter
            self._texts[letter] = describe_warnings(signature)
        return self._warnings[signature.warnings]

    def legend(self) -> tuple[LegendEntry, ...]:
        """Return the meaning of every glyph and letter assigned so far."""
        glyphs = [LegendEntry(mark=mark, text=text) for mark, text in _EXPLAINED.items() if mark in self._glyphs]
        return (
            *glyphs,
            *(
                LegendEntry(mark=letter, text=text, hint=self._hints.get(letter))
                for letter, text in sorted(self._texts.items(), key=_order)
            ),
        )


def _order(entry: tuple[str, str]) -> tuple[bool, int, str]:
    letter = entry[0]
    return letter.islower(), len(letter), letter


def letters(number: int) -> str:
    """Return the letters of a number from 0: A, B and so on to Z, then AA, AB."""
    text = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        text = chr(ord("A") + digit) + text
    return text
