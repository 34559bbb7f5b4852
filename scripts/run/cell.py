"""Run one cell: resolve, install, run the suite, and record."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from scripts.config.cell import Cell
from scripts.config.exclusions import Metadata
from scripts.core import paths, urls
from scripts.index import sources
from scripts.records.model import EXCLUDED, FreshRecord
from scripts.run import environments, installation, integrity, interpreters, locks, pytest_runs, resolution
from scripts.run.cell_log import CellLog
from scripts.run.context import Progress, RunContext, cell_locked
from scripts.run.failures import CellError
from scripts.run.packages import Packages, check_installed
from scripts.run.record_writer import RecordWriter
from scripts.run.shared_files import SharedFiles
from scripts.run.unpack import fast_path
from scripts.run.unpack.fast_path import NO_PLACEHOLDERS, Installed, PlaceholderRules
from scripts.run.wheel_builder import Target


class CellRun:
    """One cell of a run. The methods follow the order of the steps."""

    def __init__(self, context: RunContext, cell: Cell) -> None:
        self.context, self.cell = context, cell
        self.limits = context.suite.limits
        self.paths = context.suite.paths
        # The log of the stored record is replaced only together with the record.
        self.log = CellLog(self.paths.logs / f"{cell.id}.attempt.log")
        self.environment = self.paths.environments / cell.slug
        self.packages: Packages | None = None
        self.shared = SharedFiles(context, cell.id, self.log)
        self.writer = RecordWriter(context, cell, self.log, self.shared)

    def record(self) -> FreshRecord:
        """Run the cell, and save and return its record, also one of a failure.

        Every exception is this cell's failure; only an interruption ends the run.
        """
        try:
            with cell_locked(self.cell, self.context.suite):
                self.writer.start()
                record = self._run_or_record_failure()
        except Exception as error:  # noqa: BLE001 - the lock file or the record cannot be written
            record = self._failed(error)
        finally:
            self.context.queue.leave(self.cell)
        self._report("done", record=record)
        return record

    def resolved(self) -> locks.Lock:
        """Resolve the cell, and do nothing else. Raise `CellError` without an interpreter or a solution."""
        with cell_locked(self.cell, self.context.suite):
            return self._resolve(self._find_interpreter())

    def _run_or_record_failure(self) -> FreshRecord:
        """Return the saved record of the cell, or of its failure."""
        try:
            self._check_exclusion(None)
            return self._run_until_stable(self._resolve(self._find_interpreter()))
        except Exception as error:  # noqa: BLE001 - other cells go on
            return self._save_unless_worse(self._failed(error))

    def _check_exclusion(self, metadata: Metadata | None) -> None:
        """Raise `CellError` if the project excludes the cell, by its own metadata or those of its wheel."""
        project = self.context.suite.project
        if project is not None and (reason := project.excludes(self.cell, metadata)):
            raise CellError("resolve", EXCLUDED, reason)

    # Resolve

    def _find_interpreter(self) -> Path:
        python, problem = interpreters.find_or_download(self.cell.python)
        if python is None:
            raise CellError("interpreter", "no interpreter", problem)
        return python

    def _resolve(self, python: Path) -> locks.Lock:
        """Return the given lock of the cell, or a new one."""
        lock = self.context.options.locks.get(self.cell) or self._resolve_with_uv(python)
        self.writer.lock = lock
        with self._optional("announcing the wheels"):
            self.context.disk_budget.expect(self.cell.id, lock)
        return lock

    def _resolve_with_uv(self, python: Path) -> locks.Lock:
        self._report("resolve")
        target = self._target(python)
        with self.writer.timed("resolve"):
            self._check_wheel(target)
            try:
                source = sources.choose(self.cell.build, self.context.matrix.builds, self.context.checks)
            except sources.NoSourceError as error:
                raise CellError("resolve", error.cause_kind, str(error)) from error
            return resolution.resolve(
                self.cell,
                source=source,
                needs=locks.requirements(
                    self.context.matrix, self.context.suite, self.cell, self.context.options.require
                ),
                target=target,
                builder=self.context.builder,
                folder=self.paths.locks / self.cell.id,
                timeout=self._resolve_timeout(),
                refresh=self.context.options.upgrade,
                beside=self.context.matrix.companions,
            )

    def _target(self, python: Path) -> Target:
        return Target(
            python=self.cell.python,
            interpreter=python,
            log=self.log.path,
            timeout=self.limits.install,
            exclude_newer=self.context.matrix.exclude_newer,
        )

    def _check_wheel(self, target: Target) -> None:
        """Build a project whose metadata only a build knows. Raise `CellError` if they exclude the cell."""
        project = self.context.suite.project
        if project is not None and project.metadata is None:
            self._check_exclusion(self.context.builder.metadata(project.require[0], target))

    def _resolve_timeout(self) -> float:
        # The index of nightlies lists no hashes: uv downloads a wheel to lock it.
        nightly = Version(self.cell.torch).is_devrelease
        return self.limits.resolve + (self.limits.install if nightly else 0)

    # Run

    def _run_until_stable(self, lock: locks.Lock) -> FreshRecord:
        """Run the cell, and repeat the run if tests opened placeholders, or shared files cannot be trusted.

        This ends: no file becomes a placeholder twice, no modified package is shared again, broken wheels are replaced
        once.
        """
        rules = self._placeholder_rules(lock)
        while True:
            try:
                return self._run_once(lock, rules)
            except fast_path.OpenedError as error:
                opened = [path.as_posix().rpartition("site-packages/")[2] for path in error.paths]
                self.log.write(f"running again: the tests opened placeholders: {', '.join(opened)}")
                self.writer.opened += tuple(opened)
                rules = rules.without(opened)
                self.context.opened_files |= set(opened)  # other cells install these at once
            except integrity.ModifiedError as error:
                self.log.write(f"running again: {error}")

    def _placeholder_rules(self, lock: locks.Lock) -> PlaceholderRules:
        """Return no rules if a GPU or the user may open a placeholder, or if that cannot be detected."""
        if lock.source.gpu or self.context.options.keep or not fast_path.can_watch():
            return NO_PLACEHOLDERS
        return PlaceholderRules(patterns=self.context.matrix.held_files).without(self.context.opened_files)

    def _run_once(self, lock: locks.Lock, rules: PlaceholderRules) -> FreshRecord:
        """Return the record of these wheels: an existing one of the same lock, or a new one, which is saved."""
        with contextlib.ExitStack() as resources:
            self._report("wait", size=self.context.disk_budget.missing(lock, rules))
            with self.context.queue.in_order(self.cell):
                # Only now: a later cell that held this lock would wait for its turn while this one waits for the lock.
                resources.enter_context(self.context.lock_reserved(lock))
                if (record := self._find_reusable(lock)) is not None:
                    return self.writer.reuse(record)
                resources.enter_context(self.context.disk_budget.reserved(self.cell.id, lock, rules))
                resources.enter_context(self.context.sharing.using(self.cell.id, lock.wheels))
            self.environment = self.paths.environments / self.cell.slug
            try:
                record = self._install_and_test(lock, rules)
                self._retire_environment()
                return self._save_unless_worse(record)
            finally:  # after saving: a failure to remove files must not cost the record
                self._clean_up()

    def _find_reusable(self, lock: locks.Lock) -> FreshRecord | None:
        return None if self.context.options.fresh else self.context.record_of_same_lock(self.cell, lock)

    def _install_and_test(self, lock: locks.Lock, rules: PlaceholderRules) -> FreshRecord:
        installed = self._install(lock, rules)
        with self.shared.compared(lock, installed.placeholders), fast_path.watched(installed.placeholders):
            self._report("ready")
            with self.context.testing:
                return self._run_suite(lock)

    # Install

    def _install(self, lock: locks.Lock, rules: PlaceholderRules) -> Installed:
        """Fill the environment; repeat it if files in the cache were modified since they were first installed."""
        for _ in range(2):
            installed = self._fill_environment(lock, rules)
            self.packages = Packages(
                self.cell, lock, self.context.disk_budget, self._find_interpreter(), self.log, scratch=self.paths.locks
            )
            self.packages.read_records(self.environment)
            with self._optional("restoring bytecode"):
                self.packages.restore_bytecode(self.environment)
            trusted = self.shared.note(self.packages.contents(self.environment), lock)
            with self._optional("measuring the wheels"):
                self.packages.note_sizes(self.environment)
            if trusted:
                check_installed(self.environment, lock.wheels)
                return installed
        raise CellError("install", "cache modified", f"files in {paths.CACHE} were modified and can't be evicted")

    def _fill_environment(self, lock: locks.Lock, rules: PlaceholderRules) -> Installed:
        self.shared.forget()
        self._report("install", size=self.context.disk_budget.missing(lock, rules))
        with self.writer.timed("install"):
            environments.create(self.environment, self._find_interpreter(), cache=paths.CACHE, log=self.log.path)
            installed = installation.install(
                self.environment,
                lock,
                cache=paths.CACHE,
                fetcher=self.context.fetcher,
                log=self.log.path,
                timeout=self.limits.install,
                rules=rules,
            )
        seconds = self.writer.seconds
        seconds |= {"download": installed.seconds, "install": round(seconds["install"] - installed.seconds, 3)}
        return installed

    # Test

    def _run_suite(self, lock: locks.Lock) -> FreshRecord:
        self._report("probes")
        report, self.writer.suite_digest = self.context.suite_files.run(
            lambda: pytest_runs.run(
                environments.python_of(self.environment),
                self.context.suite,
                log=self.log.path,
                gpu=lock.source.gpu,
                wheel=self._wheel_of_project(lock),
            ),
            self.log.write,
        )
        if self.context.suite.project is not None and self.writer.suite_digest != self.context.suite_digest:
            self.log.write("the record will not be current: the project changed after its wheel was built")
            self.writer.suite_digest = ""
        for problem in report.problems:
            self.log.write(f"ignored: {problem}")
        return self.writer.recorded(lock, report)

    def _wheel_of_project(self, lock: locks.Lock) -> Path | None:
        """Return the wheel that was built from the project, if the suite is one."""
        project = self.context.suite.project
        if project is None:
            return None
        wheel = next(wheel for wheel in lock.wheels if wheel.name == canonicalize_name(project.name))
        return urls.to_path(wheel.url)

    # Record and clean up

    def _failed(self, error: Exception) -> FreshRecord:
        return self.writer.failed(error)

    def _save_unless_worse(self, record: FreshRecord) -> FreshRecord:
        return self.writer.save_unless_worse(record)

    def _retire_environment(self) -> None:
        """Mark the environment for removal, so that another run removes it if this one is killed first."""
        if not self.context.options.keep:
            with self._optional("retiring the environment"):
                self.environment = environments.retire(self.environment)

    def _clean_up(self) -> None:
        if self.packages is not None and self.shared.trusted:
            with self._optional("saving bytecode"):
                self.packages.save_bytecode(self.environment)
        if self.context.options.keep:
            with self._optional("marking the environment as kept"):
                environments.claim(self.environment, environments.KEPT)
        else:
            with self._optional("removing the environment"):
                environments.remove(self.environment)

    @contextlib.contextmanager
    def _optional(self, step: str) -> Iterator[None]:
        """Log an exception in the block and go on: the step only saves time or disk."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the record does not depend on the step
            self.log.traceback(f"{step} failed; the record is unaffected", error)

    def _report(self, stage: str, *, size: int = 0, record: FreshRecord | None = None) -> None:
        with self._optional("showing progress"):
            self.context.listen(Progress(cell=self.cell, stage=stage, size=size, record=record))
