"""Disk: what environments and cache hold, kept within a budget.

Environments are hard links into uv's cache, so what counts is what the cache holds unpacked. A ledger beside the
cache knows each wheel's unpacked size; a wheel that was never unpacked is estimated from its own size.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from pydantic import ByteSize

from scripts import machine, process
from scripts.core.locking import locked
from scripts.results.records import write_atomically
from scripts.running import bytecode, shelf
from scripts.running.failures import CellError
from scripts.running.holding import NOTHING, Hold
from scripts.running.interpreters import uv_bin
from scripts.running.locks import Lock, LockedWheel

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


def human(size: float) -> str:
    """A size for people, in decimal units as indexes and disks have them."""
    return ByteSize(int(size)).human_readable(decimal=True)


class Footprint:
    """The budget of one folder of environments and cache, shared by all threads of a run."""

    def __init__(self, cache: Path, budget: int) -> None:
        self.cache, self.budget = cache, budget
        self._ledger_file = cache / "ledger.json"
        self._changed = threading.Condition()
        self._reserved: dict[str, int] = {}
        self._installing: dict[str, Lock] = {}
        self._installed: dict[str, Lock] = {}
        self._wanted: dict[str, Lock] = {}

    def expect(self, name: str, lock: Lock) -> None:
        """Say that a cell to come needs the wheels of a lock, so that they are dropped last."""
        with self._changed:
            self._wanted[name] = lock

    def missing(self, lock: Lock, hold: Hold | None = None) -> int:
        """Bytes to download for a lock; with ``hold``, also of wheels that lack a file which it doesn't hold back."""
        return sum(wheel.size or 0 for wheel in self._missing(lock, hold))

    def _missing(self, lock: Lock, hold: Hold | None) -> list[LockedWheel]:
        """The wheels of a lock that the cache doesn't have, or not with all files that are wanted."""
        kept = self._ledger()
        return [
            wheel for wheel in lock.wheels if _key(wheel) not in kept or (hold and shelf.lacks(self.cache, wheel, hold))
        ]

    @contextmanager
    def reserved(self, name: str, lock: Lock, hold: Hold = NOTHING) -> Iterator[None]:
        """Hold room for a cell, dropping what nobody needs any more; waits for other cells to finish.

        Raises:
            CellError: it can't fit, whatever is dropped.
        """
        with self._changed:
            while not self._fits(name, lock, hold):
                self._changed.wait()
        try:
            yield
        finally:
            with self._changed:
                for table in (self._reserved, self._installing, self._installed, self._wanted):
                    table.pop(name, None)
                self._changed.notify_all()

    def installed(self, name: str, lock: Lock, sizes: dict[str, int]) -> None:
        """Note what a cell's wheels really take, once they are unpacked."""
        with self._changed, self._exclusive():
            ledger = self._ledger()
            for wheel in lock.wheels:
                ledger[_key(wheel)] = sizes.get(wheel.name, 0)
            write_atomically(self._ledger_file, json.dumps(ledger, indent=0))
            self._reserved[name] = 0
            self._installed[name] = self._installing.pop(name)
            self._changed.notify_all()

    def compiled(self, lock: Lock, sizes: dict[str, int]) -> None:
        """Note what the kept bytecode of a lock's wheels takes."""
        with self._changed, self._exclusive():
            ledger = self._ledger()
            kept = {f"{_key(wheel)}+bytecode": sizes[wheel.name] for wheel in lock.wheels if wheel.name in sizes}
            if not kept.items() <= ledger.items():
                write_atomically(self._ledger_file, json.dumps({**ledger, **kept}, indent=0))

    def _fits(self, name: str, lock: Lock, hold: Hold) -> bool:
        """Reserve the room that a lock needs, if it is there or can be made; False: wait and ask again."""
        missing = self._missing(lock, hold)
        coming = {_key(wheel) for other in self._installing.values() for wheel in other.wheels}
        if any(_key(wheel) in coming for wheel in missing if (wheel.size or 0) >= shelf.BIG):
            return False  # another cell is fetching it: this one finds it in the cache then
        need = unpacked(missing, whole=not hold.patterns)
        if need > self._room() and need:
            self._drop(need - self._room(), lock, missing)
        if need <= self._room() or not need:
            self._reserved[name], self._installing[name] = need, lock
            return True
        if self._reserved:
            return False
        raise CellError("install", "over the disk budget", f"needs {human(need)}, {human(max(0, self._room()))} free")

    def _room(self) -> int:
        """Bytes that may still be taken: within the budget, and on the disk."""
        promised = sum(self._reserved.values())
        within = self.budget - sum(self._ledger().values()) - promised
        return min(within, machine.free_bytes(self.cache) - promised)

    def _drop(self, short: int, lock: Lock, missing: Sequence[LockedWheel]) -> None:
        """Take packages out of the cache: first what no cell to come needs, then the rest, the largest first.

        uv drops a package in all its versions. So what another cell is installing right now stays, whatever its
        version, and so does what ``lock`` needs and the cache holds.
        """
        ledger = self._ledger()
        sizes: dict[str, int] = {}
        for key, size in ledger.items():
            sizes[_name(key)] = sizes.get(_name(key), 0) + size
        busy = {wheel.name for other in self._installing.values() for wheel in other.wheels}
        busy |= {wheel.name for wheel in lock.wheels if _key(wheel) in ledger and wheel not in missing}
        later = {wheel.name for other in self._wanted.values() for wheel in other.wheels if _key(wheel) in ledger}
        dropped: list[str] = []
        for name in sorted(sizes.keys() - busy, key=lambda name: (name in later, -sizes[name], name)):
            if sum(sizes[name] for name in dropped) >= short:
                break
            dropped.append(name)
        if dropped:
            self._clean(dropped)

    def _clean(self, names: list[str]) -> None:
        with self._exclusive():
            process.capture(
                [uv_bin(), "cache", "clean", "--quiet", "--cache-dir", self.cache, *names],
                env=process.clean_environment(),
            )
            shelf.drop(self.cache, names)
            bytecode.drop(self.cache, names)
            ledger = self._ledger()
            kept = {key: size for key, size in ledger.items() if _name(key) not in names}
            write_atomically(self._ledger_file, json.dumps(kept, indent=0))
        for name, lock in self._installed.items():
            # The environment's hard links hold the bytes until it is removed.
            keys = {_key(w) for w in lock.wheels}
            self._reserved[name] += sum(ledger[key] for key in keys & ledger.keys() - kept.keys())

    def _exclusive(self) -> AbstractContextManager[None]:
        """Against another run in the same folder."""
        return locked(self.cache / "ledger.lock")

    def _ledger(self) -> dict[str, int]:
        try:
            ledger = json.loads(self._ledger_file.read_bytes())
        except (OSError, ValueError):
            return {}
        return ledger if isinstance(ledger, dict) else {}


def _key(wheel: LockedWheel) -> str:
    return f"{wheel.name}=={wheel.version}@{wheel.sha256}"


def _name(key: str) -> str:
    return key.split("==", maxsplit=1)[0]
