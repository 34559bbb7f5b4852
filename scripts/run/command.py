"""Run a command instead of the suite in a cell's environment, with the exit codes of ``git bisect run``."""

from __future__ import annotations

import dataclasses
import os
import shlex
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from scripts.config.cell import Cell
from scripts.config.model import Matrix
from scripts.core import environment, paths, processes
from scripts.core.errors import MatrixError, UsageError
from scripts.core.processes import Finished
from scripts.records.messages import last_raised
from scripts.records.model import COMMAND, CellKey, FreshRecord, Observation, Wheel
from scripts.run import environments, locks, scheduler
from scripts.run.cell import CellRun
from scripts.run.context import Listener, Options, Queue, RunContext
from scripts.run.unpack.fast_path import NO_PLACEHOLDERS, PlaceholderRules

#: The exit code with which a command skips a candidate.
SKIP_CODE: Final = 125
#: The highest exit code that is a result; higher ones stop the bisection.
_LAST_BAD_CODE: Final = 127
#: The most of a command's output that is kept.
_MAX_LINES: Final = 20
_MAX_CHARACTERS: Final = 4000


@dataclasses.dataclass(frozen=True, kw_only=True)
class CommandResult:
    """The result of a command in a cell. If the cell is unavailable, only the record with the reason."""

    record: FreshRecord
    exit_code: int | None = None
    timed_out: float | None = None  # seconds after which it was killed
    output: str = ""  # the last lines


class CommandError(MatrixError):
    """The command stops the bisection: its exit code is above 127, or a signal ended it."""

    def __init__(self, cell: Cell, end: str) -> None:
        super().__init__(f"{cell.id}: the command ended with {end}, which stops the bisection; continue with --resume")


class CommandRun(CellRun):
    """A cell in which a command is run; its record is not saved."""

    def __init__(self, context: RunContext, cell: Cell, command: str, timeout: float | None) -> None:
        super().__init__(context, cell)
        self.command = command
        self.timeout = timeout or self.limits.startup + self.limits.probe
        self.done: Finished | None = None

    def _find_reusable(self, lock: locks.Lock) -> None:
        del lock

    def _placeholder_rules(self, lock: locks.Lock) -> PlaceholderRules:
        """Return no rules: a command may open any file."""
        del lock
        return NO_PLACEHOLDERS

    def _failed(self, error: Exception) -> FreshRecord:
        if isinstance(error, MatrixError):
            raise error  # the command cannot be started, or stops the bisection
        return super()._failed(error)

    def _save_unless_worse(self, record: FreshRecord) -> FreshRecord:
        return record

    def _run_suite(self, lock: locks.Lock) -> FreshRecord:
        self._report("probes")
        python = environments.python_of(self.environment)
        words = command_words(self.command, python, self.cell)
        gpu, declared = lock.source.gpu, self.context.suite.env
        try:
            with tempfile.TemporaryDirectory(prefix="cell-") as scratch:
                env = environment.cell(python, Path(scratch), gpu=gpu, declared=declared)
                # Unbuffered: otherwise the output of a script follows the traceback that ended it.
                env |= {"VIRTUAL_ENV": str(python.parent.parent), "PYTHONUNBUFFERED": "1"}
                command = _with_program(words, env["PATH"])
                done = processes.run(command, log=self.log.path, env=env, timeout=self.timeout, cwd=paths.ROOT)
        except OSError as error:
            raise UsageError(f"--command: cannot be started: {error}") from error
        if not done.timed_out and not 0 <= done.returncode <= _LAST_BAD_CODE:
            raise CommandError(self.cell, done.signal_name or f"exit code {done.returncode}")
        self.done = done
        wheel = lock.torch
        index = lock.source.build if lock.source.index else "default"
        return FreshRecord(
            cell=CellKey(**vars(self.cell), platform=self.context.platform),
            status="recorded",
            wheel=Wheel(filename=wheel.filename, sha256=wheel.sha256, index=index),
            observations={COMMAND: _observed(done)},
            run=self.writer.run_details(),
        )

    def result(self, record: FreshRecord) -> CommandResult:
        """Return the result of the command."""
        if self.done is None:
            return CommandResult(record=record)
        if self.done.timed_out:
            return CommandResult(record=record, timed_out=self.timeout, output=_last_lines(self.done.output))
        return CommandResult(record=record, exit_code=self.done.returncode, output=_last_lines(self.done.output))


def _observed(done: Finished) -> Observation:
    """Return the result of a command as an observation."""
    if done.timed_out:
        return Observation(outcome="timed-out")
    if done.returncode in {0, SKIP_CODE}:
        return (
            Observation(outcome="returned") if done.ok else Observation(outcome="skipped", why=f"exit code {SKIP_CODE}")
        )
    return Observation(outcome="raised", **last_raised(done.output))


def _last_lines(output: str) -> str:
    """Return the last lines of a command's output."""
    return "\n".join(output[-_MAX_CHARACTERS:].rstrip().splitlines()[-_MAX_LINES:])


def command_words(command: str, python: Path, cell: Cell) -> list[str]:
    """Return a command's words with ``{python}``, ``{torch}`` and ``{cell}`` replaced; no shell interprets them."""
    values = {"{python}": str(python), "{torch}": cell.torch, "{cell}": cell.id}
    words = shlex.split(command)
    for placeholder, value in values.items():
        words = [word.replace(placeholder, value) for word in words]
    return words


def _with_program(words: Sequence[str], path: str) -> list[str]:
    """Return the command with its program's path, from the cell's environment or else from the user's ``PATH``."""
    search = os.pathsep.join([path, os.environ.get("PATH", "")])
    return [shutil.which(words[0], path=search) or words[0], *words[1:]]


def run(
    matrix: Matrix,
    cells: Sequence[Cell],
    command: str,
    options: Options,
    *,
    timeout: float | None = None,
    listen: Listener = lambda _: None,
) -> Mapping[Cell, CommandResult]:
    """Run a command in cells, several in parallel, and return its results.

    Args:
        matrix: the configuration.
        cells: where to run the command.
        command: the command line.
        options: how cells are run.
        timeout: seconds after which the command is killed; default: the limits of importing torch and of one test.
        listen: gets the progress.

    Raises:
        CommandError: the command's exit code is above 127, or a signal ended it.
        UsageError: the command cannot be started.
    """
    context = RunContext(matrix, options, listen)
    context.queue = Queue(list(cells))
    runs = [CommandRun(context, cell, command, timeout) for cell in cells]
    records = scheduler.run_all(context, runs)
    return {run.cell: run.result(records[run.cell]) for run in runs}
