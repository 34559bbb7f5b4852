"""One observation over the releases: where it is the same, where it changes, and what can be blamed for it. Pure.

Releases are compared with their neighbours on the same axes (platform, build, Python) only. A change that is seen
so is torch's. Where no axes are shared, a change is *confounded*, and the cell that would settle it is named.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, Self

from scripts import cells
from scripts.cells import DEFAULT_BUILD, Cell
from scripts.records import Record
from scripts.signature import Class, Signature, classify, differences, signatures

#: Signatures that say that nothing was observed.
_NOTHING: Final = frozenset({"skipped"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Axes:
    """What a release is tested on: all that could be blamed instead of torch.

    The CUDA wheels of the default index count as one build, ``default``: what ``pip install torch`` gives. Their
    CUDA version follows the release, so no two releases far apart could be compared otherwise.
    """

    platform: str
    build: str
    python: str
    tested: str = dataclasses.field(default="", compare=False)  # the wheel's own build, such as cu117

    @classmethod
    def of(cls, record: Record) -> Self:
        """The axes of a record, by what was really tested."""
        key = record.cell
        from_default = record.wheel is not None and record.wheel.index == DEFAULT_BUILD
        build = DEFAULT_BUILD if from_default and key.build.startswith("cu") else key.build
        return cls(platform=key.platform, build=build, python=key.python, tested=key.build)

    @property
    def sort_key(self) -> tuple[str, str, tuple[int, int, bool]]:
        """By platform, build, Python."""
        return self.platform, self.build, cells.python_key(self.python)

    def __str__(self) -> str:
        return f"{self.build} on Python {self.python}"


#: What was seen of one observation, on one platform, in one release: on each axes its signature.
Seen = Mapping[Axes, Signature]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Interval:
    """Neighbouring releases that behave alike."""

    releases: tuple[str, ...]
    seen: tuple[Signature, ...]  # more than one where axes disagree

    @property
    def first(self) -> str:
        """The first release of the interval."""
        return self.releases[0]

    @property
    def last(self) -> str:
        """The last release of the interval."""
        return self.releases[-1]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gap:
    """A release of which nothing is known, and why."""

    release: str
    why: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChangePoint:
    """Two neighbouring releases with different signatures."""

    name: str
    platform: str
    before: str
    after: str
    old: Signature
    new: Signature
    on: tuple[Axes, ...]  # the axes that show it; for a confounded one, those of the release after
    suspects: tuple[str, ...]  # releases that may be the first of the new behaviour; `after` is the last of them
    confounded: tuple[str, ...] = ()  # axes that change as well: "build", "Python"
    settle: tuple[str, ...] = ()  # ids of cells any of which would settle what is confounded

    @property
    def kind(self) -> Class:
        """What the change means."""
        return classify(self.old, self.new)

    @property
    def aspects(self) -> tuple[str, ...]:
        """What changed."""
        return differences(self.old, self.new)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Disagreement:
    """A release that behaves differently on different axes, which is a finding by itself."""

    name: str
    platform: str
    release: str
    sides: tuple[tuple[Signature, tuple[Axes, ...]], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timeline:
    """One observation, or one test's verdict, on one platform over the releases."""

    name: str
    platform: str
    intervals: tuple[Interval, ...]
    gaps: tuple[Gap, ...]
    changes: tuple[ChangePoint, ...]
    disagreements: tuple[Disagreement, ...]

    @property
    def axes_alike(self) -> bool:
        """Whether all axes agree in every release."""
        return not self.disagreements


def timelines(
    records: Iterable[Record],
    *,
    known: Sequence[str] = (),
    exists: Callable[[Cell], bool] = lambda _: True,
    read: Callable[[Record], Mapping[str, Signature]] = signatures,
) -> list[Timeline]:
    """The timelines of everything that was observed, by platform and in the records' own order.

    Args:
        records: in any order, one a cell.
        known: all releases that there are; those without a record are gaps, and suspects at a change.
        exists: whether upstream published a cell's wheel; a cell that would settle something must exist.
        read: the signatures of a record, for callers that have them already.
    """
    by_platform: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_platform[record.cell.platform].append(record)
    return [
        _timeline(name, platform, seen, _missing(group, seen, known), exists)
        for platform, group in sorted(by_platform.items())
        for name, seen in _observed(group, read).items()
    ]


def _observed(
    records: Iterable[Record], read: Callable[[Record], Mapping[str, Signature]]
) -> dict[str, dict[str, dict[Axes, Signature]]]:
    """By name, then release, then axes. Cells that didn't run have nothing to show."""
    found: dict[str, dict[str, dict[Axes, Signature]]] = {}
    for record in sorted(records, key=lambda record: record.cell.cell.sort_key):
        axes = Axes.of(record)
        for name, seen in read(record).items() if record.usable else ():
            if seen.outcome not in _NOTHING:
                found.setdefault(name, {}).setdefault(record.cell.torch, {})[axes] = seen
    return found


def _missing(records: Iterable[Record], seen: Mapping[str, Seen], known: Sequence[str]) -> tuple[Gap, ...]:
    """The releases of which a timeline knows nothing, each with the reason that the records give."""
    why = dict.fromkeys(known, "not recorded")
    for record in records:
        if record.usable:
            why.setdefault(record.cell.torch, "not recorded")
            if record.cell.torch not in seen:
                why[record.cell.torch] = "not observed"
        elif record.reason is not None:
            why[record.cell.torch] = f"{record.status}: {record.reason.kind}"
    gaps = [release for release in why if release not in seen]
    return tuple(Gap(release=release, why=why[release]) for release in sorted(gaps, key=cells.version))


def _timeline(
    name: str, platform: str, seen: Mapping[str, Seen], gaps: tuple[Gap, ...], exists: Callable[[Cell], bool]
) -> Timeline:
    changes = tuple(
        change
        for before, after in pairwise(seen)
        for change in _changes(_Step(name=name, platform=platform, before=before, after=after), seen, gaps, exists)
    )
    return Timeline(
        name=name,
        platform=platform,
        intervals=tuple(_intervals(seen)),
        gaps=gaps,
        changes=changes,
        disagreements=tuple(
            Disagreement(name=name, platform=platform, release=release, sides=_sides(by_axes))
            for release, by_axes in seen.items()
            if len(set(by_axes.values())) > 1
        ),
    )


def _sides(seen: Seen) -> tuple[tuple[Signature, tuple[Axes, ...]], ...]:
    """The different signatures of one release, each with the axes that show it."""
    sides: dict[Signature, list[Axes]] = {}
    for axes, shown in sorted(seen.items(), key=lambda item: item[0].sort_key):
        sides.setdefault(shown, []).append(axes)
    return tuple((shown, tuple(axes)) for shown, axes in sides.items())


def _intervals(seen: Mapping[str, Seen]) -> list[Interval]:
    intervals: list[Interval] = []
    for release, by_axes in seen.items():
        shown = tuple(signature for signature, _ in _sides(by_axes))
        if intervals and set(intervals[-1].seen) == set(shown):
            intervals[-1] = dataclasses.replace(intervals[-1], releases=(*intervals[-1].releases, release))
        else:
            intervals.append(Interval(releases=(release,), seen=shown))
    return intervals


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Step:
    """From one release that is known to the next."""

    name: str
    platform: str
    before: str
    after: str

    def change(self, old: Signature, new: Signature, on: Iterable[Axes], gaps: Iterable[Gap]) -> ChangePoint:
        low, high = cells.version(self.before), cells.version(self.after)
        between = [gap.release for gap in gaps if low < cells.version(gap.release) < high]
        return ChangePoint(
            name=self.name,
            platform=self.platform,
            before=self.before,
            after=self.after,
            old=old,
            new=new,
            on=tuple(sorted(on, key=lambda axes: axes.sort_key)),
            suspects=(*between, self.after),
        )


def _changes(
    step: _Step, seen: Mapping[str, Seen], gaps: Sequence[Gap], exists: Callable[[Cell], bool]
) -> list[ChangePoint]:
    """The change points between two neighbours: one for each way in which axes that both have changed."""
    before, after = seen[step.before], seen[step.after]
    shared = before.keys() & after.keys()
    if not shared:
        return _confounded(step, seen, gaps, exists)
    ways: dict[tuple[Signature, Signature], list[Axes]] = {}
    for axes in sorted(shared, key=lambda axes: axes.sort_key):
        if before[axes] != after[axes]:
            ways.setdefault((before[axes], after[axes]), []).append(axes)
    return [step.change(old, new, on, gaps) for (old, new), on in ways.items()]


def _confounded(
    step: _Step, seen: Mapping[str, Seen], gaps: Sequence[Gap], exists: Callable[[Cell], bool]
) -> list[ChangePoint]:
    """A change between two releases that share no axes: another axis changes as well, and may be the cause.

    The axes that are nearest to each other are compared. Where these, or any other, behave alike, nothing that
    could be called a change was seen; how axes differ within a release is told as a disagreement.
    """
    before, after = seen[step.before], seen[step.after]
    if set(before.values()) & set(after.values()):
        return []
    pairs = [(old, new) for old in before for new in after]
    old, new = min(pairs, key=lambda pair: (len(_differing(*pair)), pair[0].sort_key, pair[1].sort_key))
    change = step.change(before[old], after[new], [new], gaps)
    settle = (
        Cell(torch=release, build=axes.tested, python=axes.python)
        for release, axes in ((step.after, old), (step.before, new))
    )
    ids = tuple(cell.id for cell in settle if exists(cell))
    return [dataclasses.replace(change, confounded=_differing(old, new), settle=ids)]


def _differing(old: Axes, new: Axes) -> tuple[str, ...]:
    sides = {"build": (old.build, new.build), "Python": (old.python, new.python)}
    return tuple(name for name, (a, b) in sides.items() if a != b)
