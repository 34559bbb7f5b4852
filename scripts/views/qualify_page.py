"""A qualification as people read it: what is alike said once, the worst first. Pure; every format shows this."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Final

from scripts.config.policy import Effect, Verdict
from scripts.matrix.cells import Cell
from scripts.qualify.comparing import import_times
from scripts.qualify.expectations import label
from scripts.qualify.model import Compared, Finding, Lane, Qualification, Seen
from scripts.qualify.verdict import alike, count
from scripts.texts import visible

#: The marks can be read without colour.
MARKS: Final[dict[Effect, str]] = {"blocks": "✗", "warns": "!", "expected": "✓", "noted": "·"}
VERDICTS: Final[dict[Verdict, str]] = {
    "qualified": "✓",
    "qualified with warnings": "!",
    "blocked": "✗",
    "inconclusive": "?",
}

#: Packages that come and go with torch's own builds; people needn't read each.
_CUDA: Final = ("nvidia-", "cuda-", "triton", "pytorch-triton")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Group:
    """One change, however many observations and cells show it."""

    mark: str
    effect: Effect
    title: str  # what it is, and of what
    change: str
    notes: tuple[str, ...]
    link: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One cell, and how it came out."""

    cell: str
    candidate: str  # what was tested
    baseline: str
    same: str
    changed: str
    import_time: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class WheelRow:
    """One wheel that was tested."""

    side: str
    filename: str
    sha256: str
    commit: str
    cells: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Page:
    """Everything that is shown."""

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
    again: str | None


def page(one: Qualification, file: str | None) -> Page:
    """The page of a qualification; ``file`` is where its artefact is kept. No text in it hides anything."""
    one = Qualification.model_validate(_made_visible(one.model_dump(by_alias=True, exclude_defaults=True)))
    pairs = list(zip(one.lanes, one.compared, strict=True))
    return Page(
        mark=VERDICTS[one.verdict],
        verdict=one.verdict,
        title=_title(one),
        because=one.because,
        replay=_replay(one),
        groups=tuple(_groups(one)),
        rows=tuple(_row(lane, how) for lane, how in pairs if how.problem is None),
        not_compared=tuple(_not_compared(pairs)),
        notes=tuple(_notes(one, pairs)),
        wheels=tuple(_wheels(one)),
        identity=tuple(_identity(one)),
        again=f"nox -s qualify -- --replay {file}" if file else None,
    )


def _title(one: Qualification) -> str:
    """What is compared; two builds of one release by the builds too."""
    versions = [one.candidate.version, one.baseline.version]
    if versions[0] == versions[1]:
        builds = [sorted({Cell.parse(name).build for name in names}) for names in _asked(one)]
        versions = [f"{version} {'/'.join(found)}" for version, found in zip(versions, builds, strict=True)]
    return f"torch {versions[0]} against {versions[1]}"


def _asked(one: Qualification) -> list[list[str]]:
    return [[lane.candidate_cell for lane in one.lanes], [lane.baseline_cell for lane in one.lanes]]


def _made_visible(value: Any) -> Any:
    """A value of JSON whose texts have no control characters that a terminal or a page would obey."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {_made_visible(key): _made_visible(one) for key, one in value.items()}
    return [_made_visible(one) for one in value] if isinstance(value, list | tuple) else value


def _replay(one: Qualification) -> tuple[str, ...]:
    if one.replay is None:
        return ()
    before = one.replay
    stands = "stands" if before.stands else f"does not stand: it was {before.verdict}"
    return (f"Replay of {before.file} ({before.asked_on}): the verdict {stands}.", *before.differences)


# --- findings ---------------------------------------------------------------------------------------------------


def _groups(one: Qualification) -> Iterable[Group]:
    """The findings, alike ones together, the worst effect first and in the order of the probes."""
    groups: dict[tuple[Effect, str, str], list[Finding]] = {}
    for finding in one.findings:
        if finding.follows is None:
            groups.setdefault(alike(finding), []).append(finding)
    for effect in MARKS:
        yield from (_group(one, members) for (found, _, _), members in groups.items() if found == effect)


def _group(one: Qualification, members: Sequence[Finding]) -> Group:
    first = members[0]
    total = [how.lane for how in one.compared if how.problem is None]
    names = list(dict.fromkeys(label(finding.name) for finding in members))
    lanes = list(dict.fromkeys(finding.lane for finding in members))
    roots = {(finding.lane, finding.name) for finding in members}
    followers = [label(f.name) for f in one.findings if (f.lane, f.follows) in roots]
    notes = [_where(lanes, total) + _confirmed(members, one.policy.runs)]
    notes += [f"so also: {', '.join(dict.fromkeys(followers))}"] if followers else []
    notes += list(dict.fromkeys(finding.attribution for finding in members if finding.attribution))
    notes += list(dict.fromkeys(finding.reason for finding in members if finding.reason))
    return Group(
        mark=MARKS[first.effect],
        effect=first.effect,
        title=f"{first.category}: {', '.join(names)}",
        change=first.change,
        notes=tuple(note for note in notes if note),
        link=first.link,
    )


def _where(lanes: Sequence[str], total: Sequence[str]) -> str:
    if lanes == ["matrix.toml"]:
        return ""
    if len(total) > 1 and set(lanes) == set(total):
        return f"in all {len(total)} cells" if len(total) > 2 else "in both cells"  # noqa: PLR2004
    return f"in {', '.join(lanes)}"


def _confirmed(members: Sequence[Finding], runs: int) -> str:
    """What is to be said of repeated runs; of what isn't about behaviour, nothing."""
    if members[0].category == "newly slow to import":
        return "; timed in turn, the best of several" if members[0].confirmed else "; by the first imports alone"
    about = [f for f in members if f.before is not None or f.after is not None]
    about = [f for f in about if f.category not in {"flaky", "unavailable"}]
    if not about:
        return ""
    if all(finding.confirmed for finding in about):
        return f"; the same in {runs} runs of each side"
    return "; not confirmed by running it again"


# --- cells ------------------------------------------------------------------------------------------------------


def _row(lane: Lane, how: Compared) -> Row:
    times = import_times(lane)
    return Row(
        cell=how.lane,
        candidate=_tested(lane.candidate, lane.python),
        baseline=_tested(lane.baseline, lane.python),
        same=str(how.same),
        changed=str(how.changed) if how.changed else "-",
        import_time=f"{times[1]:.1f} s, was {times[0]:.1f}" if times else "not timed",
    )


def _tested(side: Sequence[Seen], python: str) -> str:
    """The build that was really tested, with a Python that isn't the lane's, and how often or from where."""
    cell = side[0].record.cell
    origin = count(len(side), "run") if side[-1].origin == "run" else side[0].origin
    return f"{cell.build}{f' py{cell.python}' if cell.python != python else ''}, {origin}"


def _not_compared(pairs: Iterable[tuple[Lane, Compared]]) -> Iterable[tuple[str, str]]:
    for lane, how in pairs:
        if how.problem is not None:
            yield lane.id, how.problem


def _notes(one: Qualification, pairs: Sequence[tuple[Lane, Compared]]) -> Iterable[str]:
    """What a reader should know besides, each once."""
    found: dict[str, list[str]] = {}
    for note in one.candidate.notes:
        found.setdefault(note, [])
    for lane, how in pairs:
        for seen in (*lane.candidate, *lane.baseline):
            if seen.fallback:
                found.setdefault(seen.fallback, [])
        if how.problem is None and (builds := _other_build(lane)):
            found.setdefault(builds, []).append(lane.id)
        if how.problem is None and how.packages:
            found.setdefault(_packages(how), []).append(lane.id)
        for text in filter(None, (lane.stands_in, lane.note)):
            found.setdefault(text, []).append(lane.id)
    for effect in one.pin_effects:
        found.setdefault(f"the pin's doing, not torch's: {label(effect.name)}: {effect.change}", []).append(effect.lane)
    lanes = {lane.id for lane, how in pairs if how.problem is None}
    for text, where in found.items():
        yield text if not where or set(where) == lanes else f"{', '.join(dict.fromkeys(where))}: {text}"


def _other_build(lane: Lane) -> str | None:
    """That different builds were tested, where the same one was asked for: the change can be of the build then."""
    tested = [side[-1].record.cell.build for side in (lane.candidate, lane.baseline)]
    asked = Cell.parse(lane.candidate_cell).build, Cell.parse(lane.baseline_cell).build
    if tested[0] == tested[1] or asked[0].rpartition(".")[2] != asked[1]:
        return None
    return f"{tested[0]} was tested against {tested[1]}, so that a change can be of the build too"


def _packages(how: Compared) -> str:
    own = {name: pair for name, pair in how.packages.items() if not name.startswith(_CUDA)}
    said = [f"{name} {before or 'none'} → {after or 'none'}" for name, (before, after) in own.items()]
    rest = len(how.packages) - len(own)
    said += [count(rest, "package") + " of CUDA"] if rest else []
    return f"other packages that differ: {', '.join(said)}"


# --- identity ---------------------------------------------------------------------------------------------------


def _wheels(one: Qualification) -> Iterable[WheelRow]:
    """Every wheel that was tested, with the cells that it was tested in."""
    for name in ("candidate", "baseline"):
        found: dict[tuple[str, str, str], list[str]] = {}
        for lane in one.lanes:
            for seen in lane.candidate if name == "candidate" else lane.baseline:
                record = seen.record
                if record.wheel is not None:
                    commit = (record.torch.git_version if record.torch else None) or "not told"
                    key = (record.wheel.filename, record.wheel.sha256 or "not told", commit)
                    found.setdefault(key, []).append(lane.id)
        for (filename, sha256, commit), lanes in found.items():
            cells = ", ".join(dict.fromkeys(lanes))
            yield WheelRow(side=name, filename=filename, sha256=sha256, commit=commit, cells=cells)


def _commits(one: Qualification, side: int) -> list[str]:
    """The commits of what was tested; the wheels of one release can differ in theirs."""
    runs = [seen for lane in one.lanes for seen in (lane.candidate, lane.baseline)[side]]
    found = (seen.record.torch.git_version for seen in runs if seen.record.torch)
    return list(dict.fromkeys(commit[:12] for commit in found if commit))


def _identity(one: Qualification) -> Iterable[tuple[str, str]]:
    where = {"release": "", "test": "release candidate, ", "nightly": "nightly, ", "index": "", "wheels": "wheels in "}
    sides = (("candidate", one.candidate, 0), ("baseline", one.baseline, 1))
    for name, tested, side in sides:
        commits = ", ".join(_commits(one, side)) or "not told"
        yield name, f"{tested.version}, {where[tested.channel]}{tested.where}; commit {commits}"
    yield "asked on", f"{one.asked_on}, {one.platform}"
    yield "machine", one.machine
    yield "tools", ", ".join(f"{name} {version}" for name, version in one.tools.items())
    yield "probes", one.probes[:16]
    policy = one.policy
    yield "blocks", ", ".join(policy.block) or "nothing"
    yield "warns", ", ".join(policy.warn) or "nothing"
    expected = [f"{label(e.observation)} ({e.status})" for e in one.expectations if e.status != "not due"]
    if expected:
        yield "expected", ", ".join(expected)
