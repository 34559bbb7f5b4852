"""How a qualification goes: both sides of every lane once, and again where something differs. Pure over a probe.

A difference is confirmed by running that cell again. So is the baseline, for what differs from itself (an A/A
control) is flaky and no regression; accepted results then give way to two runs on this machine, side by side with
the candidate's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

from scripts.matrix.cells import Cell
from scripts.matrix.config import Qualify
from scripts.qualify import comparing
from scripts.qualify.model import Lane, Seen

Side = Literal["candidate", "baseline"]
SIDES: Final[tuple[Side, ...]] = ("candidate", "baseline")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ask:
    """A cell to run, under some pins."""

    side: Side
    cell: Cell
    pins: tuple[str, ...] = ()


#: Runs cells; with ``again`` anew, from the same locks. Each has an answer, which can be that it couldn't be had.
Probe = Callable[[Sequence[Ask], bool], Mapping[Ask, Seen]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bench:
    """What a qualification works with."""

    probe: Probe
    policy: Qualify
    #: The baseline's record that needn't be run, if there is one; asked again with the candidate's, once that is run.
    known: Callable[[Lane, Seen | None], Seen | None] = lambda _lane, _seen: None
    #: Seconds of the best import of both, timed in turn; None where that can't be done.
    time: Callable[[Ask, Ask], tuple[float, float] | None] = lambda _baseline, _candidate: None
    tell: Callable[[str], None] = lambda _: None


def ask(lane: Lane, side: Side) -> Ask:
    """What to run for one side of a lane."""
    name = lane.candidate_cell if side == "candidate" else lane.baseline_cell
    return Ask(side=side, cell=Cell.parse(name), pins=lane.pins)


def qualify(lanes: Sequence[Lane], bench: Bench) -> tuple[Lane, ...]:
    """The lanes with everything that was run in them."""
    wanted = [lane for lane in lanes if not lane.missing]
    first = _first(wanted, bench)
    seen = [_with(lane, first) for lane in lanes]
    for number in range(1, bench.policy.runs):
        doubtful = [lane for lane in seen if comparing.differs(lane)]
        if not doubtful:
            break
        bench.tell(f"{len(doubtful)} of {len(wanted)} differ: run {number + 1} of {bench.policy.runs} of both sides")
        seen = _again(seen, doubtful, bench)
    return tuple(_timed(lane, bench) for lane in seen)


def _timed(lane: Lane, bench: Bench) -> Lane:
    """A lane whose imports are timed in turn, if those of its runs make the candidate's look slow."""
    if not comparing.is_slow(lane, bench.policy.slow_import):
        return lane
    bench.tell(f"importing seems slow in {lane.id}: timing it against the baseline")
    return lane.model_copy(update={"imports": bench.time(ask(lane, "baseline"), ask(lane, "candidate"))})


def _first(lanes: Sequence[Lane], bench: Bench) -> dict[Ask, Seen]:
    """Each side once; a baseline that is known needn't be run, unless it can't be compared with what was run."""
    known = {ask(lane, "baseline"): bench.known(lane, None) for lane in lanes}
    asked = dict.fromkeys(ask(lane, side) for lane in lanes for side in SIDES)
    seen = dict(bench.probe([one for one in asked if known.get(one) is None], False))
    for lane in lanes:
        one = ask(lane, "baseline")
        if known[one] is not None:
            known[one] = bench.known(lane, seen[ask(lane, "candidate")])
    late = [one for one in known if known[one] is None and one not in seen]
    return {**seen, **{one: record for one, record in known.items() if record}, **_probed(bench, late, again=False)}


def _probed(bench: Bench, asked: Sequence[Ask], *, again: bool) -> Mapping[Ask, Seen]:
    return bench.probe(asked, again) if asked else {}


def _with(lane: Lane, seen: Mapping[Ask, Seen]) -> Lane:
    """A lane with one more run of each side that was run."""
    added = {str(side): (*getattr(lane, side), seen[one]) for side in SIDES if (one := ask(lane, side)) in seen}
    return lane.model_copy(update=added) if not lane.missing else lane


def _again(lanes: Sequence[Lane], doubtful: Sequence[Lane], bench: Bench) -> list[Lane]:
    """One more run of both sides of each doubtful lane; where the baseline was accepted results, two of it."""
    accepted = {lane.id: lane.baseline for lane in doubtful if _is_accepted(lane)}
    ids = {lane.id for lane in doubtful}
    seen = [lane.model_copy(update={"baseline": ()}) if lane.id in accepted else lane for lane in lanes]
    begun = dict.fromkeys(ask(lane, "baseline") for lane in seen if lane.id in accepted)
    first = _probed(bench, list(begun), again=False)
    seen = [_with(lane, first) if lane.id in accepted else lane for lane in seen]
    asked = dict.fromkeys(ask(lane, side) for lane in doubtful for side in SIDES)
    more = _probed(bench, list(asked), again=True)
    seen = [_with(lane, more) if lane.id in ids else lane for lane in seen]
    return [_noted(lane, accepted[lane.id]) if lane.id in accepted else lane for lane in seen]


def _is_accepted(lane: Lane) -> bool:
    return any(one.origin == "accepted" for one in lane.baseline)


def _noted(lane: Lane, accepted: Sequence[Seen]) -> Lane:
    """A lane whose baseline was run although there are accepted results; they may tell something else."""
    told, now = comparing.steady(accepted), comparing.steady(lane.baseline)
    differ = sorted(name for name in told if name in now and told[name] != now[name])
    if not differ:
        return lane
    return lane.model_copy(update={"note": f"results/ tells otherwise of {', '.join(differ)} in {lane.baseline_cell}"})
