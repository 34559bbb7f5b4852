"""Plan a run from local files: which cells have a current record, and which a change of matrix.toml affects."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from scripts.config import runners
from scripts.config.cell import Cell
from scripts.config.model import Matrix
from scripts.config.suite import Suite
from scripts.core import machine
from scripts.index import sources
from scripts.run import locks
from scripts.run.context import Options, RunContext


@dataclasses.dataclass(frozen=True, kw_only=True)
class Planned:
    """One cell of a plan."""

    cell: Cell
    platform: str = dataclasses.field(default_factory=machine.platform_name)
    runner: str | None = None  # name of the runner in matrix.toml; None: upstream has no wheel for the platform
    index: str  # URL, or "default"
    current: bool
    wheels: int | None  # bytes of all wheels, known from a lock or a record
    to_come: int | None  # bytes of the wheels that the cache lacks; None: not locked
    seconds: float | None  # duration of the last run

    @property
    def sort_key(self) -> tuple[object, ...]:
        """Sort key: platform, then release order."""
        return self.platform, *self.cell.sort_key


def plan(matrix: Matrix, cells: Iterable[Cell], options: Options, *, platform: str | None = None) -> list[Planned]:
    """Return the plan of some cells on a platform (default: this machine's), from local files alone."""
    context = RunContext(matrix, options, lambda _: None)
    this_machine = context.platform
    context.platform = platform or this_machine
    return [_planned(context, cell, locked=context.platform == this_machine) for cell in cells]


def _planned(context: RunContext, cell: Cell, *, locked: bool) -> Planned:
    build = context.matrix.builds[cell.build]
    record, lock = context.stored(cell), _lock(context.suite, cell) if locked else None
    return Planned(
        cell=cell,
        platform=context.platform,
        runner=runners.runner_for(context.matrix, context.platform, cell),
        index=build.index or "default",
        current=context.current(cell, lambda _: False) is not None,
        wheels=lock.bytes if lock else record.run.bytes if record else None,
        to_come=context.disk_budget.missing(lock) if lock else None,
        seconds=record.run.timings.total if record else None,
    )


def _lock(suite: Suite, cell: Cell) -> locks.Lock | None:
    """Return the lock of a cell's last run, or None if it cannot be read: the next run resolves again."""
    path = suite.paths.locks / cell.id / "pylock.toml"
    try:
        return locks.load(path, sources.Source(build=cell.build, index=None))
    except locks.LockError:
        return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inputs:
    """A matrix and the suite that runs in its cells."""

    matrix: Matrix
    suite: Suite


def affected(before: Inputs, now: Inputs, cells: Sequence[Cell], *, existed: Callable[[Cell], bool]) -> list[Cell]:
    """Return the cells that are new, or whose record a change of the matrix may change.

    Args:
        before: the inputs before the change.
        now: the inputs after the change.
        cells: the cells to compare.
        existed: returns whether a cell was selected before the change.
    """
    return [cell for cell in cells if not existed(cell) or _inputs(before, cell) != _inputs(now, cell)]


def _inputs(inputs: Inputs, cell: Cell) -> object:
    """Return what matrix.toml contributes to the fingerprint of a cell's record: see `fingerprint.of`."""
    matrix, suite = inputs.matrix, inputs.suite
    if cell.build not in matrix.builds:
        return None
    build = matrix.builds[cell.build]
    return (
        build.index,
        build.gpu,
        locks.requirements(matrix, suite, cell),
        suite.folder,
        suite.env,
        suite.plugins,
        matrix.exclude_newer,
    )
