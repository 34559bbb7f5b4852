"""Split a plan into shards, or into jobs of similar cost, and estimate how long the jobs take. Pure."""

from __future__ import annotations

import dataclasses
import heapq
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from scripts.run.plan import Planned

#: GitHub's limit on the jobs of one matrix.
MOST_JOBS: Final = 256

#: Seconds that a job should take: long enough that its setup is negligible, short enough that a rerun is cheap.
_JOB_SECONDS: Final = 600.0

#: Estimates for cells without a recorded duration: seconds a cell, and bytes downloaded and unpacked a second.
_CELL_SECONDS: Final = 25.0
_BYTES_PER_SECOND: Final = 1e8
#: Relative tolerance for sums of floats.
_TOLERANCE: Final = 1e-9

Cost = Callable[[Planned], float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """Cells that one machine runs."""

    runner: str
    number: int  # among the jobs of this runner, from 1
    cells: tuple[Planned, ...]

    @property
    def name(self) -> str:
        """Name of the job: unique in a plan, and valid in file names."""
        return f"{self.runner}-{self.number}"


def shard(planned: Sequence[Planned], number: int, count: int) -> list[Planned]:
    """Return shard ``number`` of ``count`` (from 1).

    Shards are balanced by the number of cells alone: every machine must compute the same shards, whatever it has
    recorded so far.
    """
    shards = _split(planned, count, cost=lambda _: 1.0)
    return shards[number - 1] if number <= len(shards) else []


def jobs(planned: Sequence[Planned], count: int | None = None) -> list[Job]:
    """Return jobs of similar cost, at most ``count`` or `MOST_JOBS`, each for one runner.

    Cells without a runner are left out. Each runner gets jobs in proportion to its cost, and at least one.
    """
    cost = estimate(planned)
    by_runner: dict[str, list[Planned]] = {}
    for item in sorted(planned, key=lambda item: item.sort_key):
        if item.runner:
            by_runner.setdefault(item.runner, []).append(item)
    total = sum(cost(item) for items in by_runner.values() for item in items)
    wanted = min(MOST_JOBS, max(count or math.ceil(total / _JOB_SECONDS), len(by_runner)))
    counts = _apportioned({runner: list(map(cost, items)) for runner, items in by_runner.items()}, wanted)
    return [
        Job(runner=runner, number=number, cells=tuple(share))
        for runner, items in by_runner.items()
        for number, share in enumerate(_split(items, counts[runner], cost=cost), 1)
    ]


def _apportioned(costs: Mapping[str, Sequence[float]], count: int) -> dict[str, int]:
    """Return the number of jobs for each runner: one, then one more for the runner with the costliest jobs."""
    counts = dict.fromkeys(costs, 1)
    for _ in range(count - len(costs)):
        loads = {runner: sum(items) / counts[runner] for runner, items in costs.items() if counts[runner] < len(items)}
        if not loads:
            break
        counts[max(loads, key=lambda runner: loads[runner])] += 1
    return counts


def _split(planned: Sequence[Planned], count: int, *, cost: Cost) -> list[list[Planned]]:
    """Return at most ``count`` shares of similar cost, none empty, independent of the order of the plan.

    Cells that share most of their wheels form a group, which is only cut, between neighbours, if it costs more than
    the mean share. The pieces go, the costliest first, to the cheapest share: no share costs more than the mean plus
    the costliest piece.
    """
    groups: dict[str, list[Planned]] = {}
    for item in sorted(planned, key=_order):
        groups.setdefault(_wheel_group(item), []).append(item)
    mean = _total(planned, cost) / count
    pieces = [piece for members in groups.values() for piece in _pieces(members, mean, cost)]
    pieces.sort(key=lambda piece: _order(piece[0]))
    shares: list[list[Planned]] = [[] for _ in range(count)]
    loads = [0.0] * count
    for piece in sorted(pieces, key=lambda piece: -_total(piece, cost)):  # stable: ties stay in release order
        cheapest = loads.index(min(loads))
        loads[cheapest] += _total(piece, cost)
        shares[cheapest] += piece
    return sorted((sorted(share, key=_order) for share in shares if share), key=lambda share: _order(share[0]))


def _pieces(members: Sequence[Planned], limit: float, cost: Cost) -> list[list[Planned]]:
    """Return a group in pieces of neighbours, each within the limit unless it is a single cell."""
    count = max(1, math.ceil(_total(members, cost) / limit - _TOLERANCE))
    wanted = _total(members, cost) / count
    pieces: list[list[Planned]] = [[]]
    for item in members:
        if pieces[-1] and _total(pieces[-1], cost) + cost(item) > wanted * (1 + _TOLERANCE):
            pieces.append([])
        pieces[-1].append(item)
    return pieces


def _total(items: Iterable[Planned], cost: Cost) -> float:
    return sum(map(cost, items))


def _order(item: Planned) -> tuple[object, ...]:
    return item.sort_key


def _wheel_group(item: Planned) -> str:
    """Return the group of a cell: cells of one minor release and build share most of their wheels."""
    minor = ".".join(item.cell.torch.split(".")[:2])
    return f"{item.platform} {minor} {item.cell.build}"


def estimate(planned: Iterable[Planned]) -> Cost:
    """Return a function that estimates the seconds of a cell.

    It takes the last duration, or else the bytes of the wheels, or else the median of the cells most like it.
    """
    known: dict[str, list[float]] = {}
    for item in planned:
        if item.seconds:
            for key in _likeness(item):
                known.setdefault(key, []).append(item.seconds)
    medians = {key: statistics.median(values) for key, values in known.items()}

    def seconds(item: Planned) -> float:
        if item.seconds:
            return item.seconds
        if item.wheels:
            return max(1.0, item.wheels / _BYTES_PER_SECOND)
        return next((medians[key] for key in _likeness(item) if key in medians), _CELL_SECONDS)

    return seconds


def _likeness(item: Planned) -> tuple[str, str, str]:
    """Return keys of the cells that take about as long, the most alike first."""
    return f"{item.platform} {item.cell.build}", item.cell.build, ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Simulation:
    """Estimated times of a plan on a number of machines, in seconds."""

    machines: int
    jobs: int
    wall: float  # until the last machine is done
    longest: float  # the longest job
    work: float  # all machines together


def simulate(planned: Sequence[Planned], machines: int, *, setup: float) -> Simulation:
    """Return the times of a plan on some machines; each takes the next job as soon as it is free.

    Args:
        planned: the cells, each with a runner; any machine can take any job.
        machines: number of machines.
        setup: seconds of a job before its first cell.
    """
    cost = estimate(planned)
    count = max(machines, len(jobs(planned))) if machines > 1 else 1
    durations = [setup + _total(job.cells, cost) for job in jobs(planned, count)]
    free = [0.0] * machines  # when each machine is free next
    for duration in durations:
        heapq.heapreplace(free, free[0] + duration)
    return Simulation(
        machines=machines,
        jobs=len(durations),
        wall=max(free),
        longest=max(durations, default=0.0),
        work=sum(durations),
    )


def timed(planned: Iterable[Planned]) -> int:
    """Return the number of cells with a recorded duration."""
    return sum(item.seconds is not None for item in planned)
