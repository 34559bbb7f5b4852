"""What a run would do: which cells are current, what a lock says about the rest, and how they split into shards."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from scripts import indexes, locks, paths
from scripts.cells import Cell
from scripts.config import Matrix
from scripts.workshop import Options, Workshop


@dataclasses.dataclass(frozen=True, kw_only=True)
class Planned:
    """One cell of a plan."""

    cell: Cell
    index: str  # URL, or "default"
    current: bool
    wheels: int | None  # bytes of all wheels, where a lock knows them
    to_come: int | None  # bytes of those that the cache lacks
    seconds: float | None  # what the cell took last time


def plan(matrix: Matrix, cells: Iterable[Cell], options: Options) -> list[Planned]:
    """The plan of some cells, from local files alone."""
    work = Workshop(matrix, options, lambda _: None)
    return [_planned(work, cell) for cell in cells]


def _planned(work: Workshop, cell: Cell) -> Planned:
    build = work.matrix.builds[cell.build]
    record, lock = work.stored(cell), _lock(cell)
    return Planned(
        cell=cell,
        index=build.index or "default",
        current=work.current(cell) is not None,
        wheels=lock.bytes if lock else None,
        to_come=work.footprint.missing(lock) if lock else None,
        seconds=record.run.timings.total if record else None,
    )


def _lock(cell: Cell) -> locks.Lock | None:
    path = paths.LOCKS / cell.id / "pylock.toml"
    return locks.load(path, indexes.Source(build=cell.build, index=None)) if path.exists() else None


def shard(planned: Sequence[Planned], number: int, count: int) -> list[Planned]:
    """Shard ``number`` of ``count`` (from 1): balanced by cost, the same whatever the order of the cells.

    Cells of one minor release share most wheels, so they stay together; groups go, the dearest first, to the
    shard that has least to do.
    """
    groups: dict[str, list[Planned]] = {}
    for item in sorted(planned, key=lambda item: item.cell.sort_key):
        groups.setdefault(".".join(item.cell.torch.split(".")[:2]), []).append(item)
    loads = [0.0] * count
    chosen: list[Planned] = []
    for _, group in sorted(groups.items(), key=lambda pair: (-_cost(pair[1]), pair[0])):
        lightest = loads.index(min(loads))
        loads[lightest] += _cost(group)
        if lightest == number - 1:
            chosen += group
    return sorted(chosen, key=lambda item: item.cell.sort_key)


def _cost(group: Sequence[Planned]) -> float:
    """Seconds that a group may take; where no run knows, by the bytes of its wheels, or as an average cell."""
    return sum(item.seconds or (item.wheels or 1.5e9) / 1e8 for item in group)
