"""Turn the result of a candidate into an answer for the search: good, bad, third, or skip. Pure."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Mapping

from scripts.bisect.model import Question, Step
from scripts.bisect.search import NO_SIGNATURE, Answer, NoSignature
from scripts.core.errors import UsageError
from scripts.records.model import COLLECTION_FAILED, COMMAND, Observation, Record, Test
from scripts.records.signature import Signature, describe, differences, signature_of
from scripts.run.command import SKIP_CODE

#: The signature of one observation in one candidate.
StepSignature = Signature | NoSignature


def observed(record: Record | None, name: str) -> Observation | Test | None:
    """Return what a record, if there is one, holds under a name; see `Record.observed`.

    Where no file could be collected, every test has that error.
    """
    if record is None:
        return None
    if "::" in name and record.reason is not None and record.reason.kind == COLLECTION_FAILED:
        return Test(outcome="error", message=record.reason.message)
    return record.observed(name)


def known_names(record: Record) -> list[str]:
    """Return the names that a question can use: observations, then tests."""
    return [*record.observations, *(key.rpartition("::")[2] for key in record.tests)]


def signature(step: Step, name: str) -> StepSignature:
    """Return the signature of an observation; `NO_SIGNATURE` if it is missing, flaky or skipped."""
    result = observed(step.record, name)
    if result is None or name in step.flaky or result.outcome == "skipped":
        return NO_SIGNATURE
    return signature_of(result)


def signatures(steps: Mapping[int, Step], name: str) -> dict[int, StepSignature]:
    """Return the signature of an observation in every step."""
    return {position: signature(step, name) for position, step in steps.items()}


def answers(question: Question, steps: Mapping[int, Step], count: int) -> dict[int, Answer]:
    """Return the answers of the steps; those between the ends only once both ends are known, if they depend on them."""
    if question.command is not None:
        return {position: _answer_of_command(step) for position, step in steps.items()}
    name = question.observations[0]
    if question.compares_ends:
        return _compare_with_ends(signatures(steps, name), count)
    return _match_options(question, name, steps, count)


def warnings_matter(first: StepSignature, last: StepSignature) -> bool:
    """Return whether warnings are part of the comparison: only if the ends differ in nothing else.

    Deprecation warnings come and go with releases. If they counted when an error turns into success, nearly every
    candidate would be a third behaviour.
    """
    if isinstance(first, NoSignature) or isinstance(last, NoSignature):
        return True
    return not set(differences(first, last)) - {"warnings"}


def same_behaviour(first: StepSignature, second: StepSignature, *, with_warnings: bool) -> bool:
    """Return whether two signatures are the same, with or without their warnings."""
    return first == second if with_warnings else _without_warnings(first) == _without_warnings(second)


def _without_warnings(found: StepSignature) -> StepSignature:
    return dataclasses.replace(found, warnings=()) if isinstance(found, Signature) else found


def _answer_of_command(step: Step) -> Answer:
    """Return the answer of a command, as `git bisect run` defines it; a timeout is a third behaviour."""
    if step.timed_out is not None and not step.flaky:
        return Answer.THIRD
    if step.exit_code is None or step.exit_code == SKIP_CODE or step.flaky:
        return Answer.SKIP
    return Answer.GOOD if step.exit_code == 0 else Answer.BAD


def _compare_with_ends(found: Mapping[int, StepSignature], count: int) -> dict[int, Answer]:
    """Return good for the behaviour of the first candidate, bad for that of the last; equal ends are both good."""
    first, last = (found.get(position, NO_SIGNATURE) for position in (0, count - 1))
    if not warnings_matter(first, last):
        first, last = _without_warnings(first), _without_warnings(last)
        found = {position: _without_warnings(each) for position, each in found.items()}
    meanings = {last: Answer.BAD, first: Answer.GOOD, NO_SIGNATURE: Answer.SKIP}
    ends = {0, count - 1}
    both_known = ends <= found.keys()
    return {
        position: meanings.get(each, Answer.THIRD) for position, each in found.items() if both_known or position in ends
    }


def _match_options(question: Question, name: str, steps: Mapping[int, Step], count: int) -> dict[int, Answer]:
    """Return good for candidates that match the options as the good end does, bad for the others."""
    matching = {position: matches_options(question, step, name) for position, step in steps.items()}
    if 0 in matching and matching[0] is None:
        return dict.fromkeys(matching, Answer.SKIP)
    good_when = matching.get(0, True)
    return {
        position: Answer.SKIP if match is None else Answer.GOOD if match is good_when else Answer.BAD
        for position, match in matching.items()
        if 0 in matching or position == count - 1
    }


def matches_options(question: Question, step: Step, name: str) -> bool | None:
    """Return whether a candidate matches ``--expect``, ``--message`` and ``--exception``; None if it is undecided."""
    result = observed(step.record, name)
    if result is None or signature(step, name) is NO_SIGNATURE:
        return None
    kinds = (result.exception or "", *result.bases)
    return (
        (question.expect is None or result.outcome == question.expect)
        and (question.message is None or re.search(question.message, result.message or "") is not None)
        and (question.exception is None or any(question.exception in {kind, kind.rpartition(".")[2]} for kind in kinds))
    )


def describe_step(step: Step | None, name: str | None) -> str:
    """Return a short description of a candidate's result."""
    if step is None:
        return "not probed"
    if step.timed_out is not None or step.exit_code is not None:
        return _describe_command(step) + (", with other results when repeated" if step.flaky else "")
    result = observed(step.record, name) if name else None
    if result is None:
        return describe_problem(step, name)
    text = describe(signature_of(result))
    return f"flaky; last run: {text}" if name in step.flaky else text


def _describe_command(step: Step) -> str:
    if step.timed_out is not None:
        return f"timed out after {step.timed_out:g} s (--command-timeout)"
    result = observed(step.record, COMMAND)
    raised = f": {describe(signature_of(result))}" if result is not None and result.exception else ""
    return f"exit code {step.exit_code}{raised}"


def describe_problem(step: Step, name: str | None) -> str:
    """Return the reason why a candidate has no result for an observation."""
    record = step.record
    if record is None:
        return "unavailable"
    if record.reason is not None:
        return f"{record.status}: {record.reason.kind} ({record.reason.message})"
    kind = "test" if name and "::" in name else "observation"
    return f"no {kind} {name!r}" if record.usable and name else record.status


def check_name(record: Record, name: str) -> None:
    """Raise `UsageError` if a usable record has no such observation or test; the message names those it has."""
    if record.usable and observed(record, name) is None:
        if "::" in name:
            raise UsageError(f"--test: no test {name!r} in {record.cell.id}{_nearest(name, record)}")
        known = ", ".join(known_names(record))
        raise UsageError(f"--observation: no {name!r} in {record.cell.id}; it has {known}")


def _nearest(name: str, record: Record) -> str:
    """Return the end of a message about an unknown test: the nearest node ids, or how to see all."""
    close = difflib.get_close_matches(name, list(record.tests), n=3, cutoff=0.5)
    if close:
        return f"; did you mean {' or '.join(map(repr, close))}?"
    return f"; it has {len(record.tests)} tests, which `nox -s report -- --all` names"
