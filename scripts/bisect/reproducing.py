"""The command line that asks a bisection's question again, of the two sides of a change alone. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from scripts.bisect.bisection import Finding
from scripts.bisect.state import Question, State
from scripts.config.cells import DEFAULT_BUILD


def command(state: State, finding: Finding) -> str:
    """The command that runs both sides of a change anew."""
    question = state.question
    before, after = (state.candidates[place] for place in (finding.change.before, finding.change.after))
    words = ["nox", "-s", "bisect", "--", *(["--all"] if question.every_change else [])]
    for name in question.observations:
        words += ["--observation", name]
    words += ["--good", before.torch, "--bad", after.torch, "--build", _build(question, finding)]
    words += ["--python", before.python] if before.python == after.python else []
    for name, value in question.env.items():
        words += ["--env", f"{name}={value}"]
    words += [*_predicate(question), *(f"--{flag}" for flag in ("pre", "nightly") if getattr(question, flag))]
    return shlex.join([*words, "--fresh"])


def _build(question: Question, finding: Finding) -> str:
    """The build to ask for: where another one stood in for it, that one, so that the same wheels are tested."""
    tested = {step.record.wheel.index for step in (finding.before, finding.after) if step.record and step.record.wheel}
    return DEFAULT_BUILD if tested == {DEFAULT_BUILD} else question.build


def _predicate(question: Question) -> Iterable[str]:
    told = {
        "--expect": question.expect,
        "--message": question.message,
        "--exception": question.exception,
        "--command": question.command,
        "--command-timeout": str(question.command_timeout) if question.command_timeout else None,
        "--repeat": str(question.repeat) if question.repeat > 1 else None,
        "--exclude-newer": question.exclude_newer,
        "--third": question.third if question.third != "skip" else None,
    }
    # One word, for a value may begin with a dash.
    return [f"{option}={value}" for option, value in told.items() if value]
