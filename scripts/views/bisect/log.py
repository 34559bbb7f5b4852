"""The progress of a bisection in lines: after each round, and as its log. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scripts.bisect import bisection, judging, search
from scripts.bisect.model import State, Step
from scripts.bisect.search import Answer, NextRound


def log(state: State) -> list[str]:
    """Return the steps so far in the order they were taken, and the next one."""
    question = state.question
    subject = ", ".join(question.observations) or question.command or "everything"
    action = bisection.next_action(state, 1)
    return [
        f"# {subject}: good {question.good}, bad {question.bad}, build {question.build}, {question.platform}",
        *(f"{_step_line(state, step)}  ({step.origin})" for step in state.steps),
        f"# next: {_cells(state, action)}" if isinstance(action, NextRound) else "# finished",
    ]


def round_lines(state: State, steps: Sequence[Step]) -> list[str]:
    """Return the steps of a round, and the number of candidates left."""
    answers = _answers(state)
    lines = [_step_line(state, step) for step in steps]
    if any(answers.get(step.position) is Answer.THIRD for step in steps):
        counts = "is skipped" if state.question.third == "skip" else f"counts as {state.question.third}"
        lines.append(
            f"warning: a behaviour that is neither good nor bad {counts}; set this with --third good|bad|skip, "
            "or find every change with --all"
        )
    if isinstance(bisection.next_action(state, 1), NextRound):
        lines.append(_left(state, answers))
    return lines


def _left(state: State, answers: Mapping[int, Answer]) -> str:
    """Return the number of candidates left, and of the probes they take."""
    count = len(state.candidates)
    if state.question.every_change or not {0, count - 1} <= answers.keys():
        return f"{len(state.steps)} of {count} candidates probed"
    third = Answer(state.question.third)
    known = {position: third if answer is Answer.THIRD else answer for position, answer in answers.items()}
    good = max((position for position in range(count) if known.get(position) is Answer.GOOD), default=0)
    bad = min(p for p in range(good + 1, count) if known.get(p) is Answer.BAD or p == count - 1)
    left = sum(position not in known for position in range(good + 1, bad))
    between = f"{state.candidates[good].torch} and {state.candidates[bad].torch}"
    candidates = f"{left} candidate{'s' * (left != 1)} left between {between}"
    return f"{candidates}, about {search.rounds(left, 1)} more to probe"


def _answers(state: State) -> Mapping[int, Answer]:
    if state.question.every_change:
        return {}
    return judging.answers(state.question, state.by_position, len(state.candidates))


def _step_line(state: State, step: Step) -> str:
    """Return a candidate, its answer, and its result."""
    question = state.question
    answer = _answers(state).get(step.position)
    words = f"  {answer.value}" if answer else ""
    return f"{state.candidates[step.position].cell.id}{words}  {_describe_result(question.observations, state, step)}"


def _describe_result(names: Sequence[str], state: State, step: Step) -> str:
    if names or state.question.command:
        return "; ".join(judging.describe_step(step, name) for name in names or (None,))
    if step.record and step.record.usable:
        return f"{len(step.record.observations)} observations"
    return judging.describe_problem(step, None)


def _cells(state: State, action: NextRound) -> str:
    return ", ".join(state.candidates[position].cell.id for position in action.candidates)
