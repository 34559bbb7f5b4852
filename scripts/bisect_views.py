"""How a bisection's end is shown: text for a terminal, Markdown for an issue, JSON for machines."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from scripts import judging
from scripts.bisect_evidence import Explained
from scripts.bisect_state import Question, State, Step
from scripts.bisection import Bridge, Finding, Outcome
from scripts.evidence import Evidence
from scripts.search import Answer

SCHEMA: Final = 1

#: Hunks shown to people; the JSON has all.
_MOST_HUNKS: Final = 3
_MOST_FILES: Final = 10

Rows = list[tuple[str, str]]


def text(outcome: Outcome, explained: Sequence[Explained]) -> str:
    """Everything, as aligned lines."""
    parts = [_lines(head(outcome))]
    for one in explained:
        parts.append(_lines(_told(outcome, one)))
        parts += [_indented(hunk) for hunk in _hunks(one.evidence)]
    return "\n\n".join([*parts, _lines(tail(outcome))]) + "\n"


def markdown(outcome: Outcome, explained: Sequence[Explained]) -> str:
    """Everything, to paste into an issue. What was recorded stands in code blocks, where it can't be markup."""
    parts = [f"### {_title(outcome)}", _fenced(_lines(head(outcome)))]
    for one in explained:
        rows = _told(outcome, one)
        parts.append(_fenced(_lines([row for row in rows if row[0] != "commits"])))
        parts += [f"Commits: {link}" for name, link in rows if name == "commits" and link.startswith("https://")]
        parts += [_fenced(hunk, "diff") for hunk in _hunks(one.evidence)]
    return "\n\n".join([*parts, _fenced(_lines(tail(outcome)))]) + "\n"


def head(outcome: Outcome) -> Rows:
    """What was asked, and what the ends are if they are not what was said."""
    question, candidates = outcome.question, outcome.state.candidates
    rows = [("searched", _asked(question)), ("between", f"good {question.good}, bad {question.bad}: {_where(outcome)}")]
    if outcome.wrong_ends is None:
        return rows
    steps, name = outcome.state.by_place, question.observations[0] if question.observations else None
    alike = outcome.wrong_ends.first is outcome.wrong_ends.last is Answer.GOOD
    unknown = Answer.SKIP in {outcome.wrong_ends.first, outcome.wrong_ends.last}
    what = "can't be told" if unknown else "are alike" if alike else "are not what was said"
    ends = [(label, place) for label, place in (("good", 0), ("bad", len(candidates) - 1))]
    return [
        *rows,
        ("result", f"the ends {what}: nothing to search between them"),
        *((f"{label} end", f"{candidates[p].cell.id} {judging.describe(steps.get(p), name)}") for label, p in ends),
    ]


def tail(outcome: Outcome) -> Rows:
    """What was met on the way, and what it took."""
    question = outcome.question
    rows: Rows = []
    for other in outcome.others:
        rows.append(("also", f"it changes between {_torch(other.before)} and {_torch(other.after)} too"))
    for step in outcome.third:
        name = question.observations[0]
        rows.append(
            ("third", f"{_torch(step)} is neither: {judging.describe(step, name)}; it counts as {question.third}")
        )
    rows += [("skipped", f"{_candidate(outcome.state, s)}: {_skipped(outcome, s)}") for s in _not_known(outcome)]
    if question.every_change:
        rows.append(("certainty", _guarantee(question)))
    origins = Counter(step.origin for step in outcome.state.steps)
    took = ", ".join(f"{number} {origin}" for origin, number in sorted(origins.items()))
    return [*rows, ("probed", f"{len(outcome.state.steps)} of {len(outcome.state.candidates)}: {took}")]


def _told(outcome: Outcome, one: Explained) -> Rows:
    finding = one.finding
    labels = ("before", "after") if outcome.question.every_change else ("last good", "first bad")
    name = finding.observation
    rows: Rows = [("change", name)] if outcome.question.every_change and name else []
    for label, step in zip(labels, (finding.before, finding.after), strict=True):
        rows += [(label, _cell(step)), ("", judging.describe(step, name))]
    if not finding.change.certain:
        suspects = [outcome.state.candidates[place].torch for place in finding.change.suspects]
        rows.append(("undecided", f"all between was skipped; the first can be any of {', '.join(suspects)}"))
    if confounded := _confounded(finding):
        rows.append(("python", confounded))
    if build := _builds(finding):
        rows.append(("build", build))
    link = finding.compare or (one.evidence.compare if one.evidence else None)
    rows.append(("commits", link or "not told by both wheels"))
    rows += _evidence(one)
    rows += [("reproduce", command) for command in reproduce(outcome, finding)]
    return rows


def _evidence(one: Explained) -> Rows:
    found = one.evidence
    if found is None:
        return [("evidence", f"none: {one.problem}")] if one.problem else []
    rows = [("evidence", found.summary)]
    if found.elsewhere:
        more = f" and {len(found.elsewhere) - _MOST_FILES} more" if len(found.elsewhere) > _MOST_FILES else ""
        rows.append(("changed", ", ".join(found.elsewhere[:_MOST_FILES]) + more))
    return rows


def _confounded(finding: Finding) -> str | None:
    """What a bridge says, where both sides ran on different Pythons."""
    pythons = [step.record.cell.python for step in (finding.before, finding.after) if step.record]
    if len(set(pythons)) < 2:  # noqa: PLR2004 - both sides alike
        return None
    if finding.bridge is None:
        return f"the sides ran on Python {' and '.join(pythons)}, and no wheel bridges them: Python may be the cause"
    return _bridge(finding.bridge)


def _bridge(bridge: Bridge) -> str:
    on = f"{bridge.candidate.torch} on Python {bridge.candidate.python}"
    if bridge.proves is None:
        return f"{on} shows nothing that can be relied on: Python may be the cause"
    return f"{on} shows the same: the change is torch's" if bridge.proves else f"{on} differs: Python is a cause"


def _builds(finding: Finding) -> str | None:
    builds = [step.record.cell.build for step in (finding.before, finding.after) if step.record]
    return f"the sides are different builds, {' and '.join(builds)}" if len(set(builds)) > 1 else None


def reproduce(outcome: Outcome, finding: Finding) -> list[str]:
    """The command that runs both sides of a change anew."""
    question = outcome.question
    candidates = outcome.state.candidates
    words = ["nox", "-s", "bisect", "--"]
    for name in [finding.observation] if finding.observation else question.observations:
        words += ["--observation", name]
    words += ["--good", candidates[finding.change.before].torch, "--bad", candidates[finding.change.after].torch]
    words += ["--build", question.build]
    pairs = {"--python": question.python, "--expect": question.expect, "--message": question.message}
    pairs |= {"--exception": question.exception, "--command": question.command}
    for option, value in pairs.items():
        words += [option, value] if value else []
    words += [f"--{flag}" for flag in ("pre", "nightly") if getattr(question, flag)]
    return [shlex.join([*words, "--fresh"])]


def as_json(outcome: Outcome, explained: Sequence[Explained]) -> dict[str, Any]:
    """The whole end of a bisection for machines."""
    ends = outcome.wrong_ends
    return {
        "schema": SCHEMA,
        "question": outcome.question.model_dump(mode="json", exclude_defaults=True),
        "candidates": [candidate.torch for candidate in outcome.state.candidates],
        "wrong_ends": {"good": ends.first.value, "bad": ends.last.value} if ends else None,
        "certain": outcome.certain and ends is None,
        "findings": [_finding_json(outcome, one) for one in explained],
        "others": [[_torch(other.before), _torch(other.after)] for other in outcome.others],
        "third": [_torch(step) for step in outcome.third],
        "skipped": [outcome.state.candidates[step.place].torch for step in _not_known(outcome)],
        "steps": [_step_json(outcome.state, step) for step in outcome.state.steps],
    }


def _finding_json(outcome: Outcome, one: Explained) -> dict[str, Any]:
    finding, bridge = one.finding, one.finding.bridge
    return {
        "observation": finding.observation,
        "before": _step_json(outcome.state, finding.before),
        "after": _step_json(outcome.state, finding.after),
        "certain": finding.change.certain,
        "suspects": [outcome.state.candidates[place].torch for place in finding.change.suspects],
        "bridge": {"cell": bridge.candidate.cell.id, "proves": bridge.proves} if bridge else None,
        "compare": finding.compare or (one.evidence.compare if one.evidence else None),
        "evidence": _evidence_json(one.evidence) if one.evidence else None,
        "evidence_problem": one.problem,
        "reproduce": reproduce(outcome, finding),
    }


def _evidence_json(found: Evidence) -> dict[str, Any]:
    plain = {"summary": found.summary, "looked_at": found.looked_at, "differing": found.differing}
    hunks = [dataclasses.asdict(hunk) for hunk in found.hunks]
    return {**plain, "hunks": hunks, "elsewhere": found.elsewhere}


def _step_json(state: State, step: Step) -> dict[str, Any]:
    candidate = state.candidates[step.place]
    return {"cell": candidate.cell.id, **step.model_dump(mode="json", exclude={"place"}, exclude_none=True)}


def _title(outcome: Outcome) -> str:
    if outcome.wrong_ends or not outcome.findings:
        return "No change was found"
    first = outcome.findings[0]
    if outcome.question.every_change:
        return f"{len(outcome.findings)} changes"
    return f"It changed between torch {_torch(first.before)} and {_torch(first.after)}"


def _asked(question: Question) -> str:
    what = ", ".join(question.observations) or (f"command {question.command!r}" if question.command else "everything")
    told = [
        f"{name} {value!r}"
        for name in ("expect", "message", "exception")
        if (value := getattr(question, name)) is not None
    ]
    return "; ".join([what, *told])


def _where(outcome: Outcome) -> str:
    question = outcome.question
    channel = ", nightlies" if question.nightly else ", with the test channel" if question.pre else ""
    return f"{len(outcome.state.candidates)} candidates, {question.build}, {question.platform}{channel}"


def _guarantee(question: Question) -> str:
    if question.grain == 1:
        return "every candidate was probed, so every change is told"
    if question.grain is None:
        return "what came and went between two probed candidates that are alike is not seen; --grain 1 probes all"
    return (
        f"a behaviour that lasted fewer than {question.grain} candidates, between others that are alike, may not have "
        "been seen; --grain 1 probes all"
    )


def _not_known(outcome: Outcome) -> list[Step]:
    """Steps that say nothing, of what could have been run."""
    names = outcome.question.observations
    steps = sorted(outcome.state.steps, key=lambda step: step.place)
    if outcome.question.command:
        return [s for s in steps if s.flaky or s.exit_code in {None, judging.SKIP_CODE}]
    return [
        s
        for s in steps
        if s.flaky or (names and all(judging.seen(s.record, name) is None for name in names)) or s.record is None
    ]


def _skipped(outcome: Outcome, step: Step) -> str:
    names = outcome.question.observations
    problem = outcome.state.candidates[step.place].problem
    return problem or judging.describe(step, names[0] if names else None)


def _candidate(state: State, step: Step) -> str:
    return state.candidates[step.place].cell.id


def _torch(step: Step) -> str:
    return step.record.cell.torch if step.record else "?"


def _cell(step: Step) -> str:
    record = step.record
    if record is None:
        return "not run"
    commit = f", commit {record.torch.git_version[:12]}" if record.torch and record.torch.git_version else ""
    return f"{record.cell.torch}  ({record.cell.build}, Python {record.cell.python}{commit}; {step.origin})"


def _hunks(found: Evidence | None) -> list[str]:
    return [f"{hunk.file}\n{hunk.diff}".rstrip("\n") for hunk in found.hunks[:_MOST_HUNKS]] if found else []


def _lines(rows: Rows) -> str:
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name:<{width}}  {_one_line(value)}".rstrip() for name, value in rows)


def _one_line(value: str) -> str:
    return " ".join(value.split()) if "\n" in value else value


def _indented(value: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in value.splitlines())


def _fenced(value: str, language: str = "") -> str:
    """A code block whose fence is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", value)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{value}\n{fence}"
