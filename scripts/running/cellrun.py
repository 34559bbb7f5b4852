"""One cell, from interpreter to record."""

from __future__ import annotations

import contextlib
import datetime as dt
import platform
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.version import Version

from scripts import machine, paths
from scripts.matrix.cells import Cell
from scripts.results.records import FreshRecord, Run, Timings
from scripts.running import bytecode, environments, failures, interpreters, locks, placeholders, probes, recording
from scripts.running.failures import CellError
from scripts.running.holding import NOTHING, Hold
from scripts.running.workshop import Progress, Workshop, alone
from scripts.sources import indexes


class CellRun:
    """One cell, from interpreter to record."""

    def __init__(self, work: Workshop, cell: Cell) -> None:
        self.work, self.cell = work, cell
        self.limits = work.matrix.limits
        # The log of what is recorded stays until this run has a record to put in its place.
        self.log = paths.LOGS / f"{cell.id}.attempt.log"
        self.log_of_record = paths.LOGS / f"{cell.id}.log"
        self.folder = paths.LOCKS / cell.id
        self.environment = paths.ENVIRONMENTS / cell.slug
        self.started = time.monotonic()
        self.seconds: dict[str, float] = {}
        self.lock: locks.Lock | None = None
        self.installed: dict[str, environments.Installed] = {}
        self.opened: tuple[str, ...] = ()  # what the probes opened though it was held back

    def record(self) -> FreshRecord:
        """Run the cell and keep its record, which also tells why there was nothing to run."""
        try:
            with alone(self.cell):
                self.started = time.monotonic()
                self.log.parent.mkdir(parents=True, exist_ok=True)
                self.log.unlink(missing_ok=True)
                record = self._whatever_happens()
        finally:
            self.work.queue.leave(self.cell)
        self._tell("done", record=record)
        return record

    def resolved(self) -> locks.Lock:
        """Resolve the cell and no more. Raises `CellError` where there is no interpreter or no solution."""
        with alone(self.cell):
            return self._resolved(self._interpreter())

    def _whatever_happens(self) -> FreshRecord:
        try:
            return self._tested(self._resolved(self._interpreter()))
        except (CellError, OSError) as problem:
            error = problem if isinstance(problem, CellError) else failures.of_system(problem)
            with self.log.open("a", encoding="utf-8") as log:
                log.write(f"{error.reason.kind} ({error.reason.stage}): {error.reason.message}\n")
            return self._kept(recording.unavailable(self.cell, self.work.platform, error, self._run(), self.lock))

    def _tested(self, lock: locks.Lock) -> FreshRecord:
        """What the wheels of a lock do; where probes open files that are held back, they run again with these.

        That comes to an end, since no file is held back twice.
        """
        hold = self._hold(lock)
        while True:
            try:
                return self._tried(lock, hold)
            except placeholders.OpenedError as error:
                opened = [path.as_posix().rpartition("site-packages/")[2] for path in error.paths]
                with self.log.open("a", encoding="utf-8") as log:
                    log.write(f"once more, since the probes opened what was held back: {', '.join(opened)}\n")
                self.opened += tuple(opened)
                hold = hold.without(opened)
                self.work.needed |= set(opened)  # other cells are spared the same

    def _tried(self, lock: locks.Lock, hold: Hold) -> FreshRecord:
        """What the wheels of a lock do: as another cell with the very same has seen it, or as the probes see it."""
        with contextlib.ExitStack() as kept:
            self._tell("wait", size=self.work.footprint.missing(lock, hold))
            with self.work.queue.turn(self.cell):
                # Not before the turn: whoever comes later would hold these wheels and wait for who wants them.
                kept.enter_context(self.work.alone(lock))
                if (same := self._reused(lock)) is not None:
                    return same
                kept.enter_context(self.work.footprint.reserved(self.cell.id, lock, hold))
                self.work.installing.acquire()
            return self._kept(self._recorded(lock, hold))

    def _hold(self, lock: locks.Lock) -> Hold:
        """What is held back: nothing where a GPU or a person may open it, or where nobody can watch that."""
        open_to_all = lock.source.gpu or self.work.options.keep or not placeholders.watchable()
        return NOTHING if open_to_all else Hold(patterns=self.work.matrix.held_files).without(self.work.needed)

    def _reused(self, lock: locks.Lock) -> FreshRecord | None:
        """The record of the very same wheels: this cell's own as it is, or another's in this one's name."""
        same = None if self.work.options.fresh else self.work.same_wheels(self.cell, lock)
        if same is None:
            return None
        self.log.unlink(missing_ok=True)
        if same.run.asked == self.cell.id:
            return same
        run = self._run().model_copy(update={"log": same.run.log, "tracebacks": same.run.tracebacks})
        return self._put(same.model_copy(update={"run": run}))

    def _recorded(self, lock: locks.Lock, hold: Hold) -> FreshRecord:
        try:
            try:
                filled = self._install(lock, hold)
            finally:
                self.work.installing.release()
            with placeholders.untouched(filled.placeholders):
                return self._probed(lock)
        finally:
            if not self.work.options.keep:
                environments.remove(self.environment)

    def _interpreter(self) -> Path:
        python, problem = interpreters.find_or_download(self.cell.python)
        if python is None:
            raise CellError("interpreter", "no interpreter", problem)
        return python

    def _resolved(self, python: Path) -> locks.Lock:
        self.lock = self.work.options.locks.get(self.cell) or self._newly_resolved(python)
        self.work.footprint.expect(self.cell.id, self.lock)
        return self.lock

    def _newly_resolved(self, python: Path) -> locks.Lock:
        self._tell("resolve")
        with self._timed("resolve"):
            try:
                source = indexes.source(self.cell.build, self.work.matrix.builds, self.work.checks)
            except indexes.IndexUnreachableError as error:
                raise CellError("resolve", "index out of reach", str(error)) from error
            return locks.resolve(
                self.cell,
                source=source,
                needs=locks.requirements(self.work.matrix, self.cell, self.work.options.require),
                python=python,
                folder=self.folder,
                cache=paths.CACHE,
                log=self.log,
                timeout=self._time_to_resolve(),
                refresh=self.work.options.upgrade,
            )

    def _time_to_resolve(self) -> float:
        # The index of the nightlies tells no hashes, so that uv has to download a wheel to lock it.
        nightly = Version(self.cell.torch).is_devrelease
        return self.limits.resolve + (self.limits.install if nightly else 0)

    def _install(self, lock: locks.Lock, hold: Hold) -> environments.Filled:
        self._tell("install", size=self.work.footprint.missing(lock, hold))
        with self._timed("install"):
            environments.create(self.environment, self._interpreter(), cache=paths.CACHE, log=self.log)
            filled = environments.install(
                self.environment, lock, cache=paths.CACHE, log=self.log, timeout=self.limits.install, hold=hold
            )
        self.seconds |= {"download": filled.seconds, "install": round(self.seconds["install"] - filled.seconds, 3)}
        self.installed = environments.installed(self.environment)
        sizes = {name: package.bytes for name, package in self.installed.items()}
        self.work.footprint.installed(self.cell.id, lock, sizes)
        bytecode.lend(paths.CACHE, environments.site_packages(self.environment), lock.wheels)
        return filled

    def _probed(self, lock: locks.Lock) -> FreshRecord:
        self._tell("probes")
        seen = probes.run(
            environments.python_of(self.environment),
            self.work.probes,
            limits=self.limits,
            log=self.log,
            gpu=lock.source.gpu,
        )
        started = seen.first("started")
        if started:
            finished = None if seen.lost else seen.first("finished")
            self._keep_bytecode(lock, started["at"], finished["warned_in"] if finished else None)
        self.seconds["import"] = round(started["seconds"], 3) if started else 0.0
        self.seconds["probes"] = round(seen.seconds - self.seconds["import"], 3)
        return recording.recorded(self.cell, self.work.platform, lock, seen, self._run())

    def _keep_bytecode(self, lock: locks.Lock, imported: float, warned_in: Sequence[str] | None) -> None:
        packages = environments.site_packages(self.environment)
        sizes = bytecode.keep(
            paths.CACHE, packages, lock.wheels, self.installed, imported=imported, warned_in=warned_in
        )
        self.work.footprint.compiled(lock, sizes)

    def _run(self, so_far: Run | None = None) -> Run:
        """What belongs to this run; asked for again at the end, when every stage has its time."""
        run = so_far or Run(
            asked=self.cell.id,
            fallback=self.lock.source.fallback if self.lock else None,
            inputs=self.work.inputs(self.cell),
            lock=self.lock.digest if self.lock else None,
            recorded_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            machine=f"{platform.platform()}, {machine.cores()} cores",
            log=_named(self.log),
            bytes=self.lock.bytes if self.lock else None,
            opened=self.opened,
        )
        total = round(time.monotonic() - self.started, 3)
        return run.model_copy(update={"timings": Timings.model_validate({**self.seconds, "total": total})})

    def _kept(self, record: FreshRecord) -> FreshRecord:
        """Keep the record; one that tells only what couldn't be had never takes the place of one that saw torch."""
        run = self._run(record.run)
        before = self.work.stored(self.cell)
        if before is not None and before.tells and not record.tells:
            return record.model_copy(update={"run": run})
        self.log.replace(self.log_of_record)
        return self._put(record.model_copy(update={"run": run.model_copy(update={"log": _named(self.log_of_record)})}))

    def _put(self, record: FreshRecord) -> FreshRecord:
        self.work.store.put(record, self.work.path(self.cell))
        return record

    @contextlib.contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = round(time.monotonic() - started, 3)

    def _tell(self, stage: str, *, size: int = 0, record: FreshRecord | None = None) -> None:
        self.work.listen(Progress(cell=self.cell, stage=stage, size=size, record=record))


def _named(log: Path) -> str:
    """A log as records name it."""
    return log.relative_to(paths.ROOT).as_posix()
