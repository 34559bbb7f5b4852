"""Disk: what environments and cache hold, kept within a budget.

Environments are hard links into uv's cache, so what counts is what the cache holds unpacked. A ledger beside the
cache knows each wheel's unpacked size; a wheel that was never unpacked is estimated from its own size.
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
from scripts.run.unpack import bytecode, store
from scripts.run.unpack.holding import NOTHING, Hold

_log = logging.getLogger(__name__)

_LEDGER: Final = TypeAdapter(dict[str, Annotated[int, Field(ge=0)]])

#: Stands in a ledger for all that is there and of which nothing is known; to evict it is to empty the cache.
_UNKNOWN: Final = "==unknown"
#: The folders of the cache that hold unpacked wheels and bytecode.
_HELD_IN: Final = ("archive-v0", "unpacked", "bytecode")

#: Seconds after which to ask again whether another run in the folder has left room.
_AGAIN: Final = 0.5

#: Unpacked bytes for each byte of a wheel, rounded up from the wheels of torch 1.9 to 2.15 and what they need; by how
#: the package's name begins. And the same of wheels of which most is held back.
_WHOLE: Final = {"torch": 2.2, "triton": 3.0, "nvidia": 1.8, "cuda": 1.8, "": 4.0}
_HELD: Final = {"nvidia-cudnn": 0.1, "triton": 0.2}


def unpacked(wheels: Iterable[LockedWheel], *, whole: bool = True) -> int:
    """Bytes that wheels will take once unpacked, estimated; without ``whole``, less what is held back."""
    rows = [*(() if whole else _HELD.items()), *_WHOLE.items()]
    return sum(
        int((wheel.size or 0) * next(much for name, much in rows if wheel.name.startswith(name))) for wheel in wheels
    )


class DiskBudget:
    """The budget of one folder of environments and cache, shared by all threads of a run and all runs in the folder."""

    def __init__(self, cache: Path, budget: int) -> None:
        self.cache, self.budget = cache, budget
        self._ledger_file = cache / "ledger.json"
        self._reservations = Reservations(cache / "reservations.json")
        self._changed = threading.Condition()
        self._reserved: dict[str, int] = {}
        self._installing: dict[str, Lock] = {}
        self._installed: dict[str, Lock] = {}
        self._wanted: dict[str, Lock] = {}

    def expect(self, name: str, lock: Lock) -> None:
        """Evict the wheels of a lock last: a pending cell needs them."""
        with self._changed:
            self._wanted[name] = lock

    def missing(self, lock: Lock, hold: Hold | None = None) -> int:
        """Bytes to download for a lock; with ``hold``, also of wheels that lack a file which it doesn't hold back."""
        return sum(wheel.size or 0 for wheel in self._missing(lock, hold))

    def _missing(self, lock: Lock, hold: Hold | None) -> list[LockedWheel]:
        """The wheels of a lock that the cache doesn't have, or not with all files that are wanted."""
        kept = self._ledger()
        return [
            wheel for wheel in lock.wheels if _key(wheel) not in kept or (hold and store.lacks(self.cache, wheel, hold))
        ]

    @contextmanager
    def reserved(self, name: str, lock: Lock, hold: Hold = NOTHING) -> Iterator[None]:
        """Hold room for a cell, evicting what nobody needs any more; waits for other cells to finish.

        Raises:
            CellError: it can't fit, whatever is evicted.
        """
        with self._changed:
            while not self._fits(name, lock, hold):
                self._changed.wait(_AGAIN)  # other runs in the folder can't wake this one
        try:
            yield
        finally:
            with self._changed:
                for table in (self._reserved, self._installing, self._installed, self._wanted):
                    table.pop(name, None)
                with self._exclusive():
                    self._publish()
                self._changed.notify_all()

    def installed(self, name: str, lock: Lock, sizes: dict[str, int]) -> None:
        """Note what a cell's wheels really take, once they are unpacked."""
        with self._changed, self._exclusive():
            ledger = self._ledger()
            for wheel in lock.wheels:
                ledger[_key(wheel)] = sizes.get(canonicalize_name(wheel.name), 0)
            self._write(ledger)
            self._reserved[name] = 0
            self._installed[name] = self._installing.pop(name, lock)
            self._publish()
            self._changed.notify_all()

    def compiled(self, lock: Lock, sizes: dict[str, int]) -> None:
        """Note what the kept bytecode of a lock's wheels takes."""
        with self._changed, self._exclusive():
            ledger = self._ledger()
            kept = {f"{_key(wheel)}+bytecode": sizes[wheel.name] for wheel in lock.wheels if wheel.name in sizes}
            if not kept.items() <= ledger.items():
                self._write({**ledger, **kept})

    def evict(self, names: Collection[str]) -> None:
        """Remove some packages from the cache, in all their versions."""
        with self._changed, self._exclusive():
            self._clean(sorted(names))
            self._changed.notify_all()

    def _fits(self, name: str, lock: Lock, hold: Hold) -> bool:
        """Reserve the room that a lock needs, if it is there or can be made; False: wait and ask again."""
        with self._exclusive():
            others = self._reservations.others()
            missing = self._missing(lock, hold)
            coming = {_key(wheel) for other in self._installing.values() for wheel in other.wheels}
            if any(_key(wheel) in coming for wheel in missing if (wheel.size or 0) >= store.BIG):
                return False  # another cell is fetching it: this one finds it in the cache then
            need = unpacked(missing, whole=not hold.patterns)
            if need > self._room(others) and need:
                self._drop(need - self._room(others), lock, missing, others)
            if need <= self._room(others) or not need:
                self._reserved[name], self._installing[name] = need, lock
                self._publish()
                return True
        if self._reserved or others:
            return False
        free = human_size(max(0, self._room(others)))
        raise CellError("install", "over the disk budget", f"needs {human_size(need)}, {free} free")

    def _publish(self) -> None:
        """Tell other runs in the folder what the cells of this one hold."""
        locks = {**self._installing, **self._installed}
        self._reservations.publish(
            {name: (size, {wheel.name for wheel in locks[name].wheels}) for name, size in self._reserved.items()}
        )

    def _room(self, others: Iterable[Reservation]) -> int:
        """Bytes that may still be taken: within the budget, and on the disk."""
        promised = sum(self._reserved.values()) + sum(other.bytes for other in others)
        within = self.budget - sum(self._ledger().values()) - promised
        return min(within, machine.free_bytes(self.cache) - promised)

    def _drop(self, short: int, lock: Lock, missing: Sequence[LockedWheel], others: Iterable[Reservation]) -> None:
        """Evict packages: first what no pending cell needs, then the rest, the largest first.

        uv drops a package in all its versions. So what another cell is installing right now stays, whatever its
        version, and so does what ``lock`` needs and the cache holds. Of what a cell has installed, the environment's
        hard links hold the bytes until it is removed; so that stays as well.
        """
        ledger = self._ledger()
        sizes: dict[str, int] = {}
        for key, size in ledger.items():
            sizes[_name(key)] = sizes.get(_name(key), 0) + size
        running = [*self._installing.values(), *self._installed.values()]
        busy = {wheel.name for other in running for wheel in other.wheels}
        busy |= {name for other in others for name in other.names}
        busy |= {wheel.name for wheel in lock.wheels if _key(wheel) in ledger and wheel not in missing}
        later = {wheel.name for other in self._wanted.values() for wheel in other.wheels if _key(wheel) in ledger}
        dropped: list[str] = []
        for name in sorted(sizes.keys() - busy, key=lambda name: (name in later, -sizes[name], name)):
            if sum(sizes[name] for name in dropped) >= short:
                break
            dropped.append(name)
        if dropped:
            self._clean(dropped)

    def _clean(self, names: Sequence[str]) -> None:
        """Remove packages from uv's cache and from what is kept beside it. Only what is gone counts as free."""
        everything = _name(_UNKNOWN) in names
        done = processes.capture(
            [uv_bin(), "cache", "clean", "--quiet", "--cache-dir", self.cache, *(() if everything else names)],
            env=environment.tool(),
        )
        if done.returncode:
            reason = done.stderr.strip()
            _log.warning("uv cache clean failed with exit code %d: %s", done.returncode, reason)
            return
        store.drop(self.cache, names)
        bytecode.drop(self.cache, names)
        integrity.drop(self.cache, names)
        kept = {} if everything else self._ledger()
        self._write({key: size for key, size in kept.items() if _name(key) not in names})

    def _exclusive(self) -> AbstractContextManager[None]:
        """Against another run in the same folder."""
        return locked(self.cache / "ledger.lock")

    def _ledger(self) -> dict[str, int]:
        """Return the unpacked size of each wheel that the cache holds."""
        try:
            return _LEDGER.validate_json(self._ledger_file.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            return self._rebuilt(error)

    def _rebuilt(self, error: Exception) -> dict[str, int]:
        """Return a new ledger in the place of one that can't be read: all that is there counts, under no name."""
        _log.warning("%s can't be used (%s); it is made anew", self._ledger_file, type(error).__name__)
        ledger = {_UNKNOWN: sum(on_disk(self.cache / folder) for folder in _HELD_IN)}
        self._write(ledger)
        return ledger

    def _write(self, ledger: dict[str, int]) -> None:
        write_atomically(self._ledger_file, json.dumps(ledger, indent=0))


def on_disk(folder: Path) -> int:
    """Bytes that the files below a folder take."""
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
