"""The content of a qualification's report, the same in every format: alike findings grouped, the worst first. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, Final

from scripts.config.cell import Cell
from scripts.config.policy import Effect, Verdict
from scripts.core.escaping import visible
from scripts.qualify.comparing import import_times
from scripts.qualify.expectations import label
from scripts.qualify.model import CellPair, Finding, PairSummary, Qualification, Sample
from scripts.qualify.verdict import change_key, count

#: Marks that distinguish effects and verdicts without colour.
MARKS: Final[dict[Effect, str]] = {"blocks": "✗", "warns": "!", "expected": "✓", "noted": "·"}
VERDICTS: Final[dict[Verdict, str]] = {
    "qualified": "✓",
    "qualified with warnings": "!",
    "blocked": "✗",
    "inconclusive": "?",
}

#: Packages that belong to torch's CUDA builds; they are only counted.
_CUDA: Final = ("nvidia-", "cuda-", "triton", "pytorch-triton")

_CHANNELS: Final = {"test": "release candidate, ", "nightly": "nightly, ", "wheels": "wheels in "}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Group:
    """One change, with all observations and cells that show it."""

    mark: str
    effect: Effect
    title: str  # category and names
    change: str
    notes: tuple[str, ...]
    link: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """The comparison of one pair of cells."""

    cell: str
    candidate: str  # the tested build and the number of runs
    baseline: str
    same: str
    changed: str
    import_time: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class WheelRow:
    """A tested wheel."""

    side: str
    filename: str
    sha256: str
    commit: str
    cells: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Page:
    """The content of a report."""

    mark: str
    verdict: str
    title: str
    because: tuple[str, ...]
    replay: tuple[str, ...]
    groups: tuple[Group, ...]
    rows: tuple[Row, ...]
    not_compared: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    wheels: tuple[WheelRow, ...]
    identity: tuple[tuple[str, str], ...]
    repeat: str | None  # the command that repeats the qualification


def page(qualification: Qualification, file: str | None) -> Page:
    """Return the report of a qualification, with control characters made visible; ``file`` holds the qualification."""
    data = _made_visible(qualification.model_dump(by_alias=True, exclude_defaults=True))
    qualification = Qualification.model_validate(data)
    results = list(zip(qualification.pairs, qualification.compared, strict=True))
    return Page(
        mark=VERDICTS[qualification.verdict],
        verdict=qualification.verdict,
        title=_title(qualification),
        because=qualification.because,
        replay=_replay(qualification),
        groups=tuple(_groups(qualification)),
        rows=tuple(_row(pair, summary) for pair, summary in results if summary.problem is None),
        not_compared=tuple((pair.id, summary.problem) for pair, summary in results if summary.problem is not None),
        notes=tuple(_notes(qualification, results)),
        wheels=tuple(_wheels(qualification)),
        identity=tuple(_identity(qualification)),
        repeat=f"nox -s qualify -- --replay {file}" if file else None,
    )


def _title(qualification: Qualification) -> str:
    """Return the compared versions; builds are added where the versions are equal."""
    candidate, baseline = qualification.candidate.version, qualification.baseline.version
    if candidate == baseline:
        candidate += " " + "/".join(sorted({Cell.parse(pair.candidate_cell).build for pair in qualification.pairs}))
        baseline += " " + "/".join(sorted({Cell.parse(pair.baseline_cell).build for pair in qualification.pairs}))
    return f"torch {candidate} against {baseline}"


def _made_visible(value: Any) -> Any:
    """Return JSON data with the control characters of its texts made visible."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {_made_visible(key): _made_visible(item) for key, item in value.items()}
    return [_made_visible(item) for item in value] if isinstance(value, list | tuple) else value


def _replay(qualification: Qualification) -> tuple[str, ...]:
    earlier = qualification.replay
    if earlier is None:
        return ()
    result = "stands" if earlier.stands else f"does not stand: it was {earlier.verdict}"
    return (f"Replay of {earlier.file} ({earlier.asked_on}): the verdict {result}.", *earlier.differences)


# --- findings -----------------------------------------------------------------------------------------------------


def _groups(qualification: Qualification) -> Iterator[Group]:
    """Yield the findings grouped by change, the strongest effect first and then in the order of the tests."""
    groups: dict[tuple[Effect, str, str], list[Finding]] = {}
    for finding in qualification.findings:
        if finding.follows is None:
            groups.setdefault(change_key(finding), []).append(finding)
    for effect in MARKS:
        yield from (_group(qualification, members) for key, members in groups.items() if key[0] == effect)


def _group(qualification: Qualification, members: Sequence[Finding]) -> Group:
    first = members[0]
    names = dict.fromkeys(label(finding.name) for finding in members)
    return Group(
        mark=MARKS[first.effect],
        effect=first.effect,
        title=f"{first.category}: {', '.join(names)}",
        change=first.change,
        notes=tuple(_group_notes(qualification, members)),
        link=first.link,
    )


def _group_notes(qualification: Qualification, members: Sequence[Finding]) -> Iterator[str]:
    compared = [summary.pair for summary in qualification.compared if summary.problem is None]
    where = _where(list(dict.fromkeys(finding.pair for finding in members)), compared)
    if scope := where + _confirmation(members, qualification.policy.runs):
        yield scope
    causes = {(finding.pair, finding.name) for finding in members}
    consequences = [label(f.name) for f in qualification.findings if (f.pair, f.follows) in causes]
    if consequences:
        yield f"consequently also: {', '.join(dict.fromkeys(consequences))}"
    yield from dict.fromkeys(finding.attribution for finding in members if finding.attribution)
    yield from dict.fromkeys(finding.reason for finding in members if finding.reason)


def _where(pairs: Sequence[str], compared: Sequence[str]) -> str:
    if pairs == ["matrix.toml"]:
        return ""
    if len(compared) > 1 and set(pairs) == set(compared):
        return f"in all {len(compared)} cells" if len(compared) > 2 else "in both cells"  # noqa: PLR2004
    return f"in {', '.join(pairs)}"


def _confirmation(members: Sequence[Finding], runs: int) -> str:
    """Return how far repeated runs confirm a change; an empty text where that does not apply."""
    if members[0].category == "newly slow to import":
        return "; timed alternately, best of several" if members[0].confirmed else "; from first imports only"
    behaviour = [finding for finding in members if finding.before is not None or finding.after is not None]
    behaviour = [finding for finding in behaviour if finding.category not in {"flaky", "unavailable"}]
    if not behaviour:
        return ""
    if all(finding.confirmed for finding in behaviour):
        return f"; the same in {runs} runs of each side"
    return "; not confirmed by repeated runs"


# --- cells --------------------------------------------------------------------------------------------------------


def _row(pair: CellPair, summary: PairSummary) -> Row:
    times = import_times(pair)
    return Row(
        cell=pair.id,
        candidate=_tested(pair.candidate, pair.python),
        baseline=_tested(pair.baseline, pair.python),
        same=str(summary.same),
        changed=str(summary.changed) if summary.changed else "-",
        import_time=f"{times[1]:.1f} s, was {times[0]:.1f}" if times else "not timed",
    )


def _tested(side: Sequence[Sample], python: str) -> str:
    """Return the tested build, a Python other than the pair's, and the number of runs or the record's origin."""
    cell = side[0].record.cell
    origin = count(len(side), "run") if side[-1].origin == "run" else side[0].origin
    return f"{cell.build}{f' py{cell.python}' if cell.python != python else ''}, {origin}"


def _notes(qualification: Qualification, results: Sequence[tuple[CellPair, PairSummary]]) -> Iterator[str]:
    """Yield remarks, each once, with the pairs they apply to unless those are all that were compared."""
    pairs_of: dict[str, list[str]] = {note: [] for note in qualification.candidate.notes}
    for pair, summary in results:
        for fallback in (sample.fallback for sample in (*pair.candidate, *pair.baseline) if sample.fallback):
            pairs_of.setdefault(fallback, [])
        for note in _pair_notes(pair, summary):
            pairs_of.setdefault(note, []).append(pair.id)
    for effect in qualification.pin_effects:
        note = f"caused by the pin, not by torch: {label(effect.name)}: {effect.change}"
        pairs_of.setdefault(note, []).append(effect.pair)
    compared = {pair.id for pair, summary in results if summary.problem is None}
    for note, pairs in pairs_of.items():
        yield note if not pairs or set(pairs) == compared else f"{', '.join(dict.fromkeys(pairs))}: {note}"


def _pair_notes(pair: CellPair, summary: PairSummary) -> Iterator[str]:
    if summary.problem is None and (builds := _differing_builds(pair)):
        yield builds
    if summary.problem is None and summary.packages:
        yield _packages(summary)
    yield from filter(None, (pair.stands_in, pair.note))


def _differing_builds(pair: CellPair) -> str | None:
    """Return a note where different builds were tested although the same one was requested."""
    candidate, baseline = (side[-1].record.cell.build for side in (pair.candidate, pair.baseline))
    requested = Cell.parse(pair.candidate_cell).build.rpartition(".")[2], Cell.parse(pair.baseline_cell).build
    if candidate == baseline or requested[0] != requested[1]:
        return None
    return f"{candidate} was tested against {baseline}, so the build may be the cause of a change"


def _packages(summary: PairSummary) -> str:
    listed = {name: versions for name, versions in summary.packages.items() if not name.startswith(_CUDA)}
    parts = [f"{name} {before or 'none'} → {after or 'none'}" for name, (before, after) in listed.items()]
    rest = len(summary.packages) - len(listed)
    parts += [f"{count(rest, 'CUDA package')}"] if rest else []
    return f"other packages that differ: {', '.join(parts)}"


# --- identity -----------------------------------------------------------------------------------------------------


def _samples(qualification: Qualification, side: str) -> Iterator[tuple[CellPair, Sample]]:
    for pair in qualification.pairs:
        for sample in pair.candidate if side == "candidate" else pair.baseline:
            yield pair, sample


def _wheels(qualification: Qualification) -> Iterator[WheelRow]:
    """Yield every tested wheel with its cells."""
    for side in ("candidate", "baseline"):
        pairs_of: dict[tuple[str, str, str], dict[str, None]] = {}
        for pair, sample in _samples(qualification, side):
            record = sample.record
            if record.wheel is not None:
                commit = (record.torch.git_version if record.torch else None) or "unknown"
                key = (record.wheel.filename, record.wheel.sha256 or "unknown", commit)
                pairs_of.setdefault(key, {})[pair.id] = None
        for (filename, sha256, commit), pairs in pairs_of.items():
            yield WheelRow(side=side, filename=filename, sha256=sha256, commit=commit, cells=", ".join(pairs))


def _commits(qualification: Qualification, side: str) -> str:
    """Return the commits of the tested wheels, which can differ within a release."""
    torches = (sample.record.torch for _, sample in _samples(qualification, side))
    commits = dict.fromkeys(torch.git_version[:12] for torch in torches if torch and torch.git_version)
    return ", ".join(commits) or "unknown"


def _identity(qualification: Qualification) -> Iterator[tuple[str, str]]:
    for side, torch in (("candidate", qualification.candidate), ("baseline", qualification.baseline)):
        where = f"{_CHANNELS.get(torch.channel, '')}{torch.where}"
        yield side, f"{torch.version}, {where}; commit {_commits(qualification, side)}"
    yield "date", f"{qualification.asked_on}, {qualification.platform}"
    yield "machine", qualification.machine
    yield "tools", ", ".join(f"{name} {version}" for name, version in qualification.tools.items())
    yield "suite", qualification.suite_digest[:16]
    yield "blocks", ", ".join(qualification.policy.block) or "nothing"
    yield "warns", ", ".join(qualification.policy.warn) or "nothing"
    due = [outcome for outcome in qualification.expectations if outcome.status != "not due"]
    if due:
        yield "expected", ", ".join(f"{label(outcome.observation)} ({outcome.status})" for outcome in due)
