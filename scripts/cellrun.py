"""One cell, from interpreter to record."""

from __future__ import annotations

import contextlib
import datetime as dt
import platform
import time
from collections.abc import Iterator
from pathlib import Path

from scripts import environments, failures, indexes, interpreters, locks, machine, paths, probes, recording
from scripts.cells import Cell
from scripts.failures import CellError
from scripts.records import FreshRecord, Run, Timings
from scripts.workshop import Progress, Workshop, alone


class CellRun:
    """One cell, from interpreter to record."""

    def __init__(self, work: Workshop, cell: Cell) -> None:
        self.work, self.cell = work, cell
        self.limits = work.matrix.limits
        self.log = paths.LOGS / f"{cell.id}.log"
        self.folder = paths.LOCKS / cell.id
        self.environment = paths.ENVIRONMENTS / cell.slug
        self.started = time.monotonic()
        self.seconds: dict[str, float] = {}
        self.lock: locks.Lock | None = None

    def record(self) -> FreshRecord:
        """Run the cell and keep its record, which also tells why there was nothing to run."""
        with alone(self.cell):
            self.started = time.monotonic()
            self.log.parent.mkdir(parents=True, exist_ok=True)
            self.log.unlink(missing_ok=True)
            record = self._whatever_happens()
        self.work.queue.leave(self.cell)
        self._tell("done", record=record)
        return record

    def _whatever_happens(self) -> FreshRecord:
        try:
            lock = self._resolved(self._interpreter())
            with self.work.alone(lock):
                return self._kept(self._reused(lock) or self._recorded(lock))
        except (CellError, OSError) as problem:
            error = problem if isinstance(problem, CellError) else failures.of_system(problem)
            return self._kept(recording.unavailable(self.cell, self.work.platform, error, self._run(), self.lock))

    def _reused(self, lock: locks.Lock) -> FreshRecord | None:
        """The record of another cell that holds the very same wheels, as this cell's own."""
        same = None if self.work.options.fresh else self.work.same_wheels(lock)
        if same is None:
            return None
        return same.model_copy(update={"run": self._run().model_copy(update={"tracebacks": same.run.tracebacks})})

    def _recorded(self, lock: locks.Lock) -> FreshRecord:
        with contextlib.ExitStack() as held:
            self._tell("wait", size=self.work.footprint.missing(lock))
            with self.work.queue.turn(self.cell):
                held.enter_context(self.work.footprint.reserved(self.cell.id, lock))
                self.work.installing.acquire()
            held.callback(self._remove)
            try:
                self._install(lock)
            finally:
                self.work.installing.release()
            return self._probed(lock)

    def _remove(self) -> None:
        if not self.work.options.keep:
            environments.remove(self.environment)

    def _interpreter(self) -> Path:
        python, problem = interpreters.find_or_download(self.cell.python)
        if python is None:
            raise CellError("interpreter", "no interpreter", problem)
        return python

    def _resolved(self, python: Path) -> locks.Lock:
        self._tell("resolve")
        with self._timed("resolve"):
            try:
                source = indexes.source(self.cell.build, self.work.matrix.builds, self.work.checks)
            except indexes.IndexUnreachableError as error:
                raise CellError("resolve", "index out of reach", str(error)) from error
            self.lock = locks.resolve(
                self.cell,
                source=source,
                needs=locks.requirements(self.work.matrix, self.cell, self.work.options.require),
                python=python,
                folder=self.folder,
                cache=paths.CACHE,
                log=self.log,
                timeout=self.limits.resolve,
            )
        self.work.footprint.expect(self.cell.id, self.lock)
        return self.lock

    def _install(self, lock: locks.Lock) -> None:
        self._tell("install", size=self.work.footprint.missing(lock))
        with self._timed("install"):
            environments.create(self.environment, self._interpreter(), cache=paths.CACHE, log=self.log)
            environments.install(self.environment, lock, cache=paths.CACHE, log=self.log, timeout=self.limits.install)
        self.work.footprint.installed(self.cell.id, lock, environments.installed_bytes(self.environment))

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
        self.seconds["import"] = round(started["seconds"], 3) if started else 0.0
        self.seconds["probes"] = round(seen.seconds - self.seconds["import"], 3)
        return recording.recorded(self.cell, self.work.platform, lock, seen, self._run())

    def _run(self, so_far: Run | None = None) -> Run:
        """What belongs to this run; asked for again at the end, when every stage has its time."""
        run = so_far or Run(
            asked=self.cell.id,
            fallback=self.lock.source.fallback if self.lock else None,
            inputs=self.work.inputs(self.cell),
            lock=self.lock.digest if self.lock else None,
            recorded_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            machine=f"{platform.platform()}, {machine.cores()} cores",
            log=self.log.relative_to(paths.ROOT).as_posix(),
            bytes=self.lock.bytes if self.lock else None,
        )
        total = round(time.monotonic() - self.started, 3)
        return run.model_copy(update={"timings": Timings.model_validate({**self.seconds, "total": total})})

    def _kept(self, record: FreshRecord) -> FreshRecord:
        """Keep the record; one that tells only what couldn't be had never takes the place of one that saw torch."""
        record = record.model_copy(update={"run": self._run(record.run)})
        before = self.work.stored(self.cell)
        if record.tells or before is None or not before.tells:
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
