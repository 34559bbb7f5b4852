"""Errors and their exit codes; ``cli`` turns them into messages."""

from __future__ import annotations

import difflib
import enum
from collections.abc import Sequence


class Exit(enum.IntEnum):
    """Exit codes of ``python -m scripts …``."""

    OK = 0
    UNEXPECTED = 1  # drift, a regression, a blocked candidate
    USAGE = 2  # a bad option, or a bad matrix.toml
    MACHINERY = 3  # the engine or something it depends on failed
    INCONCLUSIVE = 4  # too much was unavailable for a verdict


class MatrixError(Exception):
    """An error with a message for people and an exit code for machines."""

    exit = Exit.MACHINERY


class UsageError(MatrixError):
    """An invalid option or argument; the message names it and the remedy."""

    exit = Exit.USAGE


class ConfigError(UsageError):
    """``matrix.toml`` is invalid; ``problems`` has all problems, not only the first."""

    def __init__(self, path: object, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join([f"{path}: {len(problems)} problem(s)", *(f"  {p}" for p in problems)]))


class SchemaError(MatrixError):
    """A file has an unknown schema number or does not match its schema."""

    exit = Exit.USAGE


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return the end of a message about an unknown name: the nearest known name, or all of them if none is near."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"
