"""What a bisection has come to so far, in lines: after each round, and as its log. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scripts.bisect import bisection, judging, search
from scripts.bisect.search import Answer, Ask
from scripts.bisect.state import State, Step


def log(state: State) -> list[str]:
    """The steps so far in the order they were taken, and what comes next."""
    question = state.question
    what = ", ".join(question.observations) or question.command or "everything"
    now = bisection.step(state, 1)
    return [
        f"# {what}: good {question.good}, bad {question.bad}, build {question.build}, {question.platform}",
        *(f"{_said(state, step)}  ({step.origin})" for step in state.steps),
        f"# next: {_cells(state, now)}" if isinstance(now, Ask) else "# finished",
    ]


def news(state: State, new: Sequence[Step]) -> list[str]:
    """What a round brought, and how far the search is."""
    answers = _answers(state)
    lines = [_said(state, step) for step in new]
    if Answer.THIRD in answers.values() and any(answers.get(step.place) is Answer.THIRD for step in new):
        counts = "is skipped" if state.question.third == "skip" else f"counts as {state.question.third}"
        lines.append(
            f"warning: what is neither the good behaviour nor the bad one {counts}; --third good|bad|skip tells how, "
            "and --all finds every change"
        )
    if isinstance(bisection.step(state, 1), Ask):
        lines.append(_left(state, answers))
    return lines


def _left(state: State, answers: Mapping[int, Answer]) -> str:
    """How many candidates are left, and how many probes they take."""
    count = len(state.candidates)
    if state.question.every_change or not {0, count - 1} <= answers.keys():
        return f"{len(state.steps)} of {count} candidates probed"
    third = Answer(state.question.third)
    counted = {place: third if answer is Answer.THIRD else answer for place, answer in answers.items()}
    good = max((place for place in range(count) if counted.get(place) is Answer.GOOD), default=0)
    bad = min(place for place in range(good + 1, count) if counted.get(place) is Answer.BAD or place == count - 1)
    left = sum(place not in counted for place in range(good + 1, bad))
    names = state.candidates[good].torch, state.candidates[bad].torch
    what = f"{left} candidate{'s' * (left != 1)} left between {names[0]} and {names[1]}"
    return f"{what}, about {search.rounds(left, 1)} more to probe"


def _answers(state: State) -> Mapping[int, Answer]:
    if state.question.every_change:
        return {}
    return judging.answers(state.question, state.by_place, len(state.candidates))


def _said(state: State, step: Step) -> str:
    """A candidate, what it counts as, and what it showed."""
    question = state.question
    answer = _answers(state).get(step.place)
    counts = f"  {answer.value}" if answer else ""
    if not question.observations and not question.command:
        words = f"{len(step.record.observations)} observations" if step.record and step.record.usable else None
    else:
        words = "; ".join(judging.in_words(step, name) for name in question.observations or (None,))
    return f"{state.candidates[step.place].cell.id}{counts}  {words or judging.why_nothing(step, None)}"


def _cells(state: State, now: Ask) -> str:
    return ", ".join(state.candidates[place].cell.id for place in now.candidates)
