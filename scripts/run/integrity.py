"""Files that environments share with the caches: noted when they are installed, compared when a cell is done.

An environment is mostly hard links into uv's cache and the engine's own store. Whoever writes to such a file writes to
that of every other cell. So a seal is kept of each wheel: inode, size, modification time and mode of its files as they
were first installed. It is compared at each installation, which finds what a killed run left; and after each cell.
Times of modification can be set back, those of change (ctime) can't. But linking and unlinking by other cells changes
them too; so where nothing else differs, the content decides, by the hash that the wheel's own ``RECORD`` has.

A file that was deleted or replaced in an environment is that environment's matter: the shared one only lost a name.
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

#: Bytes from which on a file is not read to compare it, where other cells explain that its ctime changed.
_BIG: Final = 4_000_000


class Noted(NamedTuple):
    """What is noted of a file."""

    inode: int
    size: int
    modified: int
    mode: int
    changed: int = 0

    @classmethod
    def of(cls, status: os.stat_result) -> Noted:
        """Return what is noted; on Windows ``ctime`` is the time of creation, which never changes."""
        noted = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode, status.st_ctime_ns)
        return tuple.__new__(cls, noted)  # there are 20,000

    @property
    def lasting(self) -> tuple[int, int, int, int]:
        """All but the time of change, which every link changes."""
        return self[:4]


_SEAL: Final = TypeAdapter(dict[str, tuple[int, int, int, int]])


class ModifiedError(Exception):
    """The files of an environment were not those of its wheels, so that its tests have to run again."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contents:
    """What was noted of one environment before its tests began."""

    packages: Path
    shared: Mapping[str, Noted]
    private: Mapping[str, Noted]  # files of its own that modifying is to be told of
    owners: Mapping[str, str]  # the name of the wheel that a file came with
    hashes: Mapping[str, str]  # as RECORD has them

    def unshared(self, names: Collection[str]) -> Contents:
        """Give the files of some wheels a copy of their own in this environment, and return what is noted then."""
        private = {path: _unshare(self.packages / path) for path in self.shared if self.owners[path] in names}
        shared = {path: noted for path, noted in self.shared.items() if path not in private}
        return dataclasses.replace(self, shared=shared, private=private)

    def modified(self, *, alone: Collection[str] = ()) -> dict[str, list[str]]:
        """Return the shared files that are other than noted, by the name of their wheel.

        ``alone`` names wheels that no other cell has linked meanwhile: nothing but a test can have changed their ctime.
        """
        found: dict[str, list[str]] = {}
        root = f"{self.packages}/"
        for path, before in self.shared.items():
            after = _noted(root + path)
            if after is None or after == before or after[0] != before[0]:
                continue
            owner = self.owners.get(path, "")
            if after[:4] != before[:4] or self._differs(path, before, alone=owner in alone):
                found.setdefault(owner, []).append(path)
        return found

    def own_modified(self) -> list[str]:
        """Return the private files that are other than noted."""
        return [path for path, before in self.private.items() if _noted(f"{self.packages}/{path}") != before]

    def broken(self, held_back: Collection[Path] = ()) -> dict[str, list[str]]:
        """Return the files that are other than their RECORD says, by the name of their wheel."""
        left_out = {path.relative_to(self.packages).as_posix() for path in held_back}
        found: dict[str, list[str]] = {}
        for path, expected in self.hashes.items():
            if expected and path not in left_out and not matches(self.packages / path, expected):
                found.setdefault(self.owners[path], []).append(path)
        return found

    def _differs(self, path: str, before: Noted, *, alone: bool) -> bool:
        """Whether a file of which only the ctime changed has another content."""
        expected = self.hashes.get(path, "")
        if not expected or before.size >= _BIG:
            return alone and not self._matches(path, expected)
        return not self._matches(path, expected)

    def _matches(self, path: str, expected: str) -> bool:
        return matches(self.packages / path, expected)


def all_paths(found: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the files of all wheels."""
    return sorted(path for paths in found.values() for path in paths)


def matches(path: Path, expected: str) -> bool:
    """Whether a file has the content of a hash as ``RECORD`` writes it: ``sha256=…``."""
    algorithm, _, digest = expected.partition("=")
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, algorithm).digest()
    except (OSError, ValueError):
        return False
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode() == digest


def contents(packages: Path, records: Mapping[str, Mapping[str, str]], files: Mapping[str, os.stat_result]) -> Contents:
    """Return what is to be noted of an environment with these packages, by name and file, and these files."""
    owners = {path: name for name, hashes in records.items() for path in hashes}
    roots = {path.split("/", 1)[0]: name for path, name in owners.items()}
    shared = {path: Noted.of(status) for path, status in files.items() if status.st_nlink > 1}
    outside = {path: _noted(f"{packages}/{path}", links=2) for path in owners if path.startswith("../")}
    shared |= {path: noted for path, noted in outside.items() if noted is not None}
    owners |= {path: roots.get(path.split("/", 1)[0], "") for path in shared.keys() - owners.keys()}
    hashes = {path: digest for hashes in records.values() for path, digest in hashes.items()}
    return Contents(packages=packages, shared=shared, private={}, owners=owners, hashes=hashes)


def _noted(path: str, links: int = 1) -> Noted | None:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return Noted.of(status) if status.st_nlink >= links and stat.S_ISREG(status.st_mode) else None


def _unshare(path: Path) -> Noted:
    """Put a copy in the place of a link."""
    temporary = path.with_name(f".{path.name[:200]}.own")
    with path.open("rb") as source, temporary.open("xb") as target:
        while piece := source.read(1 << 20):
            target.write(piece)
    status = path.stat()
    temporary.chmod(stat.S_IMODE(status.st_mode))
    os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
    temporary.replace(path)
    return Noted.of(os.lstat(path))


# --- seals --------------------------------------------------------------------------------------------------------


def compare_with_seals(cache: Path, contents: Contents, wheels: Sequence[LockedWheel]) -> dict[str, list[str]]:
    """Return the files that are other than when their wheel was first installed; and seal what has no seal yet."""
    by_owner: dict[str, dict[str, Noted]] = {}
    for path, noted in contents.shared.items():
        by_owner.setdefault(contents.owners[path], {})[path] = noted
    found = {w.name: _compare(_seal_of(cache, w), by_owner[w.name]) for w in wheels if w.name in by_owner}
    return {name: paths for name, paths in found.items() if paths}


def _compare(seal: Path, files: Mapping[str, Noted]) -> list[str]:
    """Return the files that are other than sealed. What is new, or was unpacked anew, is sealed as it is now."""
    sealed = _read(seal)
    same = {path: before for path, before in sealed.items() if path in files and files[path].inode == before[0]}
    wrong = [path for path, before in same.items() if files[path].lasting != before]
    if not wrong and len(same) < len(files):
        merged = {**sealed, **{path: noted.lasting for path, noted in files.items()}}
        write_atomically(seal, json.dumps(merged, separators=(",", ":")))
    return wrong


def _read(seal: Path) -> dict[str, tuple[int, int, int, int]]:
    try:
        return _SEAL.validate_json(seal.read_bytes())
    except (OSError, ValueError):
        return {}


def evict(cache: Path, names: Sequence[str]) -> None:
    """Forget the seals of some packages, in all their versions."""
    for name in names:
        shutil.rmtree(cache / _FOLDER / name, ignore_errors=True)


def _seal_of(cache: Path, wheel: LockedWheel) -> Path:
    return cache / _FOLDER / wheel.name / f"{wheel.sha256}.json"


# --- who shares what ----------------------------------------------------------------------------------------------


class Sharing:
    """Which cells of this run have which wheels linked at the same time. For many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users: dict[str, set[str]] = {}
        self._met: dict[str, set[str]] = {}

    @contextlib.contextmanager
    def using(self, cell: str, wheels: Sequence[LockedWheel]) -> Iterator[None]:
        """Note within the block that a cell has these wheels linked."""
        with self._lock:
            self._met[cell] = set()
            for wheel in wheels:
                others = self._users.setdefault(wheel.sha256, set())
                for other in others:
                    self._met[other].add(wheel.name)
                    self._met[cell].add(wheel.name)
                others.add(cell)
        try:
            yield
        finally:
            with self._lock:
                for wheel in wheels:
                    self._users[wheel.sha256].discard(cell)
                self._met.pop(cell, None)

    def alone(self, cell: str, wheels: Sequence[LockedWheel]) -> set[str]:
        """Return the names of the wheels that no other cell has linked since this one began."""
        with self._lock:
            return {wheel.name for wheel in wheels} - self._met.get(cell, set())
