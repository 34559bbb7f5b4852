"""The outcome of a bisection for machines. Pure."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from scripts.bisect import judging
from scripts.bisect.bisection import Finding, Outcome
from scripts.bisect.model import State, Step
from scripts.records.model import COMMAND
from scripts.records.signature import signature_of
from scripts.views import evidence
from scripts.views.bisect.report import reproduce_command
from scripts.views.bisect.summary import skipped

SCHEMA: Final = 1


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return the outcome; of records, it has only the signatures of what was searched for."""
    ends, state = outcome.wrong_ends, outcome.state
    return {
        "schema": SCHEMA,
        "question": outcome.question.model_dump(mode="json", exclude_defaults=True),
        "candidates": [candidate.cell.id for candidate in state.candidates],
        "wrong_ends": {"good": ends.first.value, "bad": ends.last.value} if ends else None,
        "certain": outcome.certain and outcome.has_results and ends is None,
        "findings": [_finding(state, finding) for finding in outcome.findings],
        "others": [_versions(state, finding) for finding in outcome.others],
        "third": [state.candidates[step.position].torch for step in outcome.third],
        "skipped": [state.candidates[step.position].torch for step in skipped(outcome)],
        "steps": [_step(state, step, outcome.question.observations) for step in state.steps],
    }


def _versions(state: State, finding: Finding) -> list[str]:
    return [state.candidates[position].torch for position in (finding.change.before, finding.change.after)]


def _finding(state: State, finding: Finding) -> dict[str, Any]:
    bridge, names = finding.bridge, (finding.observation,) if finding.observation else ()
    return {
        "observation": finding.observation,
        "before": _step(state, finding.before, names),
        "after": _step(state, finding.after, names),
        "certain": finding.change.certain,
        "suspects": [state.candidates[position].torch for position in finding.change.suspects],
        "bridge": {"cell": bridge.candidate.cell.id, "proves": bridge.torch_is_cause} if bridge else None,
        "compare": finding.compare,
        "evidence": evidence.as_json(finding.evidence),
        "reproduce": reproduce_command(state, finding),
    }


def _step(state: State, step: Step, names: tuple[str, ...]) -> dict[str, Any]:
    """Return a candidate, and its signatures of some observations."""
    record, candidate = step.record, state.candidates[step.position]
    names = names if state.question.command is None else (COMMAND,)
    results = {name: result for name in names if (result := judging.observed(record, name)) is not None}
    problem = candidate.problem or judging.describe_problem(step, None)
    return {
        "cell": candidate.cell.id,
        **step.model_dump(mode="json", by_alias=True, exclude={"position", "record"}, exclude_defaults=True),
        "problem": None if record and record.usable else problem,
        "wheel": record.wheel.model_dump() if record and record.wheel else None,
        "torch": record.torch.model_dump() if record and record.torch else None,
        "signatures": {name: dataclasses.asdict(signature_of(result)) for name, result in results.items()},
    }
