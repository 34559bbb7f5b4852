"""The steps of a matrix job: resolve its cells, name the cache of their wheels, and run them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from typing import Final

from scripts import cli
from scripts.ci import actions
from scripts.ci.inputs import Inputs
from scripts.config.cell import Cell
from scripts.core import machine
from scripts.core.errors import Exit
from scripts.core.files import human_size
from scripts.run.cell import CellRun
from scripts.run.context import RunContext
from scripts.run.failures import CellError
from scripts.run.locks import Lock

#: Bytes for the wheels of all jobs. GitHub keeps 10 GB of caches for a repository; the rest is left for other caches.
CACHE_LIMIT: Final = 8_000_000_000


def run() -> Exit:
    """Run the job's cells. Drift does not fail the step, since the report shows it."""
    inputs = Inputs.read()
    code = cli.run_command("run", [*inputs.arguments, "--", *inputs.cells], program="python -m scripts run")
    return Exit.OK if code == Exit.UNEXPECTED else Exit(code)


def lock() -> Exit:
    """Resolve the job's cells; output the key of their wheels' cache, and whether the wheels fit into it."""
    inputs = Inputs.read()
    matrix = inputs.matrix()
    context = RunContext(matrix, inputs.options(inputs.chosen_suite(matrix)), lambda _: None)
    locks = [lock for cell_id in inputs.cells if (lock := _resolve(context, Cell.parse(cell_id))) is not None]
    size, limit = distinct_bytes(locks), CACHE_LIMIT // max(1, int(os.environ.get("CI_JOBS_TOTAL") or 1))
    keep = bool(locks) and size <= limit
    print(f"{human_size(size)} of wheels, limit {human_size(limit)}: {'cached' if keep else 'not cached'} between runs")
    actions.output({"key": cache_key(locks), "keep": keep})
    return Exit.OK


def _resolve(context: RunContext, cell: Cell) -> Lock | None:
    """Return a cell's lock, or None where it cannot be resolved; the run records the reason."""
    try:
        return CellRun(context, cell).resolved()
    except (CellError, OSError):
        return None


def cache_key(locks: Iterable[Lock]) -> str:
    """Return the key of a cache of these locks' wheels; it does not depend on the order of the locks."""
    wheels = sorted({f"{wheel.filename} {wheel.sha256}" for lock in locks for wheel in lock.wheels})
    digest = hashlib.sha256("\n".join(wheels).encode()).hexdigest()
    return f"wheels-{machine.platform_name()}-{digest[:20]}"


def distinct_bytes(locks: Iterable[Lock]) -> int:
    """Return the total size of all wheels in bytes, each wheel counted once."""
    sizes = {(wheel.filename, wheel.sha256): wheel.size or 0 for lock in locks for wheel in lock.wheels}
    return sum(sizes.values())
