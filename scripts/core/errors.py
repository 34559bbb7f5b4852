"""The one tree of errors. Each class knows its exit code; ``cli.main`` turns them into text, once."""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """Exit codes of ``python -m scripts …``."""

    OK = 0
    UNEXPECTED = 1  # drift, a regression, a blocked candidate
    USAGE = 2  # a bad option, or a bad matrix.toml
    MACHINERY = 3  # the tool itself, or what it stands on, failed
    INCONCLUSIVE = 4  # too much was unavailable to say


class MatrixError(Exception):
    """An error with a message for people and an exit code for machines."""

    exit = Exit.MACHINERY


class UsageError(MatrixError):
    """An option or argument that can't be used; the message names it and the remedy."""

    exit = Exit.USAGE


class ConfigError(UsageError):
    """``matrix.toml`` is not what it should be. Holds every problem found, not only the first."""

    def __init__(self, path: object, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join([f"{path}: {len(problems)} problem(s)", *(f"  {p}" for p in problems)]))


class SchemaError(MatrixError):
    """A file has a schema number that this version doesn't read, or doesn't fit its schema."""

    exit = Exit.USAGE
