"""Assign cells to CI runners. Pure."""

from __future__ import annotations

import fnmatch

from scripts.config import cells, versions
from scripts.config.cell import Cell
from scripts.config.model import Matrix, Runner
from scripts.core.errors import UsageError, did_you_mean


def platforms(matrix: Matrix) -> list[str]:
    """Return the platforms that have a runner, in the order of the file."""
    return list(dict.fromkeys(runner.platform or name for name, runner in matrix.runners.items()))


def chosen(matrix: Matrix, wanted: list[str]) -> list[str]:
    """Return the requested platforms; ``all`` stands for all. Raise `UsageError` for one without a runner."""
    known = platforms(matrix)
    for name in wanted:
        if name != "all" and name not in known:
            hint = did_you_mean(name, [*known, "all"]) if known else "; matrix.toml has no [runners]"
            raise UsageError(f"--platform: no runner for {name!r}{hint}")
    return known if "all" in wanted else list(dict.fromkeys(wanted))


def runner_for(matrix: Matrix, platform: str, cell: Cell) -> str | None:
    """Return the name of a cell's runner on a platform; None if the cell can't exist there."""
    if not _in_tables(matrix, cell):
        return None
    gpu = matrix.builds[cell.build].gpu
    for name, runner in matrix.runners.items():
        if (runner.platform or name) == platform and runner.gpu == gpu and _published(runner, cell):
            return name
    return None


def _in_tables(matrix: Matrix, cell: Cell) -> bool:
    """Return whether the cell exists; releases that matrix.toml lacks are assumed to."""
    return cells.exists(matrix, cell) or (cell.torch not in matrix.releases and cell.build in matrix.builds)


def _published(runner: Runner, cell: Cell) -> bool:
    """Return whether upstream published the cell's wheel for the runner's platform."""
    return (
        versions.matches(cell.torch, runner.releases)
        and any(fnmatch.fnmatchcase(cell.build, pattern) for pattern in runner.builds)
        and versions.matches(cell.torch, runner.pythons.get(cell.python, ">=0"))
    )
