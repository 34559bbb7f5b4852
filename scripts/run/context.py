"""What the cells of one run share: options, checks, the disk budget, and which records are up to date."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from scripts.config.cell import Cell
from scripts.config.model import Matrix
from scripts.core import machine, paths
from scripts.core.errors import SchemaError
from scripts.core.locking import locked
from scripts.index import settings, sources
from scripts.records import fingerprint
from scripts.records.fingerprint import Fingerprint
from scripts.records.model import FreshRecord, Run
from scripts.records.store import Store
from scripts.run import harness, integrity, locks
from scripts.run.disk_budget import DiskBudget
from scripts.run.wheel_builder import WheelBuilder


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """How a run is to go."""

    fresh: bool = False  # run also what is up to date
    upgrade: bool = False  # resolve everything anew; what comes out with another lock runs again
    keep: bool = False  # leave the environments there
    jobs: int | None = None  # cells at once
    disk: int | None = None  # bytes for environments and cache together
    require: tuple[str, ...] = ()  # further requirements, in place of pins on the same packages
    records: Path = paths.RECORDS
    probes: Path | None = None  # another folder of probes than matrix.toml's
    locks: Mapping[Cell, locks.Lock] = dataclasses.field(default_factory=dict)  # cells not to resolve anew


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """What a cell is doing, for whoever shows it."""

    cell: Cell
    stage: str  # "current", "resolve", "wait", "install", "probes" or "done"
    size: int = 0  # bytes to download, known from the lock
    record: FreshRecord | None = None


Listener = Callable[[Progress], None]


class Queue:
    """Lets cells install in their order, whichever of them was resolved first.

    The order is worth keeping: neighbouring releases share most of their CUDA libraries, which one of them
    then finds in the cache.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._waiting = list(cells)
        self._moved = threading.Condition()

    @contextlib.contextmanager
    def turn(self, cell: Cell) -> Iterator[None]:
        """Wait for all cells before this one to have had their turn, or to have left."""
        with self._moved:
            self._moved.wait_for(lambda: cell not in self._waiting or self._waiting[0] == cell)
        try:
            yield
        finally:
            self.leave(cell)

    def leave(self, cell: Cell) -> None:
        """Say that a cell needs no turn any more."""
        with self._moved:
            if cell in self._waiting:
                self._waiting.remove(cell)
                self._moved.notify_all()


class RunContext:
    """The shared part of a run."""

    def __init__(self, matrix: Matrix, options: Options, listen: Listener) -> None:
        self.matrix, self.options, self.listen = matrix, options, listen
        self.platform = machine.platform_name()
        self.store = Store(options.records)
        self.probes = options.probes or paths.ROOT / matrix.probes.path
        self.suite = harness.suite(self.probes)
        self.suite_digest = self.suite.snapshot().digest
        self.settings = settings.read()
        self.jobs = options.jobs or matrix.budget.jobs or default_jobs()
        self.disk_budget = DiskBudget(paths.CACHE, options.disk or int(matrix.budget.disk))
        self.checks = sources.SHARED
        # All at once: unpacking one wheel keeps a core and a half busy. Four cells cold: 85 s one by one, 66 s by two.
        self.installing = threading.Semaphore(matrix.budget.downloads or self.jobs)
        self.queue = Queue([])
        self.builder = WheelBuilder(paths.BUILDS, paths.CACHE)
        self.sharing = integrity.Sharing()
        self.private: set[str] = set()  # packages whose files a test modified: from then on, each cell has its own
        self.needed: set[str] = set()  # files that probes of this run opened though they were held back
        self._same_lock: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def path(self, cell: Cell) -> Path:
        """Where the fresh record of a cell is kept: under the id that was asked for, whatever was tested."""
        return self.store.folder / self.platform / f"{cell.id}.json"

    def stored(self, cell: Cell) -> FreshRecord | None:
        """The fresh record of a cell, up to date or not; None also for one that this version can't read."""
        try:
            return self.store.load(self.path(cell), FreshRecord)
        except SchemaError:
            return None

    def current(self, cell: Cell, index_answers: Callable[[str], bool] | None = None) -> FreshRecord | None:
        """The fresh record of a cell if it is up to date and tells of torch, not of what couldn't be had.

        The record of a fallback is out of date as soon as the index that was unreachable answers again. By default that
        is asked once a run, without retries, so that a run with nothing to do stays fast.
        """
        record = self.stored(cell)
        if record is None or not record.is_conclusive or not self.made_from(record.run, cell):
            return None
        if record.run.fallback is None or record.wheel is None:
            return record
        skipped = sources.skipped_indexes(cell.build, record.wheel.index, self.matrix.builds)
        return None if any(map(index_answers or self.checks.answers, skipped)) else record

    def current_now(self, cell: Cell) -> FreshRecord | None:
        """As `current`, in a run in which cells are run: what is decided for these counts for fallbacks, too."""
        return self.current(cell, lambda url: self.checks(url).ok)

    def fingerprint(self, cell: Cell, suite: str | None = None) -> Fingerprint:
        """Return the fingerprint of a cell's record; ``suite`` is the digest of what ran, if not that of the start."""
        build = self.matrix.builds[cell.build]
        return fingerprint.of(
            cell=cell.id,
            suite=suite or self.suite_digest,
            requirements=[
                self.builder.identity(line) for line in locks.requirements(self.matrix, cell, self.options.require)
            ],
            env=self.matrix.probes.env,
            gpu=build.gpu,
            exclude_newer=self.matrix.exclude_newer,
            index=build.index,
            settings=self.settings.local,
        )

    def made_from(self, run: Run, cell: Cell) -> bool:
        """Return whether a record was made from what matrix.toml, the suite and the settings say now."""
        return self.fingerprint(cell).matches(run.inputs, run.local)

    def same_wheels(self, cell: Cell, lock: locks.Lock) -> FreshRecord | None:
        """An up-to-date record that came out with the same lock: the cell's own, or one of another build.

        Two builds have the same wheels where both fall back on the default index.
        """
        gpu = lock.source.gpu
        builds = [cell.build, *(name for name, build in self.matrix.builds.items() if build.gpu == gpu)]
        found = (self.current(dataclasses.replace(cell, build=build)) for build in dict.fromkeys(builds))
        return next((record for record in found if record and record.run.lock == lock.digest), None)

    @contextlib.contextmanager
    def alone(self, lock: locks.Lock) -> Iterator[None]:
        """Keep cells with the same lock apart, so that the second finds the first one's record."""
        with self._guard:
            mutex = self._same_lock[lock.digest]
        with mutex:
            yield


@contextlib.contextmanager
def alone(cell: Cell) -> Iterator[None]:
    """Keep another process away that runs the same cell."""
    with locked(paths.LOCKS / cell.id / ".lock"):
        yield


def default_jobs() -> int:
    """Cells at once: one a core, and no more than memory has room for at 2 GB an import of torch."""
    memory = machine.memory_bytes()
    by_memory = memory // 2_000_000_000 if memory else machine.cores()
    return max(1, min(machine.cores(), by_memory))
