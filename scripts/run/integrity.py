"""Integrity of the files that environments share with the caches.

An environment is mostly hard links into uv's cache and the engine's store, so a write to such a file reaches all other
cells. Each wheel has a seal: inode, size, modification time and mode of its files when it was first installed. It is
compared at each installation, which detects what a killed run modified, and the files are compared after each cell.
A modification time can be forged, the time of the last status change (ctime) cannot; but linking and unlinking by other
cells changes the ctime too. So where only the ctime differs, the content is compared by its hash.

A file deleted or replaced in an environment is no modification: the shared file only lost a link.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import stat
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import TypeAdapter

from scripts.core.files import write_atomically
from scripts.run.locks import LockedWheel

_FOLDER: Final = "seals"

#: Bytes from which on a file is not hashed where links of other cells explain its new ctime.
_BIG: Final = 4_000_000


class FileState(NamedTuple):
    """State of a file: inode, size in bytes, modification time, mode and ctime; times in nanoseconds."""

    inode: int
    size: int
    modified: int
    mode: int
    changed: int = 0

    @classmethod
    def of(cls, status: os.stat_result) -> FileState:
        """Return a file's state. On Windows ``changed`` is the time of creation, which never changes."""
        state = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode, status.st_ctime_ns)
        return tuple.__new__(cls, state)  # there are 20,000

    @property
    def sealed(self) -> tuple[int, int, int, int]:
        """The state without the ctime, which every link changes."""
        return self[:4]


_SEAL: Final = TypeAdapter(dict[str, tuple[int, int, int, int]])


class ModifiedError(Exception):
    """The files of an environment were not those of its wheels, so that its tests have to run again."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contents:
    """State of an environment's files before its tests, by path relative to ``packages``, its site-packages."""

    packages: Path
    shared: Mapping[str, FileState]
    private: Mapping[str, FileState]  # copies, whose modification is only reported
    owners: Mapping[str, str]  # names of the wheels
    hashes: Mapping[str, str]  # in the format of RECORD

    def unshared(self, names: Collection[str]) -> Contents:
        """Replace the shared files of some wheels by copies. Return the environment's new contents."""
        private = {path: _unshare(self.packages / path) for path in self.shared if self.owners[path] in names}
        shared = {path: state for path, state in self.shared.items() if path not in private}
        return dataclasses.replace(self, shared=shared, private=private)

    def modified(self, *, alone: Collection[str] = ()) -> dict[str, list[str]]:
        """Return the shared files that were modified since, by the name of their wheel.

        ``alone`` names wheels that no other cell has linked since: only a test can have changed their files' ctime.
        """
        found: dict[str, list[str]] = {}
        root = f"{self.packages}/"
        for path, before in self.shared.items():
            after = _state(root + path)
            if after is None or after == before or after[0] != before[0]:
                continue
            owner = self.owners.get(path, "")
            if after[:4] != before[:4] or self._differs(path, before, alone=owner in alone):
                found.setdefault(owner, []).append(path)
        return found

    def own_modified(self) -> list[str]:
        """Return the private files that were modified since."""
        return [path for path, before in self.private.items() if _state(f"{self.packages}/{path}") != before]

    def broken(self, placeholders: Collection[Path] = ()) -> dict[str, list[str]]:
        """Return the files that do not have their hash, by the name of their wheel."""
        excluded = {path.relative_to(self.packages).as_posix() for path in placeholders}
        found: dict[str, list[str]] = {}
        for path, expected in self.hashes.items():
            if expected and path not in excluded and not matches(self.packages / path, expected):
                found.setdefault(self.owners[path], []).append(path)
        return found

    def _differs(self, path: str, before: FileState, *, alone: bool) -> bool:
        """Return whether a file of which only the ctime changed has another content.

        Without a hash, a new ctime counts as a modification if no other cell can have caused it.
        """
        expected = self.hashes.get(path, "")
        if not alone and (not expected or before.size >= _BIG):
            return False
        return not matches(self.packages / path, expected)


def all_paths(found: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the files of all wheels, sorted."""
    return sorted(path for paths in found.values() for path in paths)


def matches(path: Path, expected: str) -> bool:
    """Return whether a file has a hash as ``RECORD`` writes it: ``sha256=…``."""
    algorithm, _, digest = expected.partition("=")
    return bool(digest) and _digest(path, algorithm) == digest


def _digest(path: Path, algorithm: str) -> str:
    """Return a file's hash as ``RECORD`` encodes it; "" where the file is unreadable or the algorithm unknown."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, algorithm).digest()
    except (OSError, ValueError):
        return ""
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def contents(packages: Path, records: Mapping[str, Mapping[str, str]], files: Mapping[str, os.stat_result]) -> Contents:
    """Return the contents of an environment, from the packages' ``RECORD`` files and all files in site-packages."""
    owners = {path: name for name, hashes in records.items() for path in hashes}
    roots = {path.split("/", 1)[0]: name for path, name in owners.items()}
    shared = {path: FileState.of(status) for path, status in files.items() if status.st_nlink > 1}
    outside = {path: _state(f"{packages}/{path}", links=2) for path in owners if path.startswith("../")}
    shared |= {path: state for path, state in outside.items() if state is not None}
    owners |= {path: roots.get(path.split("/", 1)[0], "") for path in shared.keys() - owners.keys()}
    hashes = {path: digest for hashes in records.values() for path, digest in hashes.items()}
    unhashed = [path for path, state in shared.items() if not hashes.get(path) and state.size < _BIG]
    # Not for bytecode: there are 1,500 files for torch alone.
    computed = {path: _digest(packages / path, "sha256") for path in unhashed if not path.endswith(".pyc")}
    hashes |= {path: f"sha256={digest}" for path, digest in computed.items() if digest}
    return Contents(packages=packages, shared=shared, private={}, owners=owners, hashes=hashes)


def _state(path: str, links: int = 1) -> FileState | None:
    """Return the state of a regular file with at least so many links."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return FileState.of(status) if status.st_nlink >= links and stat.S_ISREG(status.st_mode) else None


def _unshare(path: Path) -> FileState:
    """Replace a link by a copy with the same mode and times."""
    temporary = path.with_name(f".{path.name[:200]}.own")
    with path.open("rb") as source, temporary.open("xb") as target:
        while piece := source.read(1 << 20):
            target.write(piece)
    status = path.stat()
    temporary.chmod(stat.S_IMODE(status.st_mode))
    os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
    temporary.replace(path)
    return FileState.of(os.lstat(path))


# --- seals --------------------------------------------------------------------------------------------------------


def compare_with_seals(cache: Path, contents: Contents, wheels: Sequence[LockedWheel]) -> dict[str, list[str]]:
    """Return the files that differ from their wheel's seal, by the wheel's name; seal what has no seal yet."""
    by_owner: dict[str, dict[str, FileState]] = {}
    for path, state in contents.shared.items():
        by_owner.setdefault(contents.owners[path], {})[path] = state
    found = {w.name: _compare(_seal_of(cache, w), by_owner[w.name]) for w in wheels if w.name in by_owner}
    return {name: paths for name, paths in found.items() if paths}


def _compare(seal: Path, files: Mapping[str, FileState]) -> list[str]:
    """Return the files that differ from a seal. New files and those with another inode are sealed as they are."""
    sealed = _read(seal)
    same_inode = {path: before for path, before in sealed.items() if path in files and files[path].inode == before[0]}
    modified = [path for path, before in same_inode.items() if files[path].sealed != before]
    if not modified and len(same_inode) < len(files):
        merged = {**sealed, **{path: state.sealed for path, state in files.items()}}
        write_atomically(seal, json.dumps(merged, separators=(",", ":")))
    return modified


def _read(seal: Path) -> dict[str, tuple[int, int, int, int]]:
    try:
        return _SEAL.validate_json(seal.read_bytes())
    except (OSError, ValueError):
        return {}


def evict(cache: Path, names: Sequence[str]) -> None:
    """Remove the seals of some packages, in all versions."""
    for name in names:
        shutil.rmtree(cache / _FOLDER / name, ignore_errors=True)


def _seal_of(cache: Path, wheel: LockedWheel) -> Path:
    return cache / _FOLDER / wheel.name / f"{wheel.sha256}.json"


# --- concurrent use of wheels -------------------------------------------------------------------------------------


class Sharing:
    """Register of the wheels that cells of this run have linked at the same time. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users: dict[str, set[str]] = {}
        self._shared: dict[str, set[str]] = {}

    @contextlib.contextmanager
    def using(self, cell: str, wheels: Sequence[LockedWheel]) -> Iterator[None]:
        """Register within the block that a cell has these wheels linked."""
        with self._lock:
            self._shared[cell] = set()
            for wheel in wheels:
                users = self._users.setdefault(wheel.sha256, set())
                for user in users:
                    self._shared[user].add(wheel.name)
                    self._shared[cell].add(wheel.name)
                users.add(cell)
        try:
            yield
        finally:
            with self._lock:
                for wheel in wheels:
                    self._users[wheel.sha256].discard(cell)
                self._shared.pop(cell, None)

    def alone(self, cell: str, wheels: Sequence[LockedWheel]) -> set[str]:
        """Return the names of the wheels that no other cell has linked since this one began."""
        with self._lock:
            return {wheel.name for wheel in wheels} - self._shared.get(cell, set())
