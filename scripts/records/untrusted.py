"""Reading folders that came from other machines: never through a link, never more than a bounded amount."""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from scripts.core.errors import UsageError
from scripts.records.merge import File, Refused


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """How much is taken from strangers. A record of this project has 30 KB; one of other probes may have more."""

    file: int = 4_000_000  # bytes of one file
    total: int = 400_000_000  # bytes of all
    files: int = 20_000
    depth: int = 6  # folders below the one that is named


def read(folders: Iterable[Path], limits: Limits = Limits()) -> tuple[list[File], list[Refused]]:
    """The files below some folders that could be records, and those that were refused unread.

    Raises:
        UsageError: a folder isn't there.
    """
    files: list[File] = []
    refused: list[Refused] = []
    left = limits.total
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder")
        for path, problem in _walk(folder, limits.depth):
            most = min(limits.file, left)
            why = problem or (f"more than {limits.files} files" if len(files) >= limits.files else None)
            content = None if why else _content(path, most)
            if content is None:
                refused.append(Refused(name=str(path), why=why or f"no file that can be read, or above {most} bytes"))
            else:
                left -= len(content)
                inside = PurePosixPath(path.relative_to(folder).as_posix())
                files.append(File(name=str(path), path=inside, content=content))
    return files, refused


def _walk(folder: Path, depth: int) -> Iterator[tuple[Path, str | None]]:
    """Everything named like a record below a folder, with the reason not to look at it; links are not followed."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = Path(entry.path)
            if entry.is_symlink():
                yield path, "a link"
            elif entry.is_dir(follow_symlinks=False):
                if depth:
                    yield from _walk(path, depth - 1)
                else:
                    yield path, "too deep"
            elif entry.name.endswith(".json"):
                yield path, None if entry.is_file(follow_symlinks=False) else "no ordinary file"


def _content(path: Path, limit: int) -> bytes | None:
    """A file's content, or None for more than ``limit`` bytes and for what isn't an ordinary file (any more)."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            content = file.read(limit + 1)
    except OSError:
        return None
    return content if len(content) <= limit else None
