"""A job of the matrix: its cells, and what of their wheels is worth to be kept for the next run."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from typing import Final

from scripts import cli, machine
from scripts.ci import actions
from scripts.ci.inputs import Inputs
from scripts.errors import Exit
from scripts.matrix import config
from scripts.matrix.cells import Cell
from scripts.running.cellrun import CellRun
from scripts.running.failures import CellError
from scripts.running.footprint import human
from scripts.running.locks import Lock
from scripts.running.workshop import Workshop

#: GitHub keeps 10 GB of caches for a repository; some of it is left for everything else.
CACHES: Final = 8_000_000_000


def run() -> Exit:
    """Run the cells of the job. Drift is no failure here, since the report tells of it; what can't be had is one."""
    inputs = Inputs.read()
    code = cli.run_command("run", [*inputs.arguments, "--", *inputs.cells], program="python -m scripts run")
    return Exit.OK if code == Exit.UNEXPECTED else Exit(code)


def lock() -> Exit:
    """Resolve the job's cells, and say by which key their wheels can be kept, if there is room for them."""
    inputs = Inputs.read()
    work = Workshop(config.load(), inputs.options, lambda _: None)
    found = [one for text in inputs.cells if (one := _resolved(work, Cell.parse(text))) is not None]
    size, room = distinct_bytes(found), CACHES // max(1, int(os.environ.get("CI_JOBS_TOTAL") or 1))
    keep = bool(found) and size <= room
    print(f"{human(size)} of wheels, room for {human(room)}: {'kept' if keep else 'not kept'} between runs")
    actions.output({"key": key(found), "keep": keep})
    return Exit.OK


def _resolved(work: Workshop, cell: Cell) -> Lock | None:
    """A cell's lock; None where there is none, which the run itself tells of."""
    try:
        return CellRun(work, cell).resolved()
    except (CellError, OSError):
        return None


def key(locks: Iterable[Lock]) -> str:
    """The name of a cache that holds these locks' wheels: the same whatever the order of the cells."""
    wheels = sorted({f"{wheel.filename} {wheel.sha256}" for lock in locks for wheel in lock.wheels})
    digest = hashlib.sha256("\n".join(wheels).encode()).hexdigest()
    return f"wheels-{machine.platform_name()}-{digest[:20]}"


def distinct_bytes(locks: Iterable[Lock]) -> int:
    """The size of all wheels, each counted once."""
    sizes = {(wheel.filename, wheel.sha256): wheel.size or 0 for lock in locks for wheel in lock.wheels}
    return sum(sizes.values())
