"""Which cells a change touches: of matrix.toml, of pins, or of the probes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scripts.config.cells import Cell
from scripts.config.matrix_toml import Matrix
from scripts.run import locks


def since(before: Matrix, now: Matrix, cells: Sequence[Cell], *, was_there: Callable[[Cell], bool]) -> list[Cell]:
    """The cells whose record may say something else than before, or that weren't there.

    Args:
        before: the matrix as it was.
        now: as it is.
        cells: those to look at.
        was_there: whether a cell was among those to look at before.
    """
    return [cell for cell in cells if not was_there(cell) or _facts(before, cell) != _facts(now, cell)]


def _facts(matrix: Matrix, cell: Cell) -> object:
    """All that matrix.toml says about a cell and that decides what its record says: see `fingerprint.of`."""
    if cell.build not in matrix.builds:
        return None
    build = matrix.builds[cell.build]
    return (
        build.index,
        build.gpu,
        locks.requirements(matrix, cell),
        matrix.probes.path,
        matrix.probes.env,
        matrix.exclude_newer,
    )
