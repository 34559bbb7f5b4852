"""A bisection from its question to what was found. What runs cells is behind `Probe`, so all this can be tried without.

The search itself is in `search`, and the bridge that proves a change to be torch's in `bridging`; here are the
rounds, and the state that is kept after each.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from packaging.version import Version

from scripts.bisect import judging, search
from scripts.bisect.search import Answer, Ask, Change, Changes, Found, WrongEnds
from scripts.bisect.state import Candidate, Question, State, Step
from scripts.config import cells
from scripts.explain.changes import Unexplained
from scripts.explain.evidence import Comparison
from scripts.index import torch_version
from scripts.records.model import Record

#: Probes candidates: what each showed, in any order.
Probe = Callable[[Sequence[tuple[int, Candidate]]], Sequence[Step]]

#: What is done after each round, with its steps: keep the state, tell of it.
Keep = Callable[[State, Sequence[Step]], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bridge:
    """A candidate run on the other side's Python: if it shows there what it shows on its own, the change is torch's."""

    candidate: Candidate
    step: Step
    proves: bool | None  # None: it showed nothing that can be relied on


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """A change: what was seen on both sides of it. ``before`` is nearer to the good end."""

    observation: str | None  # None: a command decided
    change: Change
    before: Step
    after: Step
    bridge: Bridge | None = None
    evidence: Comparison | Unexplained | None = None  # None: none was looked for

    @property
    def compare(self) -> str | None:
        """GitHub's page of the commits between, the older first, as the records or the wheels tell them."""
        sides = sorted([self.before, self.after], key=_age)
        told = torch_version.compare_link(*(side.record.torch if side.record else None for side in sides))
        return told or (self.evidence.compare if isinstance(self.evidence, Comparison) else None)


def _age(step: Step) -> Version:
    return cells.version(step.record.cell.torch if step.record else "0")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """How a bisection ended."""

    state: State
    findings: tuple[Finding, ...] = ()
    others: tuple[Finding, ...] = ()  # further places where what is known changes, met on the way
    wrong_ends: WrongEnds | None = None

    @property
    def question(self) -> Question:
        """What was asked."""
        return self.state.question

    @property
    def third(self) -> tuple[Step, ...]:
        """Candidates that showed neither the good behaviour nor the bad one."""
        if self.question.every_change or self.wrong_ends:
            return ()
        answers = judging.answers(self.question, self.state.by_place, len(self.state.candidates))
        steps = sorted(self.state.steps, key=lambda step: step.place)
        return tuple(step for step in steps if answers.get(step.place) is Answer.THIRD)

    @property
    def certain(self) -> bool:
        """Whether every change that was found is between neighbours."""
        return all(finding.change.certain for finding in self.findings)

    @property
    def told(self) -> bool:
        """Whether any candidate showed anything at all; else there is no saying that nothing changed."""
        return any(step.exit_code is not None or (step.record and step.record.usable) for step in self.state.steps)


def run(state: State, probe: Probe, keep: Keep, *, width: int = 1) -> Outcome:
    """Go on with a bisection until it ends.

    Raises:
        UsageError: the observation isn't one that the ends have.
    """
    _check_names(state)
    while isinstance(now := step(state, width), Ask):
        new = probe([(place, state.candidates[place]) for place in now.candidates])
        state = state.add(new)
        keep(state, new)
        _check_names(state)
    if isinstance(now, WrongEnds):
        return Outcome(state=state, wrong_ends=now)
    steps = state.by_place
    if isinstance(now, Found):
        name = state.question.observations[0] if state.question.observations else None
        others = tuple(_finding(name, change, steps) for change in now.others)
        return Outcome(state=state, findings=(_finding(name, now.change, steps),), others=others)
    found = [_finding(name, change, steps) for name, result in now.items() for change in result.changes]
    return Outcome(state=state, findings=tuple(found))


def step(state: State, width: int) -> Ask | Found | WrongEnds | dict[str, Changes]:
    """What comes next, from the state alone."""
    question, steps, count = state.question, state.by_place, len(state.candidates)
    if not question.every_change:
        third = Answer(question.third)
        return search.bisect(count, judging.answers(question, steps, count), width=width, third=third)
    if missing := [place for place in (0, count - 1) if place not in steps]:
        return Ask(candidates=tuple(missing[:width]))
    found: dict[str, Changes] = {}
    # As long as nothing is known by name, any name will do to look for a candidate that shows something.
    for name in question.observations or every_name(steps) or [""]:
        now = search.find_all(count, judging.all_shown(steps, name), width=width, grain=question.grain)
        if isinstance(now, Ask):
            return now
        found[name] = now
    return found


def every_name(steps: Mapping[int, Step]) -> list[str]:
    """Everything that any record has, in a stable order."""
    records = [step.record for _, step in sorted(steps.items()) if step.record and step.record.usable]
    return list(dict.fromkeys(name for record in records for name in judging.names(record)))


def _check_names(state: State) -> None:
    """Refuse a name that neither end knows, before more cells are run for it."""
    ends = [state.by_place.get(place) for place in (0, len(state.candidates) - 1)]
    records = [end.record for end in ends if end and end.record and end.record.usable]
    if len(records) == len(ends):
        for name in state.question.observations:
            if all(judging.seen(record, name) is None for record in records):
                judging.check_name(records[0], name)


def _finding(name: str | None, change: Change, steps: Mapping[int, Step]) -> Finding:
    return Finding(observation=name, change=change, before=steps[change.before], after=steps[change.after])


def trimmed(record: Record) -> Record:
    """A record without what a bisection has no use for: packages, and what belongs to one run."""
    return Record.model_validate(record.model_dump(exclude={"run", "packages"}))
