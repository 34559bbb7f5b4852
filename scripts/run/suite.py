"""Take the digest of a suite's files, and detect changes while a cell runs them."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeVar

from scripts.records import fingerprint

T = TypeVar("T")
Listing = Callable[[Path], Iterable[Path]]

#: Attempts to read a suite's files while another process writes them.
_ATTEMPTS: Final = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Snapshot:
    """State of a suite's files: their digest, and for each the metadata that every write changes."""

    digest: str
    states: Mapping[str, tuple[int, ...]]

    def changed(self, after: Snapshot) -> frozenset[str]:
        """Return the files written or removed since, including those with their old content again."""
        return frozenset(name for name, state in self.states.items() if after.states.get(name) != state)


class SuiteFiles:
    """Files of one or more folders, each folder under a name."""

    def __init__(self, folders: Mapping[str, Path], listings: Mapping[str, Listing] | None = None) -> None:
        """``listings`` has functions that yield the files of single folders, by the folder's name."""
        self._folders, self._listings = dict(folders), dict(listings or {})
        self._lock = threading.Lock()
        self._latest: Snapshot | None = None
        self._written: set[str] = set()  # files that the tests themselves write, always with the same content

    def run(self, tests: Callable[[], T], note: Callable[[str], None]) -> tuple[T, str]:
        """Run the tests; return their result and the digest of the files that they ran from.

        If files are written meanwhile, the tests run again. If the same files are written again with the same
        content, the tests write them themselves; otherwise the digest is empty: it is unknown which content ran.
        ``note`` is called with a line for the log.
        """
        changed_before = frozenset[str]()
        while True:
            before = self.snapshot()
            result = tests()
            after = self.snapshot()
            changed = before.changed(after) - self._written
            if not changed:
                return result, before.digest
            names = ", ".join(sorted(changed))
            if not changed_before:
                note(f"running again: files of the suite were written: {names}")
                changed_before = changed
            elif changed <= changed_before and before.digest == after.digest:
                self._written |= changed
                return result, before.digest
            else:
                note(f"the record will not be current: the suite changed again: {names}")
                return result, ""

    def snapshot(self) -> Snapshot:
        """Return the present state of the files; they are read only if one was written since the last call."""
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
            for path in self._listings.get(prefix, files)(folder):
                yield f"{prefix}/{path.relative_to(folder).as_posix()}", path


def files(folder: Path) -> Iterator[Path]:
    """Yield the files of a suite, following links to folders; hidden and compiled files are left out."""
    visited: set[str] = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        if real in visited:  # a link to a parent folder
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__pycache__")
        for name in sorted(names):
            path = Path(root, name)
            if (not name.startswith(".") or name == ".pytest.ini") and path.suffix != ".pyc" and path.is_file():
                yield path


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # removed, or unreadable for the tests as well
