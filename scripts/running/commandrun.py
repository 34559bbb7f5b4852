"""Running a command in a cell's environment instead of the probes, with the exit codes of ``git bisect run``."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts import paths, process
from scripts.errors import MatrixError, UsageError
from scripts.matrix.cells import Cell
from scripts.matrix.config import Matrix
from scripts.results.records import CellKey, FreshRecord, Wheel
from scripts.running import environments, locks, runner
from scripts.running.cellrun import CellRun
from scripts.running.holding import NOTHING, Hold
from scripts.running.workshop import Listener, Options, Queue, Workshop

#: A command that takes too long can't be said to be good or bad.
_SKIP = 125
_LAST_BAD = 127


class CommandError(MatrixError):
    """The command asked to stop, or was stopped: an exit code above 127."""

    def __init__(self, cell: Cell, how: str) -> None:
        super().__init__(f"{cell.id}: the command ended with {how}, which stops the bisection; --resume goes on")


class CommandRun(CellRun):
    """A cell in which a command is run; nothing of it goes to the records."""

    def __init__(self, work: Workshop, cell: Cell, command: str) -> None:
        super().__init__(work, cell)
        self.command = command
        self.exit_code: int | None = None

    def _reuse(self, lock: locks.Lock) -> None:
        del lock

    def _hold(self, lock: locks.Lock) -> Hold:
        """Nothing: nobody knows what a command opens."""
        del lock
        return NOTHING

    def _failed(self, error: Exception) -> FreshRecord:
        if isinstance(error, MatrixError):
            raise error  # the command can't be started, or asked to stop: that ends the bisection
        return super()._failed(error)

    def _save_unless_worse(self, record: FreshRecord) -> FreshRecord:
        return record

    def _probe(self, lock: locks.Lock) -> FreshRecord:
        self._report("probes")
        python = environments.python_of(self.environment)
        limit = self.limits.startup + self.limits.probe
        try:
            done = process.run(
                filled(self.command, python, self.cell),
                log=self.log.path,
                env=_environment(python),
                timeout=limit,
                cwd=paths.ROOT,
            )
        except OSError as error:
            raise UsageError(f"--command: it can't be started: {error}") from error
        if not done.timed_out and not 0 <= done.returncode <= _LAST_BAD:
            raise CommandError(self.cell, done.signal_name or f"exit code {done.returncode}")
        self.exit_code = _SKIP if done.timed_out else done.returncode
        wheel = lock.torch
        index = lock.source.build if lock.source.index else "default"
        return FreshRecord(
            cell=CellKey(**vars(self.cell), platform=self.work.platform),
            status="recorded",
            wheel=Wheel(filename=wheel.filename, sha256=wheel.sha256, index=index),
            run=self._run(),
        )


def filled(command: str, python: Path, cell: Cell) -> list[str]:
    """The command's words, with ``{python}``, ``{torch}`` and ``{cell}`` filled in; no shell reads them."""
    values = {"{python}": str(python), "{torch}": cell.torch, "{cell}": cell.id}
    words = shlex.split(command)
    for sign, value in values.items():
        words = [word.replace(sign, value) for word in words]
    return words


def _environment(python: Path) -> dict[str, str]:
    """As if the cell's environment were activated."""
    path = os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])
    return process.clean_environment(PATH=path, VIRTUAL_ENV=str(python.parent.parent), PYTHONNOUSERSITE="1")


def run(
    matrix: Matrix, cells: Sequence[Cell], command: str, options: Options, listen: Listener = lambda _: None
) -> Mapping[Cell, tuple[FreshRecord, int | None]]:
    """Run a command in cells, some at once; the exit code is None where a cell couldn't be had.

    Raises:
        CommandError: the command's exit code is above 127, or a signal ended it.
        UsageError: the command can't be started.
    """
    work = Workshop(matrix, options, listen)
    work.queue = Queue(list(cells))
    runs = [CommandRun(work, cell, command) for cell in cells]
    records = runner.run_all(work, runs)
    return {one.cell: (records[one.cell], one.exit_code) for one in runs}
