"""Run the cells without a current record, several at a time."""

from __future__ import annotations

import contextlib
import functools
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final

from scripts.config.cell import Cell
from scripts.config.model import Matrix
from scripts.core import escaping, paths, processes
from scripts.core.errors import MatrixError
from scripts.records.model import FreshRecord
from scripts.run import leftovers
from scripts.run.cell import CellRun
from scripts.run.context import Listener, Options, Progress, Queue, RunContext

#: Cells that are prepared while others are tested.
_AHEAD: Final = 2


def run(
    matrix: Matrix, cells: Sequence[Cell], options: Options, listen: Listener = lambda _: None
) -> dict[Cell, FreshRecord]:
    """Return the record of every cell: its current one, or that of a new run.

    Raises:
        KeyboardInterrupt: the run was interrupted; finished cells keep their records.
        MatrixError: the folder of records, logs and cache is not writable.
    """
    _check_writable(paths.STATE)
    context = RunContext(matrix, options, listen)
    found = {} if options.fresh or options.upgrade else {cell: context.current(cell) for cell in cells}
    if None in found.values():  # the same decision about each index for current cells and for those to run
        found = {cell: record and context.current_in_run(cell) for cell, record in found.items()}
    records = {cell: record for cell, record in found.items() if record is not None}
    for cell, record in records.items():
        listen(Progress(cell=cell, stage="current", record=record))
    missing = [cell for cell in cells if cell not in records]
    if missing:
        context.queue = Queue(missing)
        records |= run_all(context, [CellRun(context, cell) for cell in missing])
    return {cell: records[cell] for cell in cells}


def _check_writable(folder: Path) -> None:
    """Raise `MatrixError` if a folder is not writable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise MatrixError(
            f"{folder}: can't be written ({error.strerror}); records, logs and the cache are kept there: "
            "make it a folder that you may write to"
        ) from error


@functools.cache  # once, even if a command runs cells in several rounds
def _show(note: str) -> None:
    print(escaping.line(note), file=sys.stderr)


def run_all(context: RunContext, runs: Sequence[CellRun]) -> dict[Cell, FreshRecord]:
    """Run cells in their order, several at a time; an interruption or a `CommandError` ends them all."""
    records: dict[Cell, FreshRecord] = {}
    with contextlib.suppress(OSError):
        leftovers.remove()
    if context.settings.note:
        _show(context.settings.note)
    # Cells beyond those that are tested are resolved and installed, so that a core that is free has work at once.
    count = context.jobs + _AHEAD
    with (
        contextlib.closing(context.fetcher),
        processes.interruptible(),
        ThreadPoolExecutor(count, thread_name_prefix="cell") as pool,
    ):
        pending: dict[Future[FreshRecord], Cell] = {pool.submit(cell_run.record): cell_run.cell for cell_run in runs}
        try:
            while pending:
                # Without a timeout the main thread does not receive signals on every system.
                done, _ = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in done:
                    records[pending.pop(future)] = future.result()
        except BaseException:
            processes.stop_all()
            pool.shutdown(cancel_futures=True)
            raise
    return records
