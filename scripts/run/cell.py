"""One cell, from interpreter to record."""

from __future__ import annotations

import contextlib
import datetime as dt
import platform
import time
from collections.abc import Iterator
from pathlib import Path

from packaging.version import Version

from scripts.config.cell import Cell
from scripts.core import machine, paths
from scripts.index import sources
from scripts.records.model import FreshRecord, Run, Timings
from scripts.run import (
    environments,
    failures,
    installation,
    integrity,
    interpreters,
    locks,
    pytest_runs,
    recording,
    resolution,
)
from scripts.run.cell_log import CellLog
from scripts.run.context import Progress, RunContext, alone
from scripts.run.failures import CellError
from scripts.run.packages import Packages, check_installed
from scripts.run.shared_files import SharedFiles
from scripts.run.unpack import fast_path
from scripts.run.unpack.fast_path import NO_PLACEHOLDERS, Installed, PlaceholderRules
from scripts.run.wheel_builder import Target


class CellRun:
    """One cell, from interpreter to record."""

    def __init__(self, context: RunContext, cell: Cell) -> None:
        self.context, self.cell = context, cell
        self.limits = context.matrix.limits
        # The log of the stored record stays until this run has a record to put in its place.
        self.log = CellLog(paths.LOGS / f"{cell.id}.attempt.log")
        self.log_of_record = paths.LOGS / f"{cell.id}.log"
        self.folder = paths.LOCKS / cell.id
        self.environment = paths.ENVIRONMENTS / cell.slug
        self.started = time.monotonic()
        self.seconds: dict[str, float] = {}
        self.lock: locks.Lock | None = None
        self.packages: Packages | None = None
        self.suite_digest: str | None = None  # of what ran; empty if that changed meanwhile
        self.opened: tuple[str, ...] = ()  # what the probes opened though it was held back
        self.shared = SharedFiles(context, cell.id, self.log)

    def record(self) -> FreshRecord:
        """Run the cell and save its record, which also says why there was nothing to run.

        Whatever goes wrong is this cell's error; only an interruption ends the run.
        """
        try:
            with alone(self.cell):
                self.started = time.monotonic()
                self.log.start()
                record = self._run_or_record_failure()
        except Exception as error:  # noqa: BLE001 - the cell's lock or its record can't be written
            record = self._failed(error)
        finally:
            self.context.queue.leave(self.cell)
        self._report("done", record=record)
        return record

    def resolved(self) -> locks.Lock:
        """Resolve the cell and no more. Raises `CellError` where there is no interpreter or no solution."""
        with alone(self.cell):
            return self._resolve(self._interpreter())

    def _run_or_record_failure(self) -> FreshRecord:
        """Return the saved record of the cell, or of what kept it from being tested."""
        try:
            return self._run_until_stable(self._resolve(self._interpreter()))
        except Exception as error:  # noqa: BLE001 - one cell's trouble is not to end the others
            return self._save_unless_worse(self._failed(error))

    def _failed(self, error: Exception) -> FreshRecord:
        """Return the record of a failure, which is logged; what nobody expected with its traceback."""
        failure = failures.of_exception(error)
        self.log.write(f"{failure.reason.kind} ({failure.reason.stage}): {failure.reason.message}")
        if failure is not error:
            self.log.traceback("the engine failed", error)
        return recording.unavailable(self.cell, self.context.platform, failure, self._run(), self.lock)

    @contextlib.contextmanager
    def _side_job(self, what: str) -> Iterator[None]:
        """Log what goes wrong in the block and go on: it only saves time or disk."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, the cell's result stands
            self.log.traceback(f"{what} failed, which changes no result", error)

    def _run_until_stable(self, lock: locks.Lock) -> FreshRecord:
        """Run the cell; again where probes opened files that are held back, or where its files can't be trusted.

        That ends: no file is held back twice, no modified package is shared again, and broken wheels are replaced once.
        """
        rules = self._placeholder_rules(lock)
        while True:
            try:
                return self._run_once(lock, rules)
            except fast_path.OpenedError as error:
                opened = [path.as_posix().rpartition("site-packages/")[2] for path in error.paths]
                self.log.write(f"once more, since the probes opened what was held back: {', '.join(opened)}")
                self.opened += tuple(opened)
                rules = rules.without(opened)
                self.context.needed |= set(opened)  # other cells are spared the same
            except integrity.ModifiedError as error:
                self.log.write(f"once more: {error}")

    def _run_once(self, lock: locks.Lock, rules: PlaceholderRules) -> FreshRecord:
        """Return the record of these wheels: another cell's that has the very same, or a new one, which is saved."""
        with contextlib.ExitStack() as held:
            self._report("wait", size=self.context.disk_budget.missing(lock, rules))
            with self.context.queue.turn(self.cell):
                # Not before the turn: whoever comes later would hold these wheels and wait for who wants them.
                held.enter_context(self.context.alone(lock))
                if (same := self._reuse(lock)) is not None:
                    return same
                held.enter_context(self.context.disk_budget.reserved(self.cell.id, lock, rules))
                held.enter_context(self.context.sharing.using(self.cell.id, lock.wheels))
                self.context.installing.acquire()
            self.environment = paths.ENVIRONMENTS / self.cell.slug
            try:
                record = self._test(lock, rules)
                self._retire()
                return self._save_unless_worse(record)
            finally:  # after the record is saved: a result must not depend on what can be removed
                self._clean_up()

    def _test(self, lock: locks.Lock, rules: PlaceholderRules) -> FreshRecord:
        """Install, run the probes, and return their record."""
        try:
            installed = self._install(lock, rules)
        finally:
            self.context.installing.release()
        with self.shared.compared(lock, installed.placeholders), fast_path.watched(installed.placeholders):
            return self._probe(lock)

    def _retire(self) -> None:
        """Mark the environment as done with, so that another run removes it if this one is killed before it can."""
        if not self.context.options.keep:
            with self._side_job("retiring the environment"):
                self.environment = environments.retire(self.environment)

    def _clean_up(self) -> None:
        if self.packages is not None and self.shared.trusted:
            with self._side_job("saving bytecode"):
                self.packages.save_bytecode(self.environment)
        if self.context.options.keep:
            with self._side_job("noting that the environment is kept"):
                environments.claim(self.environment, environments.KEPT)
        else:
            with self._side_job("removing the environment"):
                environments.remove(self.environment)

    def _placeholder_rules(self, lock: locks.Lock) -> PlaceholderRules:
        """Return no rules where a GPU or the user may open a placeholder, or where that cannot be detected."""
        if lock.source.gpu or self.context.options.keep or not fast_path.can_watch():
            return NO_PLACEHOLDERS
        return PlaceholderRules(patterns=self.context.matrix.held_files).without(self.context.needed)

    def _reuse(self, lock: locks.Lock) -> FreshRecord | None:
        """Return the record of the very same wheels: this cell's own as it is, or another's in this one's name."""
        same = None if self.context.options.fresh else self.context.same_wheels(self.cell, lock)
        if same is None:
            return None
        self.log.remove()
        if same.run.asked == self.cell.id:
            return same
        run = self._run().model_copy(update={"log": same.run.log, "tracebacks": same.run.tracebacks})
        return self._save(same.model_copy(update={"run": run}))

    def _interpreter(self) -> Path:
        python, problem = interpreters.find_or_download(self.cell.python)
        if python is None:
            raise CellError("interpreter", "no interpreter", problem)
        return python

    def _resolve(self, python: Path) -> locks.Lock:
        self.lock = self.context.options.locks.get(self.cell) or self._resolve_anew(python)
        with self._side_job("noting the wheels to come"):
            self.context.disk_budget.expect(self.cell.id, self.lock)
        return self.lock

    def _resolve_anew(self, python: Path) -> locks.Lock:
        self._report("resolve")
        with self._timed("resolve"):
            try:
                source = sources.choose(self.cell.build, self.context.matrix.builds, self.context.checks)
            except sources.NoSourceError as error:
                raise CellError("resolve", error.cause_kind, str(error)) from error
            return resolution.resolve(
                self.cell,
                source=source,
                needs=locks.requirements(self.context.matrix, self.cell, self.context.options.require),
                target=Target(
                    python=self.cell.python,
                    interpreter=python,
                    log=self.log.path,
                    timeout=self.limits.install,
                    exclude_newer=self.context.matrix.exclude_newer,
                ),
                builder=self.context.builder,
                folder=self.folder,
                timeout=self._time_to_resolve(),
                refresh=self.context.options.upgrade,
            )

    def _time_to_resolve(self) -> float:
        # The index of the nightlies tells no hashes, so that uv has to download a wheel to lock it.
        nightly = Version(self.cell.torch).is_devrelease
        return self.limits.resolve + (self.limits.install if nightly else 0)

    def _install(self, lock: locks.Lock, rules: PlaceholderRules) -> Installed:
        """Fill the environment; anew where what the cache holds is other than when it was first installed."""
        for _ in range(2):
            installed = self._fill(lock, rules)
            self.packages = Packages(self.cell, lock, self.context.disk_budget, self._interpreter(), self.log)
            self.packages.read_records(self.environment)
            with self._side_job("restoring bytecode"):
                self.packages.restore_bytecode(self.environment)
            trusted = self.shared.note(self.packages.contents(self.environment), lock)
            with self._side_job("noting the size of the wheels"):
                self.packages.note_sizes(self.environment)
            if trusted:
                check_installed(self.environment, lock.wheels)
                return installed
        raise CellError("install", "cache modified", f"files in {paths.CACHE} were modified and can't be evicted")

    def _fill(self, lock: locks.Lock, rules: PlaceholderRules) -> Installed:
        self.shared.forget()
        self._report("install", size=self.context.disk_budget.missing(lock, rules))
        with self._timed("install"):
            environments.create(self.environment, self._interpreter(), cache=paths.CACHE, log=self.log.path)
            installed = installation.install(
                self.environment, lock, cache=paths.CACHE, log=self.log.path, timeout=self.limits.install, rules=rules
            )
        self.seconds |= {
            "download": installed.seconds,
            "install": round(self.seconds["install"] - installed.seconds, 3),
        }
        return installed

    def _probe(self, lock: locks.Lock) -> FreshRecord:
        self._report("probes")
        seen, self.suite_digest = self.context.suite.run(
            lambda: pytest_runs.run(
                environments.python_of(self.environment),
                self.context.probes,
                limits=self.limits,
                log=self.log.path,
                gpu=lock.source.gpu,
                env=self.context.matrix.probes.env,
            ),
            self.log.write,
        )
        for problem in seen.problems:
            self.log.write(f"not believed: {problem}")
        started = seen.started
        self.seconds["import"] = round(started.seconds, 3) if started else 0.0
        self.seconds["probes"] = round(max(0.0, seen.seconds - self.seconds["import"]), 3)
        return recording.recorded(self.cell, self.context.platform, lock, seen, self._run())

    def _run(self, so_far: Run | None = None) -> Run:
        """What belongs to this run; asked for again at the end, when every stage has its time."""
        run = so_far or Run(
            asked=self.cell.id,
            fallback=self.lock.source.fallback if self.lock else None,
            **self._fingerprint(),
            exclude_newer=self.context.matrix.exclude_newer,
            lock=self.lock.digest if self.lock else None,
            recorded_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            machine=f"{platform.platform()}, {machine.cores()} cores",
            log=self.log.name,
            bytes=self.lock.bytes if self.lock else None,
            opened=self.opened,
        )
        total = round(time.monotonic() - self.started, 3)
        timings = Timings.model_validate({**self.seconds, "total": total})
        return run.model_copy(update={"modified": self.shared.modified, "timings": timings})

    def _fingerprint(self) -> dict[str, str]:
        """Return both parts of the fingerprint; an empty one, which is never current, where there is none."""
        try:
            found = self.context.fingerprint(self.cell, self.suite_digest)
        except Exception as error:  # noqa: BLE001 - the record is worth keeping all the same
            self.log.traceback("no fingerprint", error)
            return {"inputs": ""}
        return {"inputs": found.portable if self.suite_digest != "" else "", "local": found.local}

    def _save_unless_worse(self, record: FreshRecord) -> FreshRecord:
        """Save the record; one that says only what couldn't be had never replaces one that saw torch."""
        run = self._run(record.run)
        before = self.context.stored(self.cell)
        if before is not None and before.is_conclusive and not record.is_conclusive:
            return record.model_copy(update={"run": run})
        self.log.move(self.log_of_record)
        return self._save(record.model_copy(update={"run": run.model_copy(update={"log": self.log.name})}))

    def _save(self, record: FreshRecord) -> FreshRecord:
        self.context.store.save(record, self.context.path(self.cell))
        return record

    @contextlib.contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = round(time.monotonic() - started, 3)

    def _report(self, stage: str, *, size: int = 0, record: FreshRecord | None = None) -> None:
        with self._side_job("showing progress"):
            self.context.listen(Progress(cell=self.cell, stage=stage, size=size, record=record))
