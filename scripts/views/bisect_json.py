"""The end of a bisection for machines. Pure."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from scripts.bisect import judging, reproducing
from scripts.bisect.bisection import Finding, Outcome
from scripts.bisect.state import State, Step
from scripts.records.signature import signature_of
from scripts.records.tracebacks import COMMAND
from scripts.views import evidence
from scripts.views.bisect import not_known

SCHEMA: Final = 1


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The whole end of a bisection. What the cells showed in full stands in their records."""
    ends, state = outcome.wrong_ends, outcome.state
    return {
        "schema": SCHEMA,
        "question": outcome.question.model_dump(mode="json", exclude_defaults=True),
        "candidates": [candidate.cell.id for candidate in state.candidates],
        "wrong_ends": {"good": ends.first.value, "bad": ends.last.value} if ends else None,
        "certain": outcome.certain and outcome.told and ends is None,
        "findings": [_finding(state, finding) for finding in outcome.findings],
        "others": [_places(state, finding) for finding in outcome.others],
        "third": [state.candidates[step.place].torch for step in outcome.third],
        "skipped": [state.candidates[step.place].torch for step in not_known(outcome)],
        "steps": [_step(state, step, outcome.question.observations) for step in state.steps],
    }


def _places(state: State, finding: Finding) -> list[str]:
    return [state.candidates[place].torch for place in (finding.change.before, finding.change.after)]


def _finding(state: State, finding: Finding) -> dict[str, Any]:
    bridge, names = finding.bridge, (finding.observation,) if finding.observation else ()
    return {
        "observation": finding.observation,
        "before": _step(state, finding.before, names),
        "after": _step(state, finding.after, names),
        "certain": finding.change.certain,
        "suspects": [state.candidates[place].torch for place in finding.change.suspects],
        "bridge": {"cell": bridge.candidate.cell.id, "proves": bridge.proves} if bridge else None,
        "compare": finding.compare,
        "evidence": evidence.as_json(finding.evidence),
        "reproduce": reproducing.command(state, finding),
    }


def _step(state: State, step: Step, names: tuple[str, ...]) -> dict[str, Any]:
    """What a candidate is, and what it showed of what was asked."""
    record, candidate = step.record, state.candidates[step.place]
    said = step.model_dump(mode="json", exclude={"place", "record"}, exclude_defaults=True)
    names = names if state.question.command is None else (COMMAND,)
    seen = {name: what for name in names if (what := judging.seen(record, name)) is not None}
    return {
        "cell": candidate.cell.id,
        **said,
        "problem": None if record and record.usable else candidate.problem or judging.why_nothing(step, None),
        "wheel": record.wheel.model_dump() if record and record.wheel else None,
        "torch": record.torch.model_dump() if record and record.torch else None,
        "signatures": {name: dataclasses.asdict(signature_of(what)) for name, what in seen.items()},
    }
