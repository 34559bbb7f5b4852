"""Change points: where a series changes, and what may be the cause. Pure.

Releases are compared on equal axes (build and Python): each with its neighbour and, where the axes were not run on a
release in between, with the next that they were run on. Such a change is torch's. Where neighbours share no axes,
a change is *confounded*, and the cells that would show its cause are named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from scripts.config import versions
from scripts.config.cell import Cell
from scripts.history.report import RELEASE_NOTES, ChangePoint, confounding, not_recorded
from scripts.history.timeline import Axes, Series
from scripts.records.signature import (
    Signature,
    describe,
    describe_change,
    describe_sides,
    describe_warnings,
    differences,
    shown_change,
    shown_kind,
)


def change_points(
    series: Series, signatures: Mapping[str, Signature], exists: Callable[[Cell], bool] = lambda _: True
) -> list[ChangePoint]:
    """Return the change points of a series, in order of the later release.

    Args:
        series: one observation on one platform.
        signatures: the signatures by id.
        exists: True if upstream published a cell's wheel; a cell that would settle something must exist.
    """
    search = _Search(series, signatures, exists)
    found = [change for before, after in pairwise(series.signatures) for change in search.neighbours(before, after)]
    found += search.across_releases(found)
    found += search.available()
    return sorted(found, key=lambda change: versions.version(change.after))


class _Change(NamedTuple):
    """Two releases, and the ids of the old and the new signature."""

    before: str
    after: str
    old: str
    new: str


class _Search:
    """The search for the change points of one series."""

    def __init__(self, series: Series, signatures: Mapping[str, Signature], exists: Callable[[Cell], bool]) -> None:
        self._series, self._signatures, self._exists = series, signatures, exists
        self._seen = {**series.skipped, **series.signatures}

    def available(self) -> list[ChangePoint]:
        """Return the change to the first release that was tested, if all before it skipped the test."""
        first = next(iter(self._series.signatures))
        skipped = [release for release in self._series.skipped if versions.version(release) < versions.version(first)]
        return self.neighbours(skipped[-1], first) if skipped else []

    def neighbours(self, before: str, after: str) -> list[ChangePoint]:
        """Return the changes between two neighbours: one for each way in which axes that both have changed."""
        old, new = self._seen[before], self._seen[after]
        shared = sorted(old.keys() & new.keys(), key=lambda axes: axes.sort_key)
        if not shared:
            return self._confounded(before, after)
        changed: dict[_Change, list[Axes]] = {}
        for axes in shared:
            if old[axes] != new[axes]:
                changed.setdefault(_Change(before, after, old[axes], new[axes]), []).append(axes)
        return [self._change_point(change, on) for change, on in changed.items()]

    def across_releases(self, neighbours: Sequence[ChangePoint]) -> list[ChangePoint]:
        """Return changes on axes that were not run on the releases in between.

        Those that follow from changes between neighbours are left out.
        """
        by_release = self._series.signatures
        changed: dict[_Change, list[Axes]] = {}
        for axes in dict.fromkeys(axes for by_axes in by_release.values() for axes in by_axes):
            for before, after in pairwise(release for release, by_axes in by_release.items() if axes in by_axes):
                change = _Change(before, after, by_release[before][axes], by_release[after][axes])
                if change.old != change.new and not _follows(change, neighbours):
                    changed.setdefault(change, []).append(axes)
        return [self._change_point(change, on) for change, on in changed.items()]

    def _confounded(self, before: str, after: str) -> list[ChangePoint]:
        """Return the change between two releases that share no axes: another axis may be its cause.

        The axes nearest to each other are compared. If any axes of the two releases have the same signature, no change
        was observed; how axes differ within a release is reported as a disagreement.
        """
        old_by_axes, new_by_axes = self._seen[before], self._seen[after]
        if set(old_by_axes.values()) & set(new_by_axes.values()):
            return []
        pairs = ((old, new) for old in old_by_axes for new in new_by_axes)
        old, new = min(pairs, key=lambda pair: (len(_differing(*pair)), pair[0].sort_key, pair[1].sort_key))
        # By the build of the axes, not the wheel's own: `cu102` of the default index is requested as `default`.
        settling = (
            Cell(torch=release, build=axes.build, python=axes.python) for release, axes in ((after, old), (before, new))
        )
        return [
            self._change_point(
                _Change(before, after, old_by_axes[old], new_by_axes[new]),
                [new],
                confounded=_differing(old, new),
                settle=tuple(cell.id for cell in settling if self._exists(cell)),
            )
        ]

    def _change_point(
        self, change: _Change, on: Iterable[Axes], *, confounded: tuple[str, ...] = (), settle: tuple[str, ...] = ()
    ) -> ChangePoint:
        old, new = self._signatures[change.old], self._signatures[change.new]
        suspects = self._suspects(change)
        axes = tuple(str(axes) for axes in sorted(on, key=lambda axes: axes.sort_key))
        kind = shown_kind(old, new, self._series.known_defect)
        across = any(release in self._series.signatures for release in suspects[:-1])
        where = f", on {', '.join(axes)}" if across else ""
        text = shown_change(kind, change_text(kind, old, new, change.after, self._series.known_defect))
        sentence = (
            f"{self._series.label}: {change.before} → {change.after}{not_recorded(suspects)}, "
            f"{text}{where}{confounding(confounded, settle)}"
        )
        return ChangePoint(
            name=self._series.name,
            platform=self._series.platform,
            before=change.before,
            after=change.after,
            kind=kind,
            aspects=differences(old, new),
            old=change.old,
            new=change.new,
            on=axes,
            suspects=suspects,
            blamed="confounded" if confounded else "torch",
            confounded=confounded,
            settle=settle,
            notes=f"{RELEASE_NOTES}{change.after}",
            sentence=sentence,
        )

    def _suspects(self, change: _Change) -> tuple[str, ...]:
        """Return the releases that may be the first with the new signature, in order."""
        low, high = versions.version(change.before), versions.version(change.after)
        releases = sorted((*self._series.gaps, *self._series.signatures), key=versions.version)
        return tuple(release for release in releases if low < versions.version(release) <= high)


def change_text(kind: str, old: Signature, new: Signature, after: str, known_defect: str | None = None) -> str:
    """Return a change in words, to follow its kind; a pass of a test that asserts a known defect is told by it."""
    match kind:
        case "available":
            return f"since {after}{f', with {describe_warnings(new)}' if new.warnings else ''}"
        case "now reached":
            return describe(new)
        case "known defect" | "no longer the known defect":
            sides = zip((old, new), describe_sides(old, new), strict=True)
            return " → ".join(known_defect or text if side.good else text for side, text in sides)
        case _:
            return describe_change(old, new)


def _follows(change: _Change, neighbours: Iterable[ChangePoint]) -> bool:
    """Return True if torch's changes between neighbours lead from the old signature to the new one."""
    low, high = versions.version(change.before), versions.version(change.after)
    reached = {change.old}
    for step in neighbours:
        within = low <= versions.version(step.before) and versions.version(step.after) <= high
        if within and not step.confounded and step.old in reached:
            reached.add(step.new)
    return change.new in reached


def _differing(old: Axes, new: Axes) -> tuple[str, ...]:
    """Return the names of the axes that differ."""
    sides = {"build": (old.build, new.build), "Python": (old.python, new.python)}
    return tuple(name for name, (before, after) in sides.items() if before != after)
