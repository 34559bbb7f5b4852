"""Rounds of runs: both sides of every pair once, and again where they differ. Pure; `Runner` does the running.

Running both sides again confirms a difference. A baseline that differs between its own runs (an A/A control) is flaky
and shows no regression. Accepted results of the baseline are then replaced by two runs on this machine.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal, Protocol

from scripts.config.cell import Cell
from scripts.config.model import Qualify
from scripts.qualify import comparing
from scripts.qualify.model import CellPair, Sample

Side = Literal["candidate", "baseline"]
SIDES: Final[tuple[Side, ...]] = ("candidate", "baseline")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CellRequest:
    """A cell to run for one side of a pair, under some pins."""

    side: Side
    cell: Cell
    pins: tuple[str, ...] = ()


Samples = Mapping[CellRequest, Sample]


class Runner(Protocol):
    """Runs cells and finds accepted results."""

    def run(self, requests: Sequence[CellRequest], *, repeat: bool) -> Samples:
        """Return a sample of each cell, be it unavailable; ``repeat`` runs it again from the same lock."""
        ...

    def accepted(self, pair: CellPair, candidate: Sample | None) -> Sample | None:
        """Return an accepted result for the baseline, if there is one that can be compared with the candidate's."""
        ...

    def time_imports(self, baseline: CellRequest, candidate: CellRequest) -> tuple[float, float] | None:
        """Return the best import times in seconds, measured alternately; None if that is not possible."""
        ...


def request(pair: CellPair, side: Side) -> CellRequest:
    """Return the request for one side of a pair."""
    name = pair.candidate_cell if side == "candidate" else pair.baseline_cell
    return CellRequest(side=side, cell=Cell.parse(name), pins=pair.pins)


def run_rounds(
    pairs: Sequence[CellPair], runner: Runner, policy: Qualify, notify: Callable[[str], None]
) -> tuple[CellPair, ...]:
    """Return the pairs with all their samples; ``notify`` gets the reasons for further runs."""
    pairs = _first_round(pairs, runner)
    available = sum(not pair.missing for pair in pairs)
    for number in range(1, policy.runs):
        differing = [pair for pair in pairs if comparing.differs(pair, policy)]
        if not differing:
            break
        notify(f"{len(differing)} of {available} differ: run {number + 1} of {policy.runs} of both sides")
        pairs = _another_round(pairs, differing, runner)
    return tuple(_timed(pair, runner, policy, notify) for pair in pairs)


def _first_round(pairs: Sequence[CellPair], runner: Runner) -> list[CellPair]:
    """Run each side once; an accepted result spares the baseline's run unless the candidate turns out incomparable."""
    available = [pair for pair in pairs if not pair.missing]
    accepted = {request(pair, "baseline"): runner.accepted(pair, None) for pair in available}
    wanted = _requests(available, SIDES)
    samples = _run(runner, [wish for wish in wanted if accepted.get(wish) is None])
    for pair in available:
        baseline = request(pair, "baseline")
        if accepted[baseline] is not None:
            accepted[baseline] = runner.accepted(pair, samples[request(pair, "candidate")])
    rejected = [baseline for baseline, sample in accepted.items() if sample is None and baseline not in samples]
    usable = {baseline: sample for baseline, sample in accepted.items() if sample is not None}
    samples = {**samples, **usable, **_run(runner, rejected)}
    return [_with_samples(pair, samples) for pair in pairs]


def _another_round(pairs: Sequence[CellPair], differing: Sequence[CellPair], runner: Runner) -> list[CellPair]:
    """Run both sides of the differing pairs again; a baseline with accepted results runs twice in their place."""
    accepted = {pair.id: pair.baseline for pair in differing if any(s.origin == "accepted" for s in pair.baseline)}
    first = _run(runner, _requests([pair for pair in differing if pair.id in accepted], ["baseline"]))
    repeated = _run(runner, _requests(differing, SIDES), repeat=True)
    ids = {pair.id for pair in differing}
    result = []
    for pair in pairs:
        if pair.id in accepted:
            pair = _with_samples(pair.model_copy(update={"baseline": ()}), first)  # noqa: PLW2901
        if pair.id in ids:
            pair = _with_samples(pair, repeated)  # noqa: PLW2901
        result.append(_with_note(pair, accepted.get(pair.id, ())))
    return result


def _timed(pair: CellPair, runner: Runner, policy: Qualify, notify: Callable[[str], None]) -> CellPair:
    """Time the imports of a pair alternately if the candidate's looks slow in its runs."""
    if not comparing.is_slow(pair, policy.slow_import):
        return pair
    notify(f"import seems slow in {pair.id}: timing it against the baseline")
    return pair.model_copy(
        update={"imports": runner.time_imports(request(pair, "baseline"), request(pair, "candidate"))}
    )


def _requests(pairs: Iterable[CellPair], sides: Sequence[Side]) -> list[CellRequest]:
    """Return the requests for some sides of some pairs, each once."""
    return list(dict.fromkeys(request(pair, side) for pair in pairs for side in sides))


def _run(runner: Runner, requests: Sequence[CellRequest], *, repeat: bool = False) -> Samples:
    return runner.run(requests, repeat=repeat) if requests else {}


def _with_samples(pair: CellPair, samples: Samples) -> CellPair:
    """Return a pair with one more sample of each side that was run."""
    if pair.missing:
        return pair
    candidate, baseline = (
        (*side, samples[wish]) if wish in samples else side
        for side, wish in ((pair.candidate, request(pair, "candidate")), (pair.baseline, request(pair, "baseline")))
    )
    return pair.model_copy(update={"candidate": candidate, "baseline": baseline})


def _with_note(pair: CellPair, accepted: Sequence[Sample]) -> CellPair:
    """Note on a pair where the runs of its baseline differ from the accepted results."""
    old, new = comparing.stable_signatures(accepted), comparing.stable_signatures(pair.baseline)
    differing = sorted(name for name in old if name in new and old[name] != new[name])
    if not differing:
        return pair
    note = f"runs of {pair.baseline_cell} differ from results/ in {', '.join(differing)}"
    return pair.model_copy(update={"note": note})
