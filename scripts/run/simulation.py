"""How long a plan would take on so many machines, from what cells took before. Pure."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Iterable, Sequence

from scripts.run import plan
from scripts.run.plan import Planned


@dataclasses.dataclass(frozen=True, kw_only=True)
class Simulated:
    """What came out for a number of machines. Times in seconds."""

    machines: int
    jobs: int
    wall: float  # until the last machine is done
    longest: float  # the longest job
    work: float  # all machines together


def simulate(planned: Sequence[Planned], machines: int, *, setup: float) -> Simulated:
    """Run a plan on paper: a machine takes the next job as soon as it is free, in the order of the plan.

    Args:
        planned: the cells, each with a runner; of whatever kind, any machine can take any job.
        machines: how many there are.
        setup: seconds that every job takes before its first cell.
    """
    cost = plan.estimate(planned)
    count = max(machines, _as_usual(planned)) if machines > 1 else 1
    durations = [setup + sum(map(cost, job.cells)) for job in plan.jobs(planned, count)]
    free = [0.0] * machines
    for duration in durations:
        heapq.heapreplace(free, free[0] + duration)
    return Simulated(
        machines=machines,
        jobs=len(durations),
        wall=max(free),
        longest=max(durations, default=0.0),
        work=sum(durations),
    )


def _as_usual(planned: Sequence[Planned]) -> int:
    """The number of jobs that a plan has where nobody asks for another."""
    return len(plan.jobs(planned))


def known(planned: Iterable[Planned]) -> int:
    """How many cells have a time of their own."""
    return sum(item.seconds is not None for item in planned)


def clock(seconds: float) -> str:
    """A duration for people: ``2 h 05 min``, ``7 min``, ``40 s``."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"  # noqa: PLR2004 - an hour
