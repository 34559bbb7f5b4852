"""Running a command in a cell's environment instead of the probes, with the exit codes of ``git bisect run``."""

from __future__ import annotations

import dataclasses
import os
import shlex
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from scripts.config.cells import Cell
from scripts.config.matrix_toml import Matrix
from scripts.core import environment, paths, processes
from scripts.core.errors import MatrixError, UsageError
from scripts.core.processes import Finished
from scripts.records.model import CellKey, FreshRecord, Observation, Wheel
from scripts.records.tracebacks import COMMAND, last_raised
from scripts.run import environments, locks, scheduler
from scripts.run.cell import CellRun
from scripts.run.context import Listener, Options, Queue, RunContext
from scripts.run.unpack.holding import NOTHING, Hold

_SKIP: Final = 125
_LAST_BAD: Final = 127
#: Lines and characters of a command's output that are kept.
_LINES: Final = 20
_CHARACTERS: Final = 4000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ran:
    """How a command ended in a cell. It was not run where the cell is unavailable: then the record says why."""

    record: FreshRecord
    exit_code: int | None = None
    timed_out: float | None = None  # seconds after which it was ended
    output: str = ""  # the last lines


class CommandError(MatrixError):
    """The command asked to stop, or was stopped: an exit code above 127."""

    def __init__(self, cell: Cell, how: str) -> None:
        super().__init__(f"{cell.id}: the command ended with {how}, which stops the bisection; --resume goes on")


class CommandRun(CellRun):
    """A cell in which a command is run; nothing of it goes to the records."""

    def __init__(self, context: RunContext, cell: Cell, command: str, limit: float | None) -> None:
        super().__init__(context, cell)
        self.command = command
        self.limit = limit or self.limits.startup + self.limits.probe
        self.done: Finished | None = None

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
        words = filled(self.command, python, self.cell)
        try:
            with tempfile.TemporaryDirectory(prefix="cell-") as scratch:
                env = environment.cell(
                    python, Path(scratch), gpu=lock.source.gpu, declared=self.context.matrix.probes.env
                )
                # Unbuffered, or a script's output would come after the traceback that ended it.
                env |= {"VIRTUAL_ENV": str(python.parent.parent), "PYTHONUNBUFFERED": "1"}
                command = _found(words, env["PATH"])
                done = processes.run(command, log=self.log.path, env=env, timeout=self.limit, cwd=paths.ROOT)
        except OSError as error:
            raise UsageError(f"--command: it can't be started: {error}") from error
        if not done.timed_out and not 0 <= done.returncode <= _LAST_BAD:
            raise CommandError(self.cell, done.signal_name or f"exit code {done.returncode}")
        self.done = done
        wheel = lock.torch
        index = lock.source.build if lock.source.index else "default"
        return FreshRecord(
            cell=CellKey(**vars(self.cell), platform=self.context.platform),
            status="recorded",
            wheel=Wheel(filename=wheel.filename, sha256=wheel.sha256, index=index),
            observations={COMMAND: _observed(done)},
            run=self._run(),
        )

    def ran(self, record: FreshRecord) -> Ran:
        """Return how the command ended."""
        if self.done is None:
            return Ran(record=record)
        if self.done.timed_out:
            return Ran(record=record, timed_out=self.limit, output=_last(self.done.output))
        return Ran(record=record, exit_code=self.done.returncode, output=_last(self.done.output))


def _observed(done: Finished) -> Observation:
    """Return what a command showed, as an observation."""
    if done.timed_out:
        return Observation(outcome="timed-out")
    if done.returncode in {0, _SKIP}:
        return Observation(outcome="returned") if done.ok else Observation(outcome="skipped", why=f"exit code {_SKIP}")
    return Observation(outcome="raised", **last_raised(done.output))


def _last(output: str) -> str:
    """Return the last lines of a command's output."""
    return "\n".join(output[-_CHARACTERS:].rstrip().splitlines()[-_LINES:])


def filled(command: str, python: Path, cell: Cell) -> list[str]:
    """The command's words, with ``{python}``, ``{torch}`` and ``{cell}`` filled in; no shell reads them."""
    values = {"{python}": str(python), "{torch}": cell.torch, "{cell}": cell.id}
    words = shlex.split(command)
    for sign, value in values.items():
        words = [word.replace(sign, value) for word in words]
    return words


def _found(words: Sequence[str], path: str) -> list[str]:
    """Return the command with its program found: in the cell's environment, or else where the user's shell would."""
    search = os.pathsep.join([path, os.environ.get("PATH", "")])
    return [shutil.which(words[0], path=search) or words[0], *words[1:]]


def run(
    matrix: Matrix,
    cells: Sequence[Cell],
    command: str,
    options: Options,
    *,
    limit: float | None = None,
    listen: Listener = lambda _: None,
) -> Mapping[Cell, Ran]:
    """Run a command in cells, some at once.

    Args:
        matrix: what matrix.toml says.
        cells: where to run it.
        command: the command line.
        options: how cells are run.
        limit: seconds until it is ended; by default as long as importing torch and one test may take.
        listen: is told of the progress.

    Raises:
        CommandError: the command's exit code is above 127, or a signal ended it.
        UsageError: the command can't be started.
    """
    context = RunContext(matrix, options, listen)
    context.queue = Queue(list(cells))
    runs = [CommandRun(context, cell, command, limit) for cell in cells]
    records = scheduler.run_all(context, runs)
    return {one.cell: one.ran(records[one.cell]) for one in runs}
