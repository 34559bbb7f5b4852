"""Stub of ``scripts/run/unpack/fast_path.py``: everything is left to uv. Replaces the package in a test."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from scripts.run.locks import Lock, LockedWheel

BIG = 20_000_000


class OpenedError(Exception):
    """Never raised."""

    paths: tuple[Path, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlaceholderRules:
    """Rules that are ignored."""

    patterns: tuple[str, ...] = ()

    def without(self, needed: Iterable[str]) -> PlaceholderRules:
        """Return the same rules."""
        del needed
        return self


NO_PLACEHOLDERS = PlaceholderRules()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Installed:
    """See the original."""

    seconds: float = 0.0
    placeholders: tuple[Path, ...] = ()
    remaining: tuple[LockedWheel, ...] = ()


class Fetcher:
    """Fetches nothing."""

    def __init__(self, *arguments: object) -> None:
        """Take the arguments of the original."""

    def close(self) -> None:
        """End nothing."""


def install(lock: Lock, rules: PlaceholderRules, **options: object) -> Installed:
    """Install nothing."""
    del rules, options
    return Installed(remaining=lock.wheels)


class Bytecode:
    """Saves no bytecode."""

    def __init__(self, *arguments: object, **options: object) -> None:
        """Take the arguments of the original."""

    def restore(self) -> None:
        """Restore nothing."""

    def prepare(self, *arguments: object, **options: object) -> Mapping[str, int]:
        """Compile nothing."""
        del arguments, options
        return {}

    save = prepare


def can_watch() -> bool:
    """Return False: there are no placeholders."""
    return False


@contextlib.contextmanager
def watched(placeholders: Sequence[Path]) -> Iterator[None]:
    """Watch nothing."""
    del placeholders
    yield


def is_incomplete(cache: Path, wheel: LockedWheel, rules: PlaceholderRules) -> bool:
    """Return False: nothing is stored."""
    del cache, wheel, rules
    return False


def leave_to_uv(cache: Path, wheels: Sequence[LockedWheel]) -> None:
    """Mark nothing."""
    del cache, wheels


def evict(cache: Path, names: Sequence[str]) -> None:
    """Evict nothing."""
    del cache, names


def temporary_folders(cache: Path) -> list[Path]:
    """Return no folders."""
    del cache
    return []
