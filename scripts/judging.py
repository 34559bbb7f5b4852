"""From what a cell showed to an answer for the search: good, bad, neither, or nothing that can be said. Pure."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping

from scripts.bisect_state import Question, Step
from scripts.errors import UsageError
from scripts.records import Observation, Record, Test
from scripts.search import SKIP, Answer

#: `git bisect run`'s exit codes.
GOOD_CODE, SKIP_CODE, LAST_BAD = 0, 125, 127


def seen(record: Record | None, name: str) -> Observation | Test | None:
    """What a record has under a name: of an observation, a test, or a test without its file."""
    if record is None or not record.usable:
        return None
    if name in record.observations:
        return record.observations[name]
    return next((test for key, test in record.tests.items() if name in {key, key.rpartition("::")[2]}), None)


def names(record: Record) -> list[str]:
    """All that can be asked about: observations, then tests."""
    return [*record.observations, *(key.rpartition("::")[2] for key in record.tests)]


def signature(step: Step, name: str) -> Hashable:
    """What a candidate showed, comparable; `SKIP` where it showed nothing that can be relied on."""
    what = seen(step.record, name)
    if what is None or step.flaky or what.outcome == "skipped":
        return SKIP
    warned = tuple((warning.category, warning.message) for warning in what.warnings)
    return (what.outcome, what.phase, what.exception, what.bases, what.message, warned)


def signatures(steps: Mapping[int, Step], name: str) -> dict[int, Hashable]:
    """The signatures of all steps."""
    return {place: signature(step, name) for place, step in steps.items()}


def answers(question: Question, steps: Mapping[int, Step], count: int) -> dict[int, Answer]:
    """The answer of every step, as far as it can be given: what lies between the ends waits for them."""
    if question.command is not None:
        return {place: _of_command(step) for place, step in steps.items()}
    name = question.observations[0]
    if question.compares:
        return _compared(signatures(steps, name), count)
    return _matched(question, name, steps, count)


def _of_command(step: Step) -> Answer:
    if step.exit_code is None or step.exit_code == SKIP_CODE or step.flaky:
        return Answer.SKIP
    return Answer.GOOD if step.exit_code == GOOD_CODE else Answer.BAD


def _compared(signatures: Mapping[int, Hashable], count: int) -> dict[int, Answer]:
    """Good is what the first shows, bad what the last shows; ends that are alike are both good, so nothing is."""
    first, last = (signatures.get(place, SKIP) for place in (0, count - 1))
    meanings = {last: Answer.BAD, first: Answer.GOOD, SKIP: Answer.SKIP}
    whole = 0 in signatures and count - 1 in signatures
    return {
        place: meanings.get(signature, Answer.THIRD)
        for place, signature in signatures.items()
        if whole or place in {0, count - 1}
    }


def _matched(question: Question, name: str, steps: Mapping[int, Step], count: int) -> dict[int, Answer]:
    """What is told describes the good cells or the bad ones: those of the end that shows it."""
    shown = {
        place: None if signature(step, name) is SKIP else matches(question, seen(step.record, name))
        for place, step in steps.items()
    }
    if shown.get(0) is None and 0 in shown:
        return dict.fromkeys(shown, Answer.SKIP)
    good_when = shown.get(0, True)
    return {
        place: Answer.SKIP if match is None else Answer.GOOD if match is good_when else Answer.BAD
        for place, match in shown.items()
        if 0 in shown or place == count - 1
    }


def matches(question: Question, what: Observation | Test | None) -> bool:
    """Whether all that a question tells of is so."""
    if what is None:
        return False
    kinds = (what.exception or "", *what.bases)
    return (
        (question.expect is None or what.outcome == question.expect)
        and (question.message is None or re.search(question.message, what.message or "") is not None)
        and (question.exception is None or any(question.exception in {kind, kind.rpartition(".")[2]} for kind in kinds))
    )


def describe(step: Step | None, name: str | None) -> str:
    """What a candidate showed, in a few words."""
    if step is None:
        return "not probed"
    if step.exit_code is not None:
        return f"exit code {step.exit_code}"
    what = seen(step.record, name) if name else None
    if what is None:
        return _why_nothing(step, name)
    text = f"{what.outcome} {what.exception}: {what.message}" if what.exception else what.outcome
    if what.warnings:
        text += f", warning {'; '.join(f'{w.category}: {w.message}' for w in what.warnings)}"
    return f"flaky, last {text}" if step.flaky else text


def _why_nothing(step: Step, name: str | None) -> str:
    record = step.record
    if record is None:
        return "unavailable"
    if record.reason is not None:
        return f"{record.status}: {record.reason.kind} ({record.reason.message})"
    return f"no observation {name!r}" if record.usable else record.status


def check_name(record: Record, name: str) -> None:
    """Refuse a name that a record doesn't know. Raises `UsageError` with those it knows."""
    if record.usable and seen(record, name) is None:
        raise UsageError(f"--observation: no {name!r} in {record.cell.id}; it has {', '.join(names(record))}")
