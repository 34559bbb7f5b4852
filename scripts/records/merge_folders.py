"""Merge folders of records from many machines into one folder.

The folders are untrusted: links are not followed, and only a bounded amount is read.
"""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from scripts.core.errors import UsageError
from scripts.core.files import write_atomically
from scripts.records import merge
from scripts.records.merge import File, Merged, Refused


def merge_folders(folders: Sequence[Path], output: Path, *, suite: str | None = None) -> Merged:
    """Merge the records below ``folders`` into ``output``, together with those that it already holds."""
    files, unreadable = read(folders)
    own, unreadable_here = read([output] if output.is_dir() else [])
    merged = merge.merge(files, own=own, suite=suite)
    for path, text in merged.files():
        target = output / path
        if not target.is_file() or target.read_text("utf-8") != text:
            write_atomically(target, text)
    refused = (*unreadable, *unreadable_here, *merged.refused)
    return Merged(records=merged.records, conflicts=merged.conflicts, refused=refused)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits on what is read from other machines. A record of the built-in suite has 30 KB; others can have more."""

    file: int = 4_000_000  # bytes of one file
    total: int = 400_000_000  # bytes of all files
    files: int = 20_000
    depth: int = 6  # of nested folders


def read(folders: Iterable[Path], limits: Limits = Limits()) -> tuple[list[File], list[Refused]]:
    """Return the files below some folders that could be records, and those that were refused unread.

    Raises:
        UsageError: a folder does not exist.
    """
    files: list[File] = []
    refused: list[Refused] = []
    remaining = limits.total
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder")
        for path, problem in _walk(folder, limits.depth):
            limit = min(limits.file, remaining)
            why = problem or (f"more than {limits.files} files" if len(files) >= limits.files else None)
            content = None if why else _content(path, limit)
            if content is None:
                refused.append(Refused(name=str(path), why=why or f"unreadable, or larger than {limit} bytes"))
            else:
                remaining -= len(content)
                relative = PurePosixPath(path.relative_to(folder).as_posix())
                files.append(File(name=str(path), path=relative, content=content))
    return files, refused


def _walk(folder: Path, depth: int) -> Iterator[tuple[Path, str | None]]:
    """Yield the paths named like records below a folder, each with the reason to refuse it, if any."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = Path(entry.path)
            if entry.is_symlink():
                yield path, "symbolic link"
            elif entry.is_dir(follow_symlinks=False):
                if depth:
                    yield from _walk(path, depth - 1)
                else:
                    yield path, "nested too deeply"
            elif entry.name.endswith(".json"):
                yield path, None if entry.is_file(follow_symlinks=False) else "not a regular file"


def _content(path: Path, limit: int) -> bytes | None:
    """Return the content of a file; None if it is larger than ``limit`` bytes or not a readable regular file."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            content = file.read(limit + 1)
    except OSError:
        return None
    return content if len(content) <= limit else None
