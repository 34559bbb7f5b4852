"""From what a cell showed to an answer for the search: good, bad, neither, or nothing that can be said. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from scripts.bisect.search import SKIP, Answer, Unknowable
from scripts.bisect.state import Question, Step
from scripts.core.errors import UsageError
from scripts.records.model import Observation, Record, Test
from scripts.records.signature import Signature, describe, differences, signature_of
from scripts.records.tracebacks import COMMAND

#: `git bisect run`'s exit codes.
GOOD_CODE, SKIP_CODE, LAST_BAD = 0, 125, 127

#: What a candidate shows of one observation, or that it shows nothing that can be relied on.
Shown = Signature | Unknowable


def seen(record: Record | None, name: str) -> Observation | Test | None:
    """Return what a record has under a name, if there is a record: see `Record.observed`."""
    return record.observed(name) if record else None


def names(record: Record) -> list[str]:
    """All that can be asked about: observations, then tests."""
    return [*record.observations, *(key.rpartition("::")[2] for key in record.tests)]


def shown(step: Step, name: str) -> Shown:
    """What a candidate showed, comparable; `SKIP` where it showed nothing that can be relied on."""
    what = seen(step.record, name)
    if what is None or name in step.flaky or what.outcome == "skipped":
        return SKIP
    return signature_of(what)


def all_shown(steps: Mapping[int, Step], name: str) -> dict[int, Shown]:
    """What every step showed."""
    return {place: shown(step, name) for place, step in steps.items()}


def answers(question: Question, steps: Mapping[int, Step], count: int) -> dict[int, Answer]:
    """The answer of every step, as far as it can be given: what lies between the ends waits for them."""
    if question.command is not None:
        return {place: _of_command(step) for place, step in steps.items()}
    name = question.observations[0]
    if question.compares:
        return _compared(all_shown(steps, name), count)
    return _matched(question, name, steps, count)


def warnings_count(one: Shown, other: Shown) -> bool:
    """Whether two sides are told apart by their warnings: only where nothing else tells them apart.

    Deprecations come and go with releases. If one decided between an error and success, nearly every candidate
    would be a third behaviour.
    """
    if isinstance(one, Unknowable) or isinstance(other, Unknowable):
        return True
    return not set(differences(one, other)) - {"warnings"}


def alike(one: Shown, other: Shown, *, warnings: bool) -> bool:
    """Whether two candidates show the same, with their warnings or without."""
    return one == other if warnings else _quiet(one) == _quiet(other)


def _quiet(one: Shown) -> Shown:
    return dataclasses.replace(one, warnings=()) if isinstance(one, Signature) else one


def _of_command(step: Step) -> Answer:
    """Return what a command answers; that it took too long is neither good nor bad, and counts as --third says."""
    if step.timed_out is not None and not step.flaky:
        return Answer.THIRD
    if step.exit_code is None or step.exit_code == SKIP_CODE or step.flaky:
        return Answer.SKIP
    return Answer.GOOD if step.exit_code == GOOD_CODE else Answer.BAD


def _compared(showing: Mapping[int, Shown], count: int) -> dict[int, Answer]:
    """Good is what the first shows, bad what the last shows; ends that are alike are both good, so nothing is."""
    first, last = (showing.get(place, SKIP) for place in (0, count - 1))
    if not warnings_count(first, last):
        first, last = _quiet(first), _quiet(last)
        showing = {place: _quiet(one) for place, one in showing.items()}
    meanings = {last: Answer.BAD, first: Answer.GOOD, SKIP: Answer.SKIP}
    whole = 0 in showing and count - 1 in showing
    return {
        place: meanings.get(one, Answer.THIRD) for place, one in showing.items() if whole or place in {0, count - 1}
    }


def _matched(question: Question, name: str, steps: Mapping[int, Step], count: int) -> dict[int, Answer]:
    """What is told describes the good cells or the bad ones: those of the end that shows it."""
    fits = {place: fitting(question, step, name) for place, step in steps.items()}
    if fits.get(0) is None and 0 in fits:
        return dict.fromkeys(fits, Answer.SKIP)
    good_when = fits.get(0, True)
    return {
        place: Answer.SKIP if fit is None else Answer.GOOD if fit is good_when else Answer.BAD
        for place, fit in fits.items()
        if 0 in fits or place == count - 1
    }


def fitting(question: Question, step: Step, name: str) -> bool | None:
    """Whether a candidate shows what a question tells of; None where it can't be said."""
    return None if shown(step, name) is SKIP else matches(question, seen(step.record, name))


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


def in_words(step: Step | None, name: str | None) -> str:
    """What a candidate showed, in a few words."""
    if step is None:
        return "not probed"
    others = ", and others when repeated" if step.flaky else ""
    if step.timed_out is not None:
        return f"timed out after {step.timed_out:g} s (--command-timeout){others}"
    if step.exit_code is not None:
        what = seen(step.record, COMMAND)
        why = f": {describe(signature_of(what))}" if what is not None and what.exception else ""
        return f"exit code {step.exit_code}{why}{others}"
    what = seen(step.record, name) if name else None
    if what is None:
        return why_nothing(step, name)
    text = describe(signature_of(what))
    return f"flaky, the last time {text}" if name in step.flaky else text


def why_nothing(step: Step, name: str | None) -> str:
    """Why a candidate says nothing of an observation."""
    record = step.record
    if record is None:
        return "unavailable"
    if record.reason is not None:
        return f"{record.status}: {record.reason.kind} ({record.reason.message})"
    return f"no observation {name!r}" if record.usable and name else record.status


def check_name(record: Record, name: str) -> None:
    """Refuse a name that a record doesn't know. Raises `UsageError` with those it knows."""
    if record.usable and seen(record, name) is None:
        raise UsageError(f"--observation: no {name!r} in {record.cell.id}; it has {', '.join(names(record))}")
