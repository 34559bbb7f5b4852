"""Take over records from the layout without suites: ``.matrix/records`` and ``results/<platform>``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scripts.core.errors import UsageError
from scripts.core.paths import SuitePaths

#: Folders that had no suite's folder around them.
_FOLDERS: Final = ("records", "locks", "logs", "reports", "bisect", "qualify")


def take_over(suite: SuitePaths) -> list[tuple[Path, Path]]:
    """Move what lies in the old folders to those of the default suite; return the folders with their new paths.

    A file is left where it is if the suite already has one of its name.
    """
    moved = []
    for name in _FOLDERS:
        old, new = suite.state.parent / name, suite.state / name
        if old.is_dir() and _move(old, new):
            moved.append((old, new))
    return moved


def _move(old: Path, new: Path) -> bool:
    """Move the files of a folder; return whether there was one to move. Other processes may do the same."""
    moved = False
    for path in sorted(old.rglob("*")):
        target = new / path.relative_to(old)
        if not path.is_dir() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                path.rename(target)
                moved = True
    for folder in sorted(old.rglob("*/"), reverse=True):
        _remove_if_empty(folder)
    _remove_if_empty(old)
    return moved


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def old_results(suite: SuitePaths) -> Iterator[tuple[Path, Path]]:
    """Yield the accepted records without a suite, each with its path in the default suite."""
    for path in sorted(suite.results.parent.glob("*/*.json")):
        yield path, suite.results / path.parent.name / path.name


def check_results(suite: SuitePaths) -> None:
    """Raise `UsageError` if there are accepted records without a suite."""
    for old, new in old_results(suite):
        raise UsageError(
            f"{old}: accepted results now have a folder for each suite, here {new.parent}; "
            "`nox -s accept -- --migrate` moves them there"
        )
