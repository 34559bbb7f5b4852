"""Escape untrusted text for terminals, logs, reports and Markdown. Pure.

Messages, names and files of wheels and suites are untrusted: they may contain terminal escapes, workflow commands,
bidirectional marks or Markdown.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: Categories of characters that change how the text around them is displayed, or that XML can't represent.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cn", "Cs", "Zl", "Zp"})
_CONTROL_PICTURES: Final = 0x2400  # ␀ and the symbols of the other control characters
_SPACE, _DELETE = 0x20, 0x7F


def encodable(text: str) -> str:
    """Return ``text`` with lone surrogates as backslash escapes, so that it can be written as UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def visible(text: str) -> str:
    """Return ``text`` with control and format characters replaced by visible symbols, except newlines and tabs.

    Terminals execute escape sequences, and a right-to-left mark reorders the rest of its line.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible_character(character) for character in text)


def _visible_character(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    if code < _SPACE:
        return chr(_CONTROL_PICTURES + code)
    return "\N{SYMBOL FOR DELETE}" if code == _DELETE else f"<U+{code:04X}>"


def line(text: str) -> str:
    """Return ``text`` as one line for a terminal or a log of GitHub Actions, with control characters escaped.

    GitHub executes a log line that starts with ``::`` as a workflow command.
    """
    escaped = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return re.sub(r"^\s*(?=::|##\[)", "\N{MIDDLE DOT}", escaped)


def code_block(text: str, language: str = "") -> str:
    """Return a Markdown code block whose fence is longer than any run of backticks in ``text``."""
    fence = "`" * max(3, _longest_backticks(text) + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def fenced(text: str) -> str:
    """Return ``text``, escaped line by line, as a Markdown code block: no mention, link or HTML in it takes effect."""
    return code_block("\n".join(line(part) for part in text.splitlines()), "text")


def code(text: str) -> str:
    """Return ``text`` as a Markdown code span on one line, escaped also for a table."""
    fence = "`" * (_longest_backticks(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{line(text)}{pad}{fence}".replace("|", "\\|")


def _longest_backticks(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)


def cut(text: str, limit: int, note: str = "\n\n… the rest was cut\n") -> str:
    """Return at most ``limit`` bytes (UTF-8) of ``text``; if it is longer, ``note`` ends it, where there is room."""
    data = text.encode()
    if len(data) <= limit:
        return text
    room = limit - len(note.encode())
    return data[:room].decode("utf-8", "ignore") + note if room >= 0 else ""
