"""Whose change it is: a bridge runs one side of a change on the other side's Python. Pure but for what it calls."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from scripts.bisect import judging
from scripts.bisect.bisection import Bridge, Finding, Probe
from scripts.bisect.search import SKIP
from scripts.bisect.state import Candidate, Question, State, Step

#: What a candidate is known to show without running it.
Known = Callable[[int, Candidate], Step | None]

#: The Pythons that a candidate has wheels for.
Pythons = Callable[[Candidate], Sequence[str]]


def bridged(state: State, finding: Finding, *, probe: Probe, known: Known, pythons: Pythons) -> Finding:
    """The finding with a bridge, where both sides ran on different Pythons.

    What is known already comes first: any candidate that shows the same as its side of the change bridges as
    well. Else the side after is run on the Python before, or the side before on the Python after.
    """
    if len({state.candidates[place].python for place in (finding.change.before, finding.change.after)}) == 1:
        return finding
    for place, moved in _known_bridges(state, finding):
        step = known(place, moved)
        if step is not None and (bridge := _bridge(state, finding, moved, step)).proves is not None:
            return dataclasses.replace(finding, bridge=bridge)
    for place, moved in _moved(state, finding, (finding.change.after,), (finding.change.before,)):
        if moved.python in pythons(moved):
            (step,) = probe([(place, moved)])
            finding = dataclasses.replace(finding, bridge=_bridge(state, finding, moved, step))
            if finding.bridge and finding.bridge.proves is not None:
                break
    return finding


def _known_bridges(state: State, finding: Finding) -> Iterator[tuple[int, Candidate]]:
    """Candidates that show the same as one side, the nearest first, on the other side's Python."""
    change = finding.change
    after = range(change.after, len(state.candidates))
    before = range(change.before, -1, -1)
    yield from _moved(state, finding, _alike(state, finding, after), _alike(state, finding, before))


def _alike(state: State, finding: Finding, places: range) -> list[int]:
    """Of places outwards from a change, those that show the same as the first of them, on the same Python."""
    steps, side = state.by_place, places[0]
    python = state.candidates[side].python
    return [
        place
        for place in places
        if place in steps
        and state.candidates[place].python == python
        and _same(state.question, finding, steps[side], steps[place])
    ]


def _moved(
    state: State, finding: Finding, after: Sequence[int], before: Sequence[int]
) -> Iterator[tuple[int, Candidate]]:
    """Candidates of both sides on the Python of the other side."""
    old, new = (state.candidates[place].python for place in (finding.change.before, finding.change.after))
    for places, python in ((after, old), (before, new)):
        for place in places:
            yield place, state.candidates[place].model_copy(update={"python": python})


def _bridge(state: State, finding: Finding, moved: Candidate, step: Step) -> Bridge:
    proves = _same(state.question, finding, state.by_place[step.place], step)
    return Bridge(candidate=moved, step=step, proves=proves)


def _same(question: Question, finding: Finding, own: Step, moved: Step) -> bool | None:
    """Whether two candidates show the same, as far as the change is about it; None where it can't be said."""
    if question.command is not None:
        codes = own.exit_code, moved.exit_code
        return None if None in codes or judging.SKIP_CODE in codes else bool(codes[0]) == bool(codes[1])
    name = finding.observation or ""
    one, other = judging.shown(own, name), judging.shown(moved, name)
    if SKIP in (one, other):
        return None
    if not question.compares and not question.every_change:
        return judging.fitting(question, own, name) == judging.fitting(question, moved, name)
    warnings = judging.warnings_count(judging.shown(finding.before, name), judging.shown(finding.after, name))
    return judging.alike(one, other, warnings=warnings)
