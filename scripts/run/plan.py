"""What a run would do: which cells are current, what a lock says about the rest, and how they split into shards."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from scripts.config import runners
from scripts.config.cells import Cell
from scripts.config.matrix_toml import Matrix
from scripts.core import machine, paths
from scripts.index import sources
from scripts.run import locks, shards
from scripts.run.context import Options, RunContext

#: GitHub's limit for the jobs that one matrix makes.
MOST_JOBS: Final = 256

#: Seconds that a job should take: long enough that its start doesn't matter, short enough that a rerun is cheap.
_JOB: Final = 600.0

#: Where no run knows: seconds of a cell, and bytes that are downloaded and unpacked in one.
_CELL: Final = 25.0
_RATE: Final = 1e8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Planned:
    """One cell of a plan."""

    cell: Cell
    platform: str = dataclasses.field(default_factory=machine.platform_name)
    runner: str | None = None  # the name of the runner it goes to, where the plan is for a CI service
    index: str  # URL, or "default"
    current: bool
    wheels: int | None  # bytes of all wheels, where a lock knows them
    to_come: int | None  # bytes of those that the cache lacks
    seconds: float | None  # what the cell took last time

    @property
    def sort_key(self) -> tuple[object, ...]:
        """By platform, then as cells are."""
        return self.platform, *self.cell.sort_key


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """What one machine is to do."""

    runner: str
    number: int  # among the jobs of this runner, from 1
    cells: tuple[Planned, ...]

    @property
    def name(self) -> str:
        """Unique in a plan, and fit for a file's name."""
        return f"{self.runner}-{self.number}"


def plan(matrix: Matrix, cells: Iterable[Cell], options: Options, *, platform: str | None = None) -> list[Planned]:
    """The plan of some cells on one platform, this machine's if not given, from local files alone."""
    context = RunContext(matrix, options, lambda _: None)
    here = context.platform
    context.platform = platform or here
    return [_planned(context, cell, here=context.platform == here) for cell in cells]


def _planned(context: RunContext, cell: Cell, *, here: bool) -> Planned:
    build = context.matrix.builds[cell.build]
    record, lock = context.stored(cell), _lock(cell) if here else None
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


def _lock(cell: Cell) -> locks.Lock | None:
    path = paths.LOCKS / cell.id / "pylock.toml"
    try:
        return locks.load(path, sources.Source(build=cell.build, index=None))
    except locks.LockError:
        return None  # it is resolved anew when the cell is run


def shard(planned: Sequence[Planned], number: int, count: int) -> list[Planned]:
    """Shard ``number`` of ``count`` (from 1).

    Balanced by the number of cells alone, since every machine has to come to the same shards, whatever it has
    recorded so far.
    """
    shares = _split(planned, count, cost=lambda _: 1.0)
    return shares[number - 1] if number <= len(shares) else []


def jobs(planned: Sequence[Planned], count: int | None = None) -> list[Job]:
    """The jobs of a plan, at most ``count`` or `MOST_JOBS`: each on one runner, alike in cost.

    Cells without a runner are left out. Every runner gets jobs by its part of the cost, and at least one.
    """
    cost = estimate(planned)
    by_runner: dict[str, list[Planned]] = {}
    for item in sorted(planned, key=lambda item: item.sort_key):
        if item.runner:
            by_runner.setdefault(item.runner, []).append(item)
    total = sum(cost(item) for items in by_runner.values() for item in items)
    wanted = min(MOST_JOBS, max(count or math.ceil(total / _JOB), len(by_runner)))
    numbers = _apportioned({runner: list(map(cost, items)) for runner, items in by_runner.items()}, wanted)
    return [
        Job(runner=runner, number=number, cells=tuple(share))
        for runner, items in by_runner.items()
        for number, share in enumerate(_split(items, numbers[runner], cost=cost), 1)
    ]


def _apportioned(costs: Mapping[str, Sequence[float]], jobs: int) -> dict[str, int]:
    """How many jobs each runner gets: one, then more for whichever has the most to do in each of its jobs."""
    numbers = dict.fromkeys(costs, 1)
    for _ in range(jobs - len(costs)):
        loads = {
            runner: sum(items) / numbers[runner] for runner, items in costs.items() if numbers[runner] < len(items)
        }
        if not loads:
            break
        numbers[max(loads, key=lambda runner: loads[runner])] += 1
    return numbers


def _split(planned: Sequence[Planned], count: int, *, cost: Callable[[Planned], float]) -> list[list[Planned]]:
    """Shares of a plan; cells of one minor release and build share most of their wheels, so they stay together."""
    return shards.split(planned, count, order=lambda item: item.sort_key, group=_wheels_of, cost=cost)


def _wheels_of(item: Planned) -> str:
    minor = ".".join(item.cell.torch.split(".")[:2])
    return f"{item.platform} {minor} {item.cell.build}"


def estimate(planned: Iterable[Planned]) -> Callable[[Planned], float]:
    """Says how many seconds a cell may take: as last time, or by the bytes of its wheels, or as cells like it did."""
    known: dict[str, list[float]] = {}
    for item in planned:
        if item.seconds:
            for key in (f"{item.platform} {item.cell.build}", item.cell.build, ""):
                known.setdefault(key, []).append(item.seconds)
    medians = {key: statistics.median(values) for key, values in known.items()}

    def seconds(item: Planned) -> float:
        if item.seconds:
            return item.seconds
        if item.wheels:
            return max(1.0, item.wheels / _RATE)
        keys = (f"{item.platform} {item.cell.build}", item.cell.build, "")
        return next((medians[key] for key in keys if key in medians), _CELL)

    return seconds
