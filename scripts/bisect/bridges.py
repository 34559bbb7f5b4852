"""Attribute a change to torch or to Python: a bridge runs one side of a change on the Python of the other side."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from scripts.bisect import judging
from scripts.bisect.bisection import Bridge, Finding, Probe
from scripts.bisect.model import Candidate, Question, State, Step
from scripts.bisect.search import NO_SIGNATURE
from scripts.run.command import SKIP_CODE

#: Returns the result of a candidate, given with its position, if it is known without running it.
FindKnown = Callable[[int, Candidate], Step | None]

#: Returns the Pythons that a candidate has wheels for.
FindPythons = Callable[[Candidate], Sequence[str]]


def with_bridge(
    state: State, finding: Finding, *, probe: Probe, find_known: FindKnown, find_pythons: FindPythons
) -> Finding:
    """Return the finding with a bridge, if its sides ran on different Pythons.

    Known results come first: any candidate that behaves as its side of the change can be the bridge. Otherwise the
    side after is run on the Python before, or the side before on the Python after.
    """
    if len({state.candidates[position].python for position in (finding.change.before, finding.change.after)}) == 1:
        return finding
    for position, candidate in _known_candidates(state, finding):
        step = find_known(position, candidate)
        if step is not None and (bridge := _bridge(state, finding, candidate, step)).torch_is_cause is not None:
            return dataclasses.replace(finding, bridge=bridge)
    for position, candidate in _on_other_python(state, finding, (finding.change.after,), (finding.change.before,)):
        if candidate.python in find_pythons(candidate):
            (step,) = probe([(position, candidate)])
            bridge = _bridge(state, finding, candidate, step)
            finding = dataclasses.replace(finding, bridge=bridge)
            if bridge.torch_is_cause is not None:
                break
    return finding


def _known_candidates(state: State, finding: Finding) -> Iterator[tuple[int, Candidate]]:
    """Yield candidates that behave as one side, the nearest first, on the Python of the other side."""
    change = finding.change
    after = range(change.after, len(state.candidates))
    before = range(change.before, -1, -1)
    yield from _on_other_python(state, finding, _equivalent(state, finding, after), _equivalent(state, finding, before))


def _equivalent(state: State, finding: Finding, positions: range) -> list[int]:
    """Return the positions, outwards from a change, with the behaviour and the Python of the first one."""
    steps, side = state.by_position, positions[0]
    python = state.candidates[side].python
    return [
        position
        for position in positions
        if position in steps
        and state.candidates[position].python == python
        and _same_behaviour(state.question, finding, steps[side], steps[position])
    ]


def _on_other_python(
    state: State, finding: Finding, after: Sequence[int], before: Sequence[int]
) -> Iterator[tuple[int, Candidate]]:
    """Yield candidates of both sides, each on the Python of the other side."""
    old, new = (state.candidates[position].python for position in (finding.change.before, finding.change.after))
    for positions, python in ((after, old), (before, new)):
        for position in positions:
            yield position, state.candidates[position].model_copy(update={"python": python})


def _bridge(state: State, finding: Finding, candidate: Candidate, step: Step) -> Bridge:
    same = _same_behaviour(state.question, finding, state.by_position[step.position], step)
    return Bridge(candidate=candidate, step=step, torch_is_cause=same)


def _same_behaviour(question: Question, finding: Finding, first: Step, second: Step) -> bool | None:
    """Return whether two results agree in what the change is about; None if one of them is not usable."""
    if question.command is not None:
        codes = first.exit_code, second.exit_code
        return None if None in codes or SKIP_CODE in codes else bool(codes[0]) == bool(codes[1])
    name = finding.observation or ""
    signatures = judging.signature(first, name), judging.signature(second, name)
    if NO_SIGNATURE in signatures:
        return None
    if not question.compares_ends and not question.every_change:
        return judging.matches_options(question, first, name) == judging.matches_options(question, second, name)
    with_warnings = judging.warnings_matter(
        judging.signature(finding.before, name), judging.signature(finding.after, name)
    )
    return judging.same_behaviour(*signatures, with_warnings=with_warnings)
