"""A suite's files on disk: their digest, and whether they stayed the same while a cell ran them."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeVar

from scripts.records import fingerprint

T = TypeVar("T")

#: Attempts to read a suite's files while somebody writes them.
_ATTEMPTS: Final = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A suite's files at one time: their digest, and for each what changes with every write to it."""

    digest: str
    states: Mapping[str, tuple[int, ...]]

    def changed(self, after: Snapshot) -> frozenset[str]:
        """Return the files that were written or removed since, also those that have their old content again."""
        return frozenset(name for name, state in self.states.items() if after.states.get(name) != state)


class Suite:
    """The files of some folders, under a name for each folder."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = dict(folders)
        self._lock = threading.Lock()
        self._latest: Snapshot | None = None
        self._written: set[str] = set()  # files that the suite's own tests write, to the same content each time

    def run(self, tests: Callable[[], T], note: Callable[[str], None]) -> tuple[T, str]:
        """Run tests, and return their result and the digest of the files that they ran from.

        Where a file was written meanwhile they run once more. If files are written again, it depends: the same ones,
        which have their old content, are taken for the suite's own doing; else the digest is empty, as nobody knows
        what ran. ``note`` is told of it.
        """
        first = frozenset[str]()
        while True:
            before = self.snapshot()
            result = tests()
            after = self.snapshot()
            changed = before.changed(after) - self._written
            if not changed:
                return result, before.digest
            names = ", ".join(sorted(changed))
            if not first:
                note(f"once more, since files of the suite were written: {names}")
                first = changed
            elif changed <= first and before.digest == after.digest:
                self._written |= changed
                return result, before.digest
            else:
                note(f"not current, since the suite changed again: {names}")
                return result, ""

    def snapshot(self) -> Snapshot:
        """Return the files as they are now; they are read only where one was written since last time."""
        with self._lock:
            for _ in range(_ATTEMPTS):
                states = self._states()
                if self._latest is not None and self._latest.states == states:
                    break
                self._latest = Snapshot(digest=self._digest(), states=states)
            assert self._latest is not None
            return self._latest

    def _states(self) -> dict[str, tuple[int, ...]]:
        found: dict[str, tuple[int, ...]] = {}
        for name, path in self._files():
            try:
                stat = path.stat()
            except OSError:
                continue
            found[name] = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        return found

    def _digest(self) -> str:
        return fingerprint.suite_digest({name: _content(path) for name, path in self._files()})

    def _files(self) -> Iterator[tuple[str, Path]]:
        for prefix, folder in self._folders.items():
            for path in files(folder):
                yield f"{prefix}/{path.relative_to(folder).as_posix()}", path


def files(folder: Path) -> Iterator[Path]:
    """Return the files of a suite, those behind links to folders too; not what is hidden or compiled."""
    seen: set[str] = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:  # a link to a folder above
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__pycache__")
        for name in sorted(names):
            path = Path(root, name)
            if (not name.startswith(".") or name == ".pytest.ini") and path.suffix != ".pyc" and path.is_file():
                yield path


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # gone, or not to be read by the tests either
