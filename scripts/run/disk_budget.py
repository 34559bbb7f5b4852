"""Disk budget of environments and cache together.

Environments are hard links into the cache, so the unpacked wheels in the cache are what counts. A ledger beside the
cache has the unpacked size of each wheel; that of a wheel never unpacked before is estimated from its download size.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated, Final

from packaging.utils import canonicalize_name
from pydantic import Field, TypeAdapter

from scripts.core import environment, machine, processes
from scripts.core.files import human_size, write_atomically
from scripts.core.locking import locked
from scripts.run import integrity
from scripts.run.failures import CellError
from scripts.run.interpreters import uv_bin
from scripts.run.locks import Lock, LockedWheel
from scripts.run.reservations import Reservation, Reservations
from scripts.run.unpack import fast_path
from scripts.run.unpack.fast_path import NO_PLACEHOLDERS, PlaceholderRules

_log = logging.getLogger(__name__)

_LEDGER: Final = TypeAdapter(dict[str, Annotated[int, Field(ge=0)]])

#: Key of a rebuilt ledger's only entry, for everything in the cache; evicting it empties the cache.
_UNKNOWN: Final = "==unknown"
#: Folders of the cache with unpacked wheels and bytecode.
_FOLDERS: Final = ("archive-v0", "unpacked", "bytecode")

#: Seconds between attempts to reserve: other runs in the folder cannot notify this one.
_POLL_INTERVAL: Final = 0.5

#: Unpacked bytes for each byte of a wheel, rounded up from the wheels of torch 1.9 to 2.15 and their requirements, by
#: prefix of the package's name; and the same for wheels that are mostly placeholders.
_RATIOS: Final = {"torch": 2.2, "triton": 3.0, "nvidia": 1.8, "cuda": 1.8, "": 4.0}
_RATIOS_WITH_PLACEHOLDERS: Final = {"nvidia-cudnn": 0.1, "triton": 0.2}


def unpacked(wheels: Iterable[LockedWheel], *, whole: bool = True) -> int:
    """Return the estimated bytes of wheels once unpacked; without ``whole``, with placeholders for some files."""
    ratios = [*(() if whole else _RATIOS_WITH_PLACEHOLDERS.items()), *_RATIOS.items()]
    return sum(
        int((wheel.size or 0) * next(ratio for prefix, ratio in ratios if wheel.name.startswith(prefix)))
        for wheel in wheels
    )


class DiskBudget:
    """The budget of one folder of environments and cache, shared by all threads of a run and all runs in the folder."""

    def __init__(self, cache: Path, budget: int) -> None:
        self.cache, self.budget = cache, budget
        self._ledger_file = cache / "ledger.json"
        self._reservations = Reservations(cache / "reservations.json")
        self._changed = threading.Condition()
        self._reserved: dict[str, dict[str, int]] = {}  # bytes by wheel that the ledger lacks, by cell
        self._installing: dict[str, Lock] = {}
        self._installed: dict[str, Lock] = {}
        self._pending: dict[str, Lock] = {}

    def expect(self, name: str, lock: Lock) -> None:
        """Evict the wheels of a lock last: a pending cell needs them."""
        with self._changed:
            self._pending[name] = lock

    def missing(self, lock: Lock, rules: PlaceholderRules | None = None) -> int:
        """Return the bytes to download for a lock; with ``rules``, also for wheels with further placeholders."""
        return sum(wheel.size or 0 for wheel in self._missing(lock, rules))

    def _missing(self, lock: Lock, rules: PlaceholderRules | None) -> list[LockedWheel]:
        """Return the wheels of a lock that the cache lacks in whole or in part."""
        ledger = self._ledger()
        return [
            wheel
            for wheel in lock.wheels
            if _key(wheel) not in ledger or (rules and fast_path.is_incomplete(self.cache, wheel, rules))
        ]

    @contextmanager
    def reserved(self, name: str, lock: Lock, rules: PlaceholderRules = NO_PLACEHOLDERS) -> Iterator[None]:
        """Reserve space for a cell within the block, after evicting unused packages and waiting for other cells.

        Raises:
            CellError: the cell needs more than the budget or the disk has.
        """
        with self._changed:
            while not self._reserve(name, lock, rules):
                self._changed.wait(_POLL_INTERVAL)
        try:
            yield
        finally:
            with self._changed:
                for table in (self._reserved, self._installing, self._installed, self._pending):
                    table.pop(name, None)
                with self._exclusive():
                    self._publish()
                self._changed.notify_all()

    def installed(self, name: str, lock: Lock, sizes: dict[str, int]) -> None:
        """Enter the real sizes of a cell's wheels once they are unpacked."""
        with self._changed, self._exclusive():
            ledger = self._ledger()
            for wheel in lock.wheels:
                ledger[_key(wheel)] = sizes.get(canonicalize_name(wheel.name), 0)
                for reserved in self._reserved.values():  # other cells may wait for the same wheels
                    reserved.pop(_key(wheel), None)
            self._write(ledger)
            self._reserved[name] = {}
            self._installed[name] = self._installing.pop(name, lock)
            self._publish()
            self._changed.notify_all()

    def compiled(self, lock: Lock, sizes: dict[str, int]) -> None:
        """Enter the sizes of the bytecode that is saved for a lock's wheels, by package."""
        with self._changed, self._exclusive():
            ledger = self._ledger()
            entries = {f"{_key(wheel)}+bytecode": sizes[wheel.name] for wheel in lock.wheels if wheel.name in sizes}
            if not entries.items() <= ledger.items():
                self._write({**ledger, **entries})

    def evict(self, names: Collection[str]) -> None:
        """Evict packages from the cache, in all versions."""
        with self._changed, self._exclusive():
            self._evict(sorted(names))
            self._changed.notify_all()

    def _reserve(self, name: str, lock: Lock, rules: PlaceholderRules) -> bool:
        """Reserve the space that a lock needs, evicting packages if necessary; False: try again later."""
        with self._exclusive():
            others = self._reservations.others()
            missing = self._missing(lock, rules)
            estimates = {_key(wheel): unpacked([wheel], whole=not rules.patterns) for wheel in missing}
            need = sum(size for key, size in estimates.items() if key not in self._reserved_wheels())
            if need > self._free(others) and need:
                self._make_room(need - self._free(others), lock, missing, others)
            if need <= self._free(others) or not need:
                self._reserved[name], self._installing[name] = estimates, lock
                self._publish()
                return True
        if self._reserved or others:
            return False
        free = human_size(max(0, self._free(others)))
        raise CellError("install", "over the disk budget", f"needs {human_size(need)}, {free} free")

    def _publish(self) -> None:
        """Publish this run's reservations and packages in use to other runs in the folder."""
        locks = {**self._installing, **self._installed}
        published: dict[str, tuple[int, set[str]]] = {}
        counted: set[str] = set()
        for name, wheels in self._reserved.items():
            size = sum(size for key, size in wheels.items() if key not in counted)
            counted |= wheels.keys()
            published[name] = size, {wheel.name for wheel in locks[name].wheels}
        self._reservations.publish(published)

    def _reserved_wheels(self) -> dict[str, int]:
        """Return the bytes reserved for each wheel; cells that need the same one reserve it together."""
        wheels: dict[str, int] = {}
        for reserved in self._reserved.values():
            for key, size in reserved.items():
                wheels[key] = max(size, wheels.get(key, 0))
        return wheels

    def _free(self, others: Iterable[Reservation]) -> int:
        """Return the bytes that are neither used nor reserved, within the budget and on the disk."""
        reserved = sum(self._reserved_wheels().values()) + sum(other.bytes for other in others)
        within_budget = self.budget - sum(self._ledger().values()) - reserved
        return min(within_budget, machine.free_bytes(self.cache) - reserved)

    def _make_room(self, short: int, lock: Lock, missing: Sequence[LockedWheel], others: Iterable[Reservation]) -> None:
        """Evict packages of ``short`` bytes: first those that no pending cell needs, and larger ones first.

        uv evicts a package in all its versions. So a package that another cell is installing stays, whatever the
        version, and so does what ``lock`` needs and the cache has. An installed package stays as well: the hard links
        of its environment keep the bytes allocated.
        """
        ledger = self._ledger()
        sizes: dict[str, int] = {}
        for key, size in ledger.items():
            sizes[_name(key)] = sizes.get(_name(key), 0) + size
        running = [*self._installing.values(), *self._installed.values()]
        in_use = {wheel.name for running_lock in running for wheel in running_lock.wheels}
        in_use |= {name for reservation in others for name in reservation.names}
        in_use |= {wheel.name for wheel in lock.wheels if _key(wheel) in ledger and wheel not in missing}
        pending = {w.name for pending_lock in self._pending.values() for w in pending_lock.wheels if _key(w) in ledger}
        evicted: list[str] = []
        for name in sorted(sizes.keys() - in_use, key=lambda name: (name in pending, -sizes[name], name)):
            if sum(sizes[name] for name in evicted) >= short:
                break
            evicted.append(name)
        if evicted:
            self._evict(evicted)

    def _evict(self, names: Sequence[str]) -> None:
        """Remove packages from all caches. Their space counts as free only if uv succeeds."""
        everything = _name(_UNKNOWN) in names
        done = processes.capture(
            [uv_bin(), "cache", "clean", "--quiet", "--cache-dir", self.cache, *(() if everything else names)],
            env=environment.tool(),
        )
        if done.returncode:
            reason = done.stderr.strip()
            _log.warning("uv cache clean failed with exit code %d: %s", done.returncode, reason)
            return
        fast_path.evict(self.cache, names)
        integrity.evict(self.cache, names)
        ledger = {} if everything else self._ledger()
        self._write({key: size for key, size in ledger.items() if _name(key) not in names})

    def _exclusive(self) -> AbstractContextManager[None]:
        """Lock the ledger and the reservations against other runs in the folder."""
        return locked(self.cache / "ledger.lock")

    def _ledger(self) -> dict[str, int]:
        """Return the unpacked size in bytes of each wheel in the cache."""
        try:
            return _LEDGER.validate_json(self._ledger_file.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            return self._rebuild(error)

    def _rebuild(self, error: Exception) -> dict[str, int]:
        """Replace an unreadable ledger by one with a single entry for everything in the cache."""
        _log.warning("%s is unusable (%s): rebuilding it", self._ledger_file, type(error).__name__)
        ledger = {_UNKNOWN: sum(on_disk(self.cache / folder) for folder in _FOLDERS)}
        self._write(ledger)
        return ledger

    def _write(self, ledger: dict[str, int]) -> None:
        write_atomically(self._ledger_file, json.dumps(ledger, indent=0))


def on_disk(folder: Path) -> int:
    """Return the bytes on disk of all files below a folder."""
    sizes = 0
    for path, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                sizes += machine.on_disk(os.lstat(os.path.join(path, name)))  # noqa: PTH118 - there are 20,000
    return sizes


def _key(wheel: LockedWheel) -> str:
    return f"{wheel.name}=={wheel.version}@{wheel.sha256}"


def _name(key: str) -> str:
    return key.split("==", maxsplit=1)[0]
