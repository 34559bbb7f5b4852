"""State that the cells of one run share: options, checked indexes, the disk budget, and current records."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from scripts.config import suite
from scripts.config.cell import Cell
from scripts.config.model import Matrix
from scripts.config.suite import Suite
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
from scripts.run.unpack.fast_path import Fetcher
from scripts.run.wheel_builder import WheelBuilder


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Options of a run."""

    fresh: bool = False  # also run cells with a current record
    upgrade: bool = False  # resolve every cell again, and run those whose lock changed
    keep: bool = False  # keep the environments
    jobs: int | None = None  # cells whose tests run at the same time
    disk: int | None = None  # bytes for the environments and the cache
    require: tuple[str, ...] = ()  # further requirements; they replace pins on the same packages
    suite: Suite | None = None  # None: the default suite of matrix.toml
    records: Path | None = None  # folder of the records; None: that of the suite
    locks: Mapping[Cell, locks.Lock] = dataclasses.field(default_factory=dict)  # their cells are not resolved


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """A stage that a cell has reached."""

    cell: Cell
    stage: str  # "current", "resolve", "wait", "install", "ready", "probes" or "done"
    size: int = 0  # bytes to download, known from the lock
    record: FreshRecord | None = None


Listener = Callable[[Progress], None]


class Queue:
    """Lets cells install in release order, whichever is resolved first.

    Neighbouring releases share most of their CUDA libraries: the second one finds them in the cache.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._waiting = list(cells)
        self._moved = threading.Condition()

    @contextlib.contextmanager
    def in_order(self, cell: Cell) -> Iterator[None]:
        """Wait until all earlier cells have left the queue, and leave it after the block."""
        with self._moved:
            self._moved.wait_for(lambda: cell not in self._waiting or self._waiting[0] == cell)
        try:
            yield
        finally:
            self.leave(cell)

    def leave(self, cell: Cell) -> None:
        """Remove a cell from the queue."""
        with self._moved:
            if cell in self._waiting:
                self._waiting.remove(cell)
                self._moved.notify_all()


class RunContext:
    """State that the cells of one run share."""

    def __init__(self, matrix: Matrix, options: Options, listen: Listener) -> None:
        self.matrix, self.options, self.listen = matrix, options, listen
        self.platform = machine.platform_name()
        self.suite = options.suite or suite.named(matrix)
        self.store = Store(options.records or self.suite.paths.records)
        self.suite_files = harness.suite_files(self.suite)
        self.suite_digest = self.suite_files.snapshot().digest
        self.settings = settings.read()
        self.jobs = options.jobs or matrix.budget.jobs or default_jobs()
        self.disk_budget = DiskBudget(paths.CACHE, options.disk or int(matrix.budget.disk))
        self.checks = sources.SHARED
        self.fetcher = Fetcher(paths.CACHE, matrix.budget.downloads or self.jobs + 1)
        self.testing = threading.Semaphore(self.jobs)
        self.queue = Queue([])
        self.builder = WheelBuilder(paths.BUILDS, paths.CACHE)
        self.sharing = integrity.Sharing()
        self.private_packages: set[str] = set()  # packages that a test modified: cells no longer share their files
        self.opened_files: set[str] = set()  # placeholders that tests of this run opened
        self._lock_mutexes: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def path(self, cell: Cell) -> Path:
        """Return the path of a cell's fresh record, named for the requested cell even if a fallback was tested."""
        return self.store.folder / self.platform / f"{cell.id}.json"

    def stored(self, cell: Cell) -> FreshRecord | None:
        """Return the fresh record of a cell, current or not; None if there is none that this version can read."""
        try:
            return self.store.load(self.path(cell), FreshRecord)
        except SchemaError:
            return None

    def current(self, cell: Cell, is_reachable: Callable[[str], bool] | None = None) -> FreshRecord | None:
        """Return the fresh record of a cell if it is current and conclusive, else None.

        The record of a fallback is out of date as soon as the unreachable index answers again. By default each index is
        checked once a run, without retries, so that a run with nothing to do stays fast.
        """
        record = self.stored(cell)
        if record is None or not record.is_conclusive or not self.inputs_match(record.run, cell):
            return None
        if record.run.fallback is None or record.wheel is None:
            return record
        skipped = sources.skipped_indexes(cell.build, record.wheel.index, self.matrix.builds)
        return None if any(map(is_reachable or self.checks.answers, skipped)) else record

    def current_in_run(self, cell: Cell) -> FreshRecord | None:
        """Return what `current` returns, by the checks, with retries, that also decide for the cells to run."""
        return self.current(cell, lambda url: self.checks(url).ok)

    def fingerprint(self, cell: Cell, suite: str | None = None) -> Fingerprint:
        """Return the fingerprint of a cell's record. ``suite``: digest of the files that ran, if they changed."""
        build = self.matrix.builds[cell.build]
        needs = locks.requirements(self.matrix, self.suite, cell, self.options.require)
        return fingerprint.of(
            cell=cell.id,
            suite=suite or self.suite_digest,
            requirements=list(map(self._identity, needs)),
            env=self.suite.env,
            plugins=self.suite.plugins,
            gpu=build.gpu,
            exclude_newer=self.matrix.exclude_newer,
            index=build.index if build.companions is None else f"{build.index} {build.companions}",
            settings=self.settings.local,
            companions=locks.companions(self.matrix, needs) if build.index else (),
        )

    def _identity(self, line: str) -> str:
        """Return a requirement for the fingerprint; the digest of the suite covers the wheel of a project."""
        project = self.suite.project
        return line.partition(" @ ")[0] if project and line == project.require[0] else self.builder.identity(line)

    def inputs_match(self, run: Run, cell: Cell) -> bool:
        """Return whether a record was made with the present matrix.toml, suite and settings."""
        return self.fingerprint(cell).matches(run.inputs, run.local)

    def record_of_same_lock(self, cell: Cell, lock: locks.Lock) -> FreshRecord | None:
        """Return a current record with the same lock: the cell's own, or one of another build, or None.

        Two builds have the same wheels if both fall back to the default index.
        """
        gpu = lock.source.gpu
        builds = [cell.build, *(name for name, build in self.matrix.builds.items() if build.gpu == gpu)]
        found = (self.current(dataclasses.replace(cell, build=build)) for build in dict.fromkeys(builds))
        return next((record for record in found if record and record.run.lock == lock.digest), None)

    @contextlib.contextmanager
    def lock_reserved(self, lock: locks.Lock) -> Iterator[None]:
        """Run cells with the same lock one after the other, so that the second finds the record of the first."""
        with self._guard:
            mutex = self._lock_mutexes[lock.digest]
        with mutex:
            yield


@contextlib.contextmanager
def cell_locked(cell: Cell, suite: Suite) -> Iterator[None]:
    """Wait for other processes that run the suite in the same cell, and make them wait."""
    with locked(suite.paths.locks / cell.id / ".lock"):
        yield


def default_jobs() -> int:
    """Return the number of cells to run at a time: one a core, and 2 GB of memory for each import of torch."""
    memory = machine.memory_bytes()
    by_memory = memory // 2_000_000_000 if memory else machine.cores()
    return max(1, min(machine.cores(), by_memory))
