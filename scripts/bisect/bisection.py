"""Carry out a bisection, round by round; running cells and saving the state are callbacks.

The searches are in `search`, and the bridges that attribute a change to torch in `bridges`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from packaging.version import Version

from scripts.bisect import judging, search
from scripts.bisect.model import Candidate, Question, State, Step
from scripts.bisect.search import Answer, Change, Changes, Found, NextRound, WrongEnds
from scripts.config import versions
from scripts.explain.changes import Unexplained
from scripts.explain.evidence import Comparison
from scripts.index import torch_version

#: Returns the results of candidates, given with their positions, in any order.
Probe = Callable[[Sequence[tuple[int, Candidate]]], Sequence[Step]]

#: Called after each round with the state and the round's steps.
OnRound = Callable[[State, Sequence[Step]], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bridge:
    """A candidate run on the Python of the other side: if it behaves there as on its own, torch is the cause."""

    candidate: Candidate
    step: Step
    torch_is_cause: bool | None  # None: it has no usable result


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """A change, with the results on both sides. ``before`` is nearer to the good end."""

    observation: str | None  # None: a command decided
    change: Change
    before: Step
    after: Step
    bridge: Bridge | None = None
    evidence: Comparison | Unexplained | None = None  # None: no evidence was looked for

    @property
    def compare(self) -> str | None:
        """GitHub's page of the commits between the sides, from the records' commits, else from the wheels'."""
        sides = sorted([self.before, self.after], key=_version)
        link = torch_version.compare_link(*(side.record.torch if side.record else None for side in sides))
        return link or (self.evidence.compare if isinstance(self.evidence, Comparison) else None)


def _version(step: Step) -> Version:
    return versions.version(step.record.cell.torch if step.record else "0")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """The outcome of a bisection."""

    state: State
    findings: tuple[Finding, ...] = ()
    others: tuple[Finding, ...] = ()  # further changes that the probes happened to show
    wrong_ends: WrongEnds | None = None

    @property
    def question(self) -> Question:
        """The bisection's question."""
        return self.state.question

    @property
    def third(self) -> tuple[Step, ...]:
        """Steps with neither the good behaviour nor the bad one."""
        if self.question.every_change or self.wrong_ends:
            return ()
        answers = judging.answers(self.question, self.state.by_position, len(self.state.candidates))
        steps = sorted(self.state.steps, key=lambda step: step.position)
        return tuple(step for step in steps if answers.get(step.position) is Answer.THIRD)

    @property
    def certain(self) -> bool:
        """True if every change is between neighbours."""
        return all(finding.change.certain for finding in self.findings)

    @property
    def has_results(self) -> bool:
        """True if any candidate has a usable result; otherwise, finding no change means nothing."""
        return any(step.exit_code is not None or (step.record and step.record.usable) for step in self.state.steps)


def run(state: State, probe: Probe, on_round: OnRound, *, width: int = 1) -> Outcome:
    """Run the rounds of a bisection, from its state to its outcome.

    Raises:
        UsageError: neither end has the observation.
    """
    _check_names(state)
    while isinstance(action := next_action(state, width), NextRound):
        steps = probe([(position, state.candidates[position]) for position in action.candidates])
        state = state.add(steps)
        on_round(state, steps)
        _check_names(state)
    return _outcome(state, action)


def _outcome(state: State, end: Found | WrongEnds | dict[str, Changes]) -> Outcome:
    match end:
        case WrongEnds():
            return Outcome(state=state, wrong_ends=end)
        case Found():
            name = state.question.observations[0] if state.question.observations else None
            others = tuple(_finding(name, change, state) for change in end.others)
            return Outcome(state=state, findings=(_finding(name, end.change, state),), others=others)
        case _:
            findings = [_finding(name, change, state) for name, found in end.items() for change in found.changes]
            return Outcome(state=state, findings=tuple(findings))


def _finding(name: str | None, change: Change, state: State) -> Finding:
    steps = state.by_position
    return Finding(observation=name, change=change, before=steps[change.before], after=steps[change.after])


def next_action(state: State, width: int) -> NextRound | Found | WrongEnds | dict[str, Changes]:
    """Return the next round, or the end: the one change, or all changes by observation."""
    question, steps, count = state.question, state.by_position, len(state.candidates)
    if not question.every_change:
        third = Answer(question.third)
        return search.bisect(count, judging.answers(question, steps, count), width=width, third=third)
    if missing := [position for position in (0, count - 1) if position not in steps]:
        return NextRound(candidates=tuple(missing[:width]))
    found: dict[str, Changes] = {}
    # Until a candidate has a usable record, no names are known, and any name serves to search for such a candidate.
    for name in question.observations or _recorded_names(steps) or [""]:
        signatures = judging.signatures(steps, name)
        action = search.find_all(count, signatures, width=width, grain=question.grain)
        if isinstance(action, NextRound):
            return action
        found[name] = action
    return found


def _recorded_names(steps: Mapping[int, Step]) -> list[str]:
    """Return the names in all usable records, in a stable order."""
    records = [step.record for _, step in sorted(steps.items()) if step.record and step.record.usable]
    return list(dict.fromkeys(name for record in records for name in judging.known_names(record)))


def _check_names(state: State) -> None:
    """Raise `UsageError` for a name that neither end has, before further cells are run for it."""
    ends = [state.by_position.get(position) for position in (0, len(state.candidates) - 1)]
    records = [end.record for end in ends if end and end.record and end.record.usable]
    if len(records) == len(ends):
        for name in state.question.observations:
            if all(judging.observed(record, name) is None for record in records):
                judging.check_name(records[0], name)
