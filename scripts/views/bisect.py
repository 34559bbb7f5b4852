"""How a bisection's end is shown to people: as text for a terminal, and as Markdown to paste into an issue. Pure."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Final

from scripts.bisect import judging, reproducing
from scripts.bisect.bisection import Bridge, Finding, Outcome
from scripts.bisect.search import Answer, Change
from scripts.bisect.state import Question, State, Step
from scripts.core.text_layout import Rows, code, fenced, indented, labelled
from scripts.core.texts import visible
from scripts.records.signature import Signature, describe_change
from scripts.views import evidence as evidence_views
from scripts.views.bisect_sides import sides

#: Columns of text within Markdown, which GitHub shows without scrolling.
MARKDOWN_WIDTH: Final = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """One place of a change: what is said of it, and the diffs that explain it."""

    heading: str | None = None
    table: str | None = None
    rows: Rows
    outputs: Sequence[tuple[str, str]] = ()  # what a command printed last, each below a heading
    diffs: Sequence[str] = ()


def text(outcome: Outcome, width: int) -> str:
    """Everything, in so many columns."""
    blocks = [title(outcome)]
    for part in parts(outcome, width):
        blocks += [part.heading] if part.heading else []
        blocks += [part.table] if part.table else []
        for heading, output in part.outputs:
            blocks += [f"{heading}:", indented(output)]
        blocks += [labelled(part.rows, width)] if part.rows else []
        blocks += [indented(diff) for diff in part.diffs]
    return "\n\n".join([*blocks, labelled(tail(outcome), width)]) + "\n"


def markdown(outcome: Outcome) -> str:
    """Everything, to paste into an issue. What was recorded stands in code blocks, where it can't be markup."""
    blocks = [f"### {title(outcome, code)}"]
    for part in parts(outcome, MARKDOWN_WIDTH):
        rows = [row for row in part.rows if row[0] not in {"commits", "reproduce"}]
        told = dict(part.rows)
        blocks += [f"#### torch {part.heading}"] if part.heading else []
        blocks += [fenced("\n\n".join(filter(None, [part.table, labelled(rows, MARKDOWN_WIDTH)])))]
        for heading, output in part.outputs:
            blocks += [f"{heading}:", fenced(output)]
        blocks += [f"Commits: {link}" for link in [told.get("commits", "")] if link.startswith("https://")]
        blocks += [fenced(diff, "diff") for diff in part.diffs]
        blocks += [fenced(told["reproduce"], "sh")] if "reproduce" in told else []
    return "\n\n".join([*blocks, fenced(labelled(tail(outcome), MARKDOWN_WIDTH))]) + "\n"


def title(outcome: Outcome, quoted: Callable[[str], str] = str) -> str:
    """What was found, in one line."""
    question = outcome.question
    if outcome.wrong_ends:
        return "Nothing to search: " + _about_ends(outcome)
    if question.every_change:
        number, places = len(outcome.findings), len({finding.change for finding in outcome.findings})
        of = f" of {quoted(', '.join(question.observations))}" if question.observations else ""
        return f"{_count(number, 'change')}{of}" + (f", at {_count(places, 'place')}" if number > 1 else "")
    change = outcome.findings[0].change
    what = quoted(question.command or question.observations[0])
    names = _torch(outcome.state, change.before), _torch(outcome.state, change.after)
    return f"{what} changed between torch {names[0]} and {names[1]}"


def parts(outcome: Outcome, width: int) -> list[Part]:
    """What there is to say of every place of a change, or of the ends where there is none."""
    if outcome.wrong_ends:
        name = outcome.question.observations[0] if outcome.question.observations else None
        ends = (0, len(outcome.state.candidates) - 1)
        table = sides(outcome.state, ("good end", "bad end"), ends, name, width)
        return [Part(table=table, rows=(), outputs=_outputs(outcome.state, ends))]
    if outcome.question.every_change:
        places = groupby(sorted(outcome.findings, key=_place), key=lambda finding: finding.change)
        return [_many(outcome, change, list(findings)) for change, findings in places]
    return [_one(outcome, finding, width) for finding in outcome.findings]


def _place(finding: Finding) -> tuple[int, int]:
    return finding.change.before, finding.change.after


def _one(outcome: Outcome, finding: Finding, width: int) -> Part:
    """The change of one observation, both sides beside each other."""
    places = finding.change.before, finding.change.after
    return Part(
        table=sides(outcome.state, ("last good", "first bad"), places, finding.observation, width),
        rows=[
            *_doubts(outcome, finding),
            *_commits(finding),
            *evidence_views.rows(finding.evidence),
            ("reproduce", reproducing.command(outcome.state, finding)),
        ],
        outputs=_outputs(outcome.state, places),
        diffs=evidence_views.diffs(finding.evidence),
    )


def _outputs(state: State, places: Iterable[int]) -> list[tuple[str, str]]:
    """What a command printed last, of each place."""
    steps = [step for place in places if (step := state.by_place.get(place)) is not None]
    return [
        (f"The command's last output with {_torch(state, step.place)}", visible(step.output))
        for step in steps
        if step.output
    ]


def _many(outcome: Outcome, change: Change, findings: Sequence[Finding]) -> Part:
    """All observations that changed at one place."""
    first, state = findings[0], outcome.state
    rows = [(str(finding.observation), _became(finding)) for finding in findings]
    evidence: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        # Other files that changed are about the same for all; the JSON has them.
        for row in (row for row in evidence_views.rows(finding.evidence) if row[0] != "changed"):
            evidence.setdefault(row, []).append(str(finding.observation))
    told = [
        (label, value if len(names) == len(findings) else f"{value} [{', '.join(names)}]")
        for (label, value), names in evidence.items()
    ]
    doubts = dict.fromkeys(row for finding in findings for row in _doubts(outcome, finding))
    return Part(
        heading=f"{_torch(state, change.before)} → {_torch(state, change.after)}",
        rows=[*rows, *doubts, *_commits(first), *told, ("reproduce", reproducing.command(state, first))],
        diffs=evidence_views.diffs(*(finding.evidence for finding in findings)),
    )


def _became(finding: Finding) -> str:
    """What an observation was, and what it became."""
    name = finding.observation or ""
    old, new = (judging.shown(step, name) for step in (finding.before, finding.after))
    if isinstance(old, Signature) and isinstance(new, Signature):
        return describe_change(old, new)
    return f"{judging.in_words(finding.before, name)} → {judging.in_words(finding.after, name)}"


def _doubts(outcome: Outcome, finding: Finding) -> list[tuple[str, str]]:
    """What may be the cause other than torch's commits between, and what remains undecided."""
    rows = []
    if not finding.change.certain:
        suspects = [_torch(outcome.state, place) for place in finding.change.suspects]
        rows.append(("undecided", f"all between was skipped; the first can be any of {', '.join(suspects)}"))
    pythons = [outcome.state.candidates[place].python for place in (finding.change.before, finding.change.after)]
    if finding.bridge is not None:
        rows.append(("python", _bridge(finding.bridge)))
    elif len(set(pythons)) > 1:
        what = f"the sides ran on Python {' and '.join(pythons)}, and no wheel bridges them"
        rows.append(("python", f"{what}: Python may be the cause"))
    builds = [step.record.cell.build for step in (finding.before, finding.after) if step.record]
    return [*rows, *([("build", f"the sides are {' and '.join(builds)}")] if len(set(builds)) > 1 else [])]


def _bridge(bridge: Bridge) -> str:
    on = f"{bridge.candidate.torch} on Python {bridge.candidate.python}"
    if bridge.proves is None:
        return f"{on} shows nothing that can be relied on: Python may be the cause"
    return f"{on} shows the same: the change is torch's" if bridge.proves else f"{on} differs: Python is a cause"


def _commits(finding: Finding) -> list[tuple[str, str]]:
    return [("commits", finding.compare or "not told by both wheels")]


def tail(outcome: Outcome) -> list[tuple[str, str]]:
    """What was asked, what was met on the way, and what it took."""
    question, state = outcome.question, outcome.state
    rows = [("searched", _asked(question)), ("among", _where(outcome))]
    rows += [("compared", compared)] if (compared := _compared(outcome)) else []
    for other in outcome.others:
        names = _torch(state, other.change.before), _torch(state, other.change.after)
        rows.append(("also", f"it changes between {names[0]} and {names[1]} too; --all finds every change"))
    name = question.observations[0] if question.observations else None
    for steps, words in _runs(outcome.third, lambda step: judging.in_words(step, name)):
        rows.append(("third", f"{_spanned(state, steps)} neither: {words}; counted as {question.third}"))
    for steps, words in _runs(not_known(outcome), lambda step: _skipped(outcome, step)):
        rows.append(("skipped", f"{_spanned(state, steps)}: {words}"))
    rows += [("certainty", _guarantee(question))] if question.every_change else []
    origins = Counter(step.origin for step in state.steps)
    took = ", ".join(f"{number} {origin}" for origin, number in sorted(origins.items()))
    return [*rows, ("probed", f"{len(state.steps)} of {len(state.candidates)} candidates: {took}")]


def _runs(steps: Iterable[Step], words: Callable[[Step], str]) -> list[tuple[list[Step], str]]:
    """Neighbours of which the same is to be said, together."""
    return [(list(group), said) for said, group in groupby(steps, key=words)]


def _spanned(state: State, steps: Sequence[Step]) -> str:
    first = _torch(state, steps[0].place)
    return first if len(steps) == 1 else f"{first} to {_torch(state, steps[-1].place)} ({len(steps)} candidates)"


def _about_ends(outcome: Outcome) -> str:
    """What is wrong with the ends."""
    ends, question = outcome.wrong_ends, outcome.question
    if ends is None or Answer.SKIP in {ends.first, ends.last}:
        return "an end shows nothing that can be relied on"
    if Answer.THIRD in {ends.first, ends.last}:
        return "the command timed out at an end; give it more --command-timeout, or let it count with --third"
    if ends.first is not ends.last:
        return "the good end is bad and the bad end good"
    if question.command:
        return f"the command calls both ends {ends.first.value}"
    if question.compares:
        return "both ends show the same"
    name, steps = question.observations[0], outcome.state.by_place
    fit = judging.fitting(question, steps[0], name)
    return "both ends show what was told" if fit else "neither end shows what was told"


def _asked(question: Question) -> str:
    what = ", ".join(question.observations) or (f"command {question.command!r}" if question.command else "everything")
    told = [f"{name} {value!r}" for name in ("expect", "message", "exception") if (value := getattr(question, name))]
    repeat = [f"{question.repeat} times each"] if question.repeat > 1 else []
    return "; ".join([what, *told, f"good {question.good}, bad {question.bad}", *repeat])


def _where(outcome: Outcome) -> str:
    question = outcome.question
    channel = ", nightlies" if question.nightly else ", with the test channel" if question.pre else ""
    number = len(outcome.state.candidates)
    return f"{number} candidates, build {question.build}, {question.platform}{channel}"


def _compared(outcome: Outcome) -> str | None:
    """That warnings were left out, where they were."""
    question, steps = outcome.question, outcome.state.by_place
    ends = [steps.get(place) for place in (0, len(outcome.state.candidates) - 1)]
    if question.every_change or not question.compares or None in ends:
        return None
    one, other = (judging.shown(end, question.observations[0]) for end in ends if end)
    return None if judging.warnings_count(one, other) else "not the warnings, since the ends differ in more; --all does"


def _guarantee(question: Question) -> str:
    if question.grain == 1:
        return "every candidate was probed, so every change is told"
    return (
        f"a behaviour that lasted fewer than {question.grain} candidates, between others that are alike, may not have "
        "been seen; --grain 1 probes all"
    )


def not_known(outcome: Outcome) -> list[Step]:
    """Steps that say nothing, of what could have been run."""
    question = outcome.question
    steps = sorted(outcome.state.steps, key=lambda step: step.place)
    if question.command:
        return [
            step for step in steps if step.flaky or (step.exit_code in {None, judging.SKIP_CODE} and not step.timed_out)
        ]
    return [step for step in steps if step.flaky or not _says_something(question, step)]


def _says_something(question: Question, step: Step) -> bool:
    if not question.observations:
        return step.record is not None and step.record.usable
    return any(judging.seen(step.record, name) is not None for name in question.observations)


def _skipped(outcome: Outcome, step: Step) -> str:
    names = outcome.question.observations
    problem = outcome.state.candidates[step.place].problem
    if step.flaky and len(names) != 1 and not outcome.question.command:
        return f"flaky in {', '.join(step.flaky)}"
    return problem or judging.in_words(step, names[0] if names else None)


def _torch(state: State, place: int) -> str:
    return state.candidates[place].torch


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
