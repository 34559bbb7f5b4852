"""One observation over the releases: where it is the same, where it changes, and what can be blamed for it. Pure.

Releases are compared on the same axes (platform, build, Python) only: each with its neighbour, and, where axes were
not run on a release in between, with the next that they were run on. A change that is seen so is torch's. Where
neighbours share no axes, a change is *confounded*, and the cell that would settle it is named.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

from scripts.history.observed import Axes, Gap, Seen, missing, observed
from scripts.matrix import cells
from scripts.matrix.cells import Cell
from scripts.results.records import Record
from scripts.results.signature import Class, Signature, classify, differences, signatures

__all__ = ["Axes", "ChangePoint", "Disagreement", "Gap", "Interval", "Seen", "Timeline", "timelines"]


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
    across: bool = False  # releases in between were run, but not on these axes

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
        _timeline(name, platform, seen, missing(group, seen, known), exists)
        for platform, group in sorted(by_platform.items())
        for name, seen in observed(group, read).items()
    ]


def _timeline(
    name: str, platform: str, seen: Mapping[str, Seen], gaps: tuple[Gap, ...], exists: Callable[[Cell], bool]
) -> Timeline:
    changes = [
        change
        for before, after in pairwise(seen)
        for change in _changes(_Step(name=name, platform=platform, before=before, after=after), seen, gaps, exists)
    ]
    changes += _across(name, platform, seen, gaps, changes)
    return Timeline(
        name=name,
        platform=platform,
        intervals=tuple(_intervals(seen)),
        gaps=gaps,
        changes=tuple(sorted(changes, key=lambda change: cells.version(change.after))),
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


def _across(
    name: str, platform: str, seen: Mapping[str, Seen], gaps: Sequence[Gap], told: Sequence[ChangePoint]
) -> list[ChangePoint]:
    """Changes on axes that were not run on the releases in between, unless changes between neighbours explain them."""
    releases = list(seen)
    ways: dict[tuple[str, str, Signature, Signature], list[Axes]] = {}
    for axes in dict.fromkeys(axes for by_axes in seen.values() for axes in by_axes):
        run_on = [release for release in releases if axes in seen[release]]
        for before, after in pairwise(run_on):
            old, new = seen[before][axes], seen[after][axes]
            if old != new and not _explained(old, new, _between(told, before, after)):
                ways.setdefault((before, after, old, new), []).append(axes)
    unseen = [gap.release for gap in gaps]
    found = []
    for (before, after, old, new), on in ways.items():
        change = _Step(name=name, platform=platform, before=before, after=after).change(old, new, on, gaps)
        low, high = cells.version(before), cells.version(after)
        suspects = [one for one in (*unseen, *releases) if low < cells.version(one) <= high]
        found.append(dataclasses.replace(change, suspects=tuple(sorted(suspects, key=cells.version)), across=True))
    return found


def _between(changes: Iterable[ChangePoint], before: str, after: str) -> list[ChangePoint]:
    """The changes of torch that lie between two releases, in order."""
    low, high = cells.version(before), cells.version(after)
    return [
        one
        for one in changes
        if not one.confounded and low <= cells.version(one.before) and cells.version(one.after) <= high
    ]


def _explained(old: Signature, new: Signature, changes: Iterable[ChangePoint]) -> bool:
    """Whether changes, one after the other, lead from one signature to another."""
    reached = {old}
    for change in changes:
        if change.old in reached:
            reached.add(change.new)
    return new in reached


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
    # By the build of the axes, not the wheel's own: `cu102` of the default index is asked for as `default`.
    settle = (
        Cell(torch=release, build=axes.build, python=axes.python)
        for release, axes in ((step.after, old), (step.before, new))
    )
    ids = tuple(cell.id for cell in settle if exists(cell))
    return [dataclasses.replace(change, confounded=_differing(old, new), settle=ids)]


def _differing(old: Axes, new: Axes) -> tuple[str, ...]:
    sides = {"build": (old.build, new.build), "Python": (old.python, new.python)}
    return tuple(name for name, (a, b) in sides.items() if a != b)
