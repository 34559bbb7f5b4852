"""Make and save the records of one cell."""

from __future__ import annotations

import contextlib
import datetime as dt
import platform
import time
from collections.abc import Iterator

from scripts.config.cell import Cell
from scripts.core import machine
from scripts.records.model import FreshRecord, Run, Timings
from scripts.run import failures, recording
from scripts.run.cell_log import CellLog
from scripts.run.context import RunContext
from scripts.run.locks import Lock
from scripts.run.pytest_runs import SuiteReport
from scripts.run.shared_files import SharedFiles


class RecordWriter:
    """Makes and saves the records of one cell.

    Attributes:
        lock: the cell's lock, once it is resolved.
        seconds: duration of each stage that ended.
        suite_digest: digest of the files that the suite ran from; empty if they changed meanwhile.
        opened: placeholders that tests opened.
    """

    def __init__(self, context: RunContext, cell: Cell, log: CellLog, shared: SharedFiles) -> None:
        self._context, self._cell, self._log, self._shared = context, cell, log, shared
        self._started = time.monotonic()
        self.lock: Lock | None = None
        self.seconds: dict[str, float] = {}
        self.suite_digest: str | None = None
        self.opened: tuple[str, ...] = ()

    def start(self) -> None:
        """Start the clock of the run, and an empty log."""
        self._started = time.monotonic()
        self._log.start()

    @contextlib.contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Measure the duration of a stage."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = round(time.monotonic() - started, 3)

    def recorded(self, lock: Lock, report: SuiteReport) -> FreshRecord:
        """Return the record of a suite that ran. Raise `CellError` if torch could not be imported."""
        started = report.started
        self.seconds["import"] = round(started.seconds, 3) if started else 0.0
        self.seconds["probes"] = round(max(0.0, report.seconds - self.seconds["import"]), 3)
        return recording.recorded(self._cell, self._context.platform, lock, report, self.run_details())

    def failed(self, error: Exception) -> FreshRecord:
        """Log a failure and return its record; an unexpected exception is logged with its traceback."""
        failure = failures.of_exception(error)
        self._log.write(f"{failure.reason.kind} ({failure.reason.stage}): {failure.reason.message}")
        if failure is not error:
            self._log.traceback("the engine failed", error)
        return recording.unavailable(self._cell, self._context.platform, failure, self.run_details(), self.lock)

    def run_details(self) -> Run:
        """Return the part of the record that describes this run and this machine."""
        return self._completed(
            Run(
                asked=self._cell.id,
                suite=self._context.suite.name,
                fallback=self.lock.source.fallback if self.lock else None,
                **self._fingerprint(),
                exclude_newer=self._context.matrix.exclude_newer,
                lock=self.lock.digest if self.lock else None,
                recorded_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
                machine=f"{platform.platform()}, {machine.cores()} cores",
                log=self._log.name,
                bytes=self.lock.bytes if self.lock else None,
                opened=self.opened,
            )
        )

    def _completed(self, run: Run) -> Run:
        """Return the details with the durations up to now, and the files that the tests modified."""
        total = round(time.monotonic() - self._started, 3)
        timings = Timings.model_validate({**self.seconds, "total": total})
        return run.model_copy(update={"modified": self._shared.modified, "timings": timings})

    def _fingerprint(self) -> dict[str, str]:
        """Return both parts of the fingerprint; an empty one, which is never current, if it cannot be computed."""
        try:
            fingerprint = self._context.fingerprint(self._cell, self.suite_digest)
        except Exception as error:  # noqa: BLE001 - a record without a fingerprint is better than none
            self._log.traceback("no fingerprint", error)
            return {"inputs": ""}
        return {"inputs": fingerprint.portable if self.suite_digest != "" else "", "local": fingerprint.local}

    def reuse(self, record: FreshRecord) -> FreshRecord:
        """Return the record of the same wheels: this cell's own unchanged, another's saved under this cell's id."""
        self._log.remove()
        if record.run.asked == self._cell.id:
            return record
        of_record = {"log": record.run.log, "tracebacks": record.run.tracebacks}
        return self._save(record.model_copy(update={"run": self.run_details().model_copy(update=of_record)}))

    def save_unless_worse(self, record: FreshRecord) -> FreshRecord:
        """Save a record and its log; an inconclusive record never replaces a conclusive one."""
        run = self._completed(record.run)
        before = self._context.stored(self._cell)
        if before is not None and before.is_conclusive and not record.is_conclusive and not record.is_excluded:
            return record.model_copy(update={"run": run})
        self._log.move(self._context.suite.paths.logs / f"{self._cell.id}.log")
        return self._save(record.model_copy(update={"run": run.model_copy(update={"log": self._log.name})}))

    def _save(self, record: FreshRecord) -> FreshRecord:
        self._context.store.save(record, self._context.path(self._cell))
        return record
