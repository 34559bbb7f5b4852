"""The outcome of a bisection for people: text for a terminal, and Markdown to paste into an issue. Pure."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from scripts.bisect import judging
from scripts.bisect.bisection import Bridge, Finding, Outcome
from scripts.bisect.model import Question, State
from scripts.bisect.search import Change
from scripts.config.cell import DEFAULT_BUILD
from scripts.core.escaping import code_block, visible
from scripts.core.layout import Rows, indented, inline_code, labelled, side_by_side
from scripts.records.signature import Signature, describe_change, describe_warnings, signature_of
from scripts.views import evidence as evidence_views
from scripts.views.bisect.summary import summary, title

#: Columns of text within Markdown, which GitHub shows without scrolling.
MARKDOWN_WIDTH: Final = 100

#: Rows of the table of two candidates, in order.
_TABLE_ROWS: Final = ("cell", "torch", "result", "outcome", "while", "exception", "message", "warnings", "known")
#: The source of a result, by the origin of the step.
_SOURCES: Final = {"run": "run just now", "recorded": "from its record"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """A change, or the ends if there is no change: a table or rows, and the diffs that explain it."""

    heading: str | None = None
    table: str | None = None
    rows: Rows
    outputs: Sequence[tuple[str, str]] = ()  # the last output of commands, each with a heading
    diffs: Sequence[str] = ()


def text(outcome: Outcome, width: int) -> str:
    """Return the report as text of a width in columns."""
    blocks = [title(outcome)]
    for section in _sections(outcome, width):
        blocks += [section.heading] if section.heading else []
        blocks += [section.table] if section.table else []
        for heading, output in section.outputs:
            blocks += [f"{heading}:", indented(output)]
        blocks += [labelled(section.rows, width)] if section.rows else []
        blocks += [indented(diff) for diff in section.diffs]
    return "\n\n".join([*blocks, labelled(summary(outcome), width)]) + "\n"


def markdown(outcome: Outcome) -> str:
    """Return the report as Markdown; recorded text is in code blocks, where it cannot be markup."""
    blocks = [f"### {title(outcome, inline_code)}"]
    for section in _sections(outcome, MARKDOWN_WIDTH):
        rows = [row for row in section.rows if row[0] not in {"commits", "reproduce"}]
        values = dict(section.rows)
        blocks += [f"#### torch {section.heading}"] if section.heading else []
        blocks += [code_block("\n\n".join(filter(None, [section.table, labelled(rows, MARKDOWN_WIDTH)])))]
        for heading, output in section.outputs:
            blocks += [f"{heading}:", code_block(output)]
        blocks += [f"Commits: {link}" for link in [values.get("commits", "")] if link.startswith("https://")]
        blocks += [code_block(diff, "diff") for diff in section.diffs]
        blocks += [code_block(values["reproduce"], "sh")] if "reproduce" in values else []
    return "\n\n".join([*blocks, code_block(labelled(summary(outcome), MARKDOWN_WIDTH))]) + "\n"


# --- sections -----------------------------------------------------------------------------------------------------


def _sections(outcome: Outcome, width: int) -> list[Section]:
    """Return the section of each change, or that of the ends if there is no change."""
    if outcome.wrong_ends:
        name = outcome.question.observations[0] if outcome.question.observations else None
        ends = (0, len(outcome.state.candidates) - 1)
        table = _table(outcome.state, ("good end", "bad end"), ends, name, width)
        return [Section(table=table, rows=(), outputs=_outputs(outcome.state, ends))]
    if outcome.question.every_change:
        by_change = groupby(sorted(outcome.findings, key=_positions), key=lambda finding: finding.change)
        return [_section_of_change(outcome, change, list(findings)) for change, findings in by_change]
    return [_section_of_finding(outcome, finding, width) for finding in outcome.findings]


def _positions(finding: Finding) -> tuple[int, int]:
    return finding.change.before, finding.change.after


def _section_of_finding(outcome: Outcome, finding: Finding, width: int) -> Section:
    """Return the change of one observation, with a table of both sides."""
    positions = _positions(finding)
    return Section(
        table=_table(outcome.state, ("last good", "first bad"), positions, finding.observation, width),
        rows=[
            *_doubts(outcome, finding),
            *_commits(finding),
            *evidence_views.rows(finding.evidence),
            ("reproduce", reproduce_command(outcome.state, finding)),
        ],
        outputs=_outputs(outcome.state, positions),
        diffs=evidence_views.diffs(finding.evidence),
    )


def _section_of_change(outcome: Outcome, change: Change, findings: Sequence[Finding]) -> Section:
    """Return all observations that changed between the same candidates."""
    first, state = findings[0], outcome.state
    doubts = dict.fromkeys(row for finding in findings for row in _doubts(outcome, finding))
    return Section(
        heading=f"{state.candidates[change.before].torch} → {state.candidates[change.after].torch}",
        rows=[
            *((str(finding.observation), _describe_change(finding)) for finding in findings),
            *doubts,
            *_commits(first),
            *_shared_evidence(findings),
            ("reproduce", reproduce_command(state, first)),
        ],
        diffs=evidence_views.diffs(*(finding.evidence for finding in findings)),
    )


def _shared_evidence(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """Return rows of evidence, each once, with the observations it belongs to if not to all."""
    names_by_row: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        # The row of other changed files is nearly the same for all observations; the JSON has it.
        for row in (row for row in evidence_views.rows(finding.evidence) if row[0] != "changed"):
            names_by_row.setdefault(row, []).append(str(finding.observation))
    return [
        (label, value if len(names) == len(findings) else f"{value} [{', '.join(names)}]")
        for (label, value), names in names_by_row.items()
    ]


def _describe_change(finding: Finding) -> str:
    name = finding.observation or ""
    old, new = (judging.signature(step, name) for step in (finding.before, finding.after))
    if isinstance(old, Signature) and isinstance(new, Signature):
        return describe_change(old, new)
    return f"{judging.describe_step(finding.before, name)} → {judging.describe_step(finding.after, name)}"


def _outputs(state: State, positions: Iterable[int]) -> list[tuple[str, str]]:
    """Return the last output of a command in each candidate, with headings."""
    steps = [step for position in positions if (step := state.by_position.get(position)) is not None]
    return [
        (f"The command's last output with {state.candidates[step.position].torch}", visible(step.output))
        for step in steps
        if step.output
    ]


def _doubts(outcome: Outcome, finding: Finding) -> list[tuple[str, str]]:
    """Return rows on skipped candidates, and on causes other than torch."""
    rows, candidates = [], outcome.state.candidates
    if not finding.change.certain:
        suspects = ", ".join(candidates[position].torch for position in finding.change.suspects)
        rows.append(("undecided", f"all candidates between were skipped; the change may be at any of {suspects}"))
    pythons = [candidates[position].python for position in _positions(finding)]
    if finding.bridge is not None:
        rows.append(("python", _describe_bridge(finding.bridge)))
    elif len(set(pythons)) > 1:
        sides = f"the sides ran on Python {' and '.join(pythons)}, and no wheel runs on both"
        rows.append(("python", f"{sides}: Python may be the cause"))
    builds = [step.record.cell.build for step in (finding.before, finding.after) if step.record]
    return [*rows, *([("build", f"the sides are {' and '.join(builds)}")] if len(set(builds)) > 1 else [])]


def _describe_bridge(bridge: Bridge) -> str:
    cell = f"{bridge.candidate.torch} on Python {bridge.candidate.python}"
    if bridge.torch_is_cause is None:
        return f"{cell} has no usable result: Python may be the cause"
    if bridge.torch_is_cause:
        return f"{cell} behaves the same: torch is the cause"
    return f"{cell} behaves differently: Python is a cause"


def _commits(finding: Finding) -> list[tuple[str, str]]:
    return [("commits", finding.compare or "unknown: the wheels do not name both commits")]


# --- table of two candidates --------------------------------------------------------------------------------------


def _table(state: State, heads: tuple[str, str], positions: tuple[int, int], name: str | None, width: int) -> str:
    """Return a table of two candidates and their results."""
    columns = [_column(state, position, name) for position in positions]
    labels = [label for label in _TABLE_ROWS if any(label in column for column in columns)]
    return side_by_side(heads, [(label, *(column.get(label, "") for column in columns)) for label in labels], width)


def _column(state: State, position: int, name: str | None) -> dict[str, str]:
    """Return a candidate and its result by row label."""
    step, candidate = state.by_position.get(position), state.candidates[position]
    if step is None:
        return {"cell": candidate.cell.id, "result": "not probed"}
    torch = step.record.torch if step.record else None
    column = {
        "cell": candidate.cell.id,
        "torch": torch.version + (f", commit {torch.git_version[:12]}" if torch.git_version else "") if torch else "",
        "known": f"from {step.same_as}, the same commit" if step.same_as else _SOURCES.get(step.origin, ""),
    }
    result = judging.observed(step.record, name) if name else None
    if result is None or name in step.flaky:
        column["result"] = candidate.problem or judging.describe_step(step, name)
    else:
        column |= _signature_rows(signature_of(result))
    return {label: value for label, value in column.items() if value}


def _signature_rows(signature: Signature) -> dict[str, str]:
    did_not_run = signature.outcome in {"blocked", "skipped"}
    return {
        "outcome": f"{signature.outcome} {signature.message or ''}".rstrip() if did_not_run else signature.outcome,
        "while": "" if signature.good or did_not_run else signature.phase or "",
        "exception": signature.exception or "",
        "message": "" if did_not_run else signature.message or "",
        "warnings": describe_warnings(signature) if signature.warnings else "",
    }


# --- command that reproduces a change -----------------------------------------------------------------------------


def reproduce_command(state: State, finding: Finding) -> str:
    """Return the command line that asks the same question of the two sides of a change."""
    question = state.question
    before, after = (state.candidates[position] for position in _positions(finding))
    words = ["nox", "-s", "bisect", "--", *(["--all"] if question.every_change else [])]
    for option in ("suite", "probes", "project"):
        value = getattr(question, option)
        words += [f"--{option}", value] if value and not value.startswith("project:") else []
    for name in question.observations:
        words += ["--test" if question.test else "--observation", name]
    words += ["--good", before.torch, "--bad", after.torch, "--build", _tested_build(question, finding)]
    words += ["--python", before.python] if before.python == after.python else []
    for name, value in question.env.items():
        words += ["--env", f"{name}={value}"]
    words += [*_option_words(question), *(f"--{flag}" for flag in ("pre", "nightly") if getattr(question, flag))]
    return shlex.join([*words, "--fresh"])


def _tested_build(question: Question, finding: Finding) -> str:
    """Return the build whose wheels were tested: the question's, or the default if that replaced it on both sides."""
    tested = {step.record.wheel.index for step in (finding.before, finding.after) if step.record and step.record.wheel}
    return DEFAULT_BUILD if tested == {DEFAULT_BUILD} else question.build


def _option_words(question: Question) -> Iterable[str]:
    options = {
        "--expect": None if question.test else question.expect,
        "--message": question.message,
        "--exception": question.exception,
        "--command": question.command,
        "--command-timeout": str(question.command_timeout) if question.command_timeout else None,
        "--repeat": str(question.repeat) if question.repeat > 1 else None,
        "--exclude-newer": question.exclude_newer,
        "--third": question.third if question.third != "skip" else None,
    }
    # Option and value in one word, since a value may begin with a dash.
    return [f"{option}={value}" for option, value in options.items() if value]
