"""Untrusted texts made fit to be shown on one line or several, whatever shows them. Pure."""

from __future__ import annotations

import unicodedata
from typing import Final

#: Categories of characters that change how the text around them reads, or are none: XML can't hold some of them.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cn", "Cs", "Zl", "Zp"})
_PICTURES: Final = 0x2400  # of control characters: ␀ and so on
_SPACE, _DELETE = 0x20, 0x7F


def visible(text: str) -> str:
    """A text whose control and format characters are seen instead of obeyed; lines and tabs stay.

    A terminal obeys escapes, and a mark for right-to-left turns the line around wherever it stands.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    if code < _SPACE:
        return chr(_PICTURES + code)
    return "\N{SYMBOL FOR DELETE}" if code == _DELETE else f"<U+{code:04X}>"
