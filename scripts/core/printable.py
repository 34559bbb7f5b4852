"""Texts of strangers made fit for a terminal, a log of GitHub Actions, or Markdown. Pure."""

from __future__ import annotations

import re


def line(text: str) -> str:
    """A text on one line, with control characters shown instead of obeyed.

    A terminal obeys escape sequences, and GitHub's log obeys whatever starts a line with ``::``.
    """
    shown = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return re.sub(r"^\s*(?=::|##\[)", "\N{MIDDLE DOT}", shown)


def fenced(text: str) -> str:
    """A text as a block of code in Markdown, whatever it holds: nothing in it is a mention, a link or HTML."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    body = "\n".join(line(part) for part in text.splitlines())
    return f"{fence}text\n{body}\n{fence}"


def code(text: str) -> str:
    """A text as code within a line of Markdown, also inside a table."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{line(text)}{pad}{fence}".replace("|", "\\|")


def cut(text: str, limit: int, note: str = "\n\n… the rest was cut\n") -> str:
    """A text of at most ``limit`` bytes in UTF-8, ending with a note where something was cut."""
    data = text.encode()
    if len(data) <= limit:
        return text
    return data[: max(0, limit - len(note.encode()))].decode("utf-8", "ignore") + note
