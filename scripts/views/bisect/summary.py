"""The title of a bisection's report, and its summary: the question, skipped candidates, and the number of probes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from scripts.bisect import judging
from scripts.bisect.bisection import Outcome
from scripts.bisect.model import Question, State, Step
from scripts.bisect.search import Answer
from scripts.run.command import SKIP_CODE


def title(outcome: Outcome, quote: Callable[[str], str] = str) -> str:
    """Return the outcome in one line; ``quote`` marks names and commands."""
    question, candidates = outcome.question, outcome.state.candidates
    if outcome.wrong_ends:
        return "Nothing to search: " + _describe_ends(outcome)
    if question.every_change:
        number, places = len(outcome.findings), len({finding.change for finding in outcome.findings})
        names = f" of {quote(', '.join(question.observations))}" if question.observations else ""
        return f"{_count(number, 'change')}{names}" + (f", at {_count(places, 'place')}" if number > 1 else "")
    change = outcome.findings[0].change
    subject = quote(question.command or question.observations[0])
    return f"{subject} changed between torch {candidates[change.before].torch} and {candidates[change.after].torch}"


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def _describe_ends(outcome: Outcome) -> str:
    """Return why there is no change to search for between the ends."""
    ends, question = outcome.wrong_ends, outcome.question
    if ends is None or Answer.SKIP in {ends.first, ends.last}:
        return "an end has no usable result"
    if Answer.THIRD in {ends.first, ends.last}:
        return "the command timed out at an end; raise --command-timeout, or let a timeout count with --third"
    if ends.first is not ends.last:
        return "--good and --bad are swapped"
    if question.command:
        return f"the command's result is {ends.first.value} at both ends"
    if question.compares_ends:
        return "both ends behave the same"
    return _describe_match(outcome)


def _describe_match(outcome: Outcome) -> str:
    """Return what both ends have in common, where options or the verdict of a test decide."""
    question = outcome.question
    match = judging.matches_options(question, outcome.state.by_position[0], question.observations[0])
    if question.test:
        return "the test passes at both ends" if match else "the test fails at both ends; --observation compares how"
    options = " and ".join(f"--{name}" for name in ("expect", "message", "exception") if getattr(question, name))
    return f"both ends match {options}" if match else f"neither end matches {options}"


def summary(outcome: Outcome) -> list[tuple[str, str]]:
    """Return the question, further changes, undecided candidates and the number of probes, with labels."""
    question, state = outcome.question, outcome.state
    rows = [("searched", _describe_question(question)), ("among", _describe_candidates(outcome))]
    rows += [("compared", comparison)] if (comparison := _describe_comparison(outcome)) else []
    for finding in outcome.others:
        names = [state.candidates[position].torch for position in (finding.change.before, finding.change.after)]
        rows.append(("also", f"it also changes between {names[0]} and {names[1]}; --all finds every change"))
    name = question.observations[0] if question.observations else None
    for steps, description in _grouped(outcome.third, lambda step: judging.describe_step(step, name)):
        rows.append(("third", f"{_span(state, steps)} neither: {description}; counted as {question.third}"))
    for steps, description in _grouped(skipped(outcome), lambda step: _describe_skipped(outcome, step)):
        rows.append(("skipped", f"{_span(state, steps)}: {description}"))
    rows += [("certainty", _describe_certainty(question))] if question.every_change else []
    origins = Counter(step.origin for step in state.steps)
    counts = ", ".join(f"{number} {origin}" for origin, number in sorted(origins.items()))
    return [*rows, ("probed", f"{len(state.steps)} of {len(state.candidates)} candidates: {counts}")]


def _grouped(steps: Iterable[Step], describe: Callable[[Step], str]) -> list[tuple[list[Step], str]]:
    """Return neighbouring steps with the same description together."""
    return [(list(group), description) for description, group in groupby(steps, key=describe)]


def _span(state: State, steps: Sequence[Step]) -> str:
    first, last = (state.candidates[steps[index].position].torch for index in (0, -1))
    return first if len(steps) == 1 else f"{first} to {last} ({len(steps)} candidates)"


def _describe_question(question: Question) -> str:
    command = f"command {question.command!r}" if question.command else "everything"
    subject = ", ".join(question.observations) or command
    names = ("expect", "message", "exception")
    options = [f"{name} {value!r}" for name in names if not question.test and (value := getattr(question, name))]
    repeat = [f"{question.repeat} times each"] if question.repeat > 1 else []
    return "; ".join([subject, *options, f"good {question.good}, bad {question.bad}", *repeat])


def _describe_candidates(outcome: Outcome) -> str:
    question = outcome.question
    channel = ", nightlies" if question.nightly else ", with the test channel" if question.pre else ""
    number = len(outcome.state.candidates)
    return f"{number} candidates, build {question.build}, {question.platform}{channel}"


def _describe_comparison(outcome: Outcome) -> str | None:
    """Return a note if warnings were not compared."""
    question, steps = outcome.question, outcome.state.by_position
    ends = [steps.get(position) for position in (0, len(outcome.state.candidates) - 1)]
    if question.every_change or not question.compares_ends or None in ends:
        return None
    first, last = (judging.signature(end, question.observations[0]) for end in ends if end)
    if judging.warnings_matter(first, last):
        return None
    return "without warnings, since the ends differ in more than those; --all compares them"


def _describe_certainty(question: Question) -> str:
    if question.grain == 1:
        return "every candidate was probed, so every change was found"
    return (
        f"a behaviour that lasted for fewer than {question.grain} candidates, between others that behave the same, may "
        "have been missed; --grain 1 probes all"
    )


def skipped(outcome: Outcome) -> list[Step]:
    """Return the steps without a usable result, in order."""
    steps = sorted(outcome.state.steps, key=lambda step: step.position)
    return [step for step in steps if step.flaky or not _is_usable(outcome.question, step)]


def _is_usable(question: Question, step: Step) -> bool:
    if question.command:
        return bool(step.timed_out) or step.exit_code not in {None, SKIP_CODE}
    if not question.observations:
        return step.record is not None and step.record.usable
    return any(judging.observed(step.record, name) is not None for name in question.observations)


def _describe_skipped(outcome: Outcome, step: Step) -> str:
    names = outcome.question.observations
    problem = outcome.state.candidates[step.position].problem
    if step.flaky and len(names) != 1 and not outcome.question.command:
        return f"flaky in {', '.join(step.flaky)}"
    return problem or judging.describe_step(step, names[0] if names else None)
