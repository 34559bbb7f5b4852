"""Timelines: one observation over the releases of a platform, with its intervals, ranges and gaps. Pure."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Self

from scripts.config import versions
from scripts.config.cell import DEFAULT_BUILD
from scripts.history.report import Disagreement, Interval, Name, Range, ReportedCell, Timeline
from scripts.records.model import CellKey, Wheel
from scripts.records.signature import Signature, describe


@dataclasses.dataclass(frozen=True, kw_only=True)
class Axes:
    """The axes of a cell besides torch and the platform: whatever else may cause a difference.

    The CUDA wheels of the default index count as one build, ``default``: what ``pip install torch`` gives. Their
    CUDA version follows the release, so no two releases far apart could be compared otherwise.
    """

    build: str
    python: str

    @classmethod
    def of(cls, cell: CellKey | ReportedCell, wheel: Wheel | None) -> Self:
        """Return the axes of a cell, by the build that was really tested."""
        from_default = wheel is not None and wheel.index == DEFAULT_BUILD
        build = DEFAULT_BUILD if from_default and cell.build.startswith("cu") else cell.build
        return cls(build=build, python=cell.python)

    @property
    def sort_key(self) -> tuple[str, tuple[int, int, bool]]:
        """By build, then by Python."""
        return self.build, versions.python_key(self.python)

    def __str__(self) -> str:
        return f"{self.build} on Python {self.python}"


#: The ids of an observation's signatures in one release, by axes.
ByAxes = Mapping[Axes, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Series:
    """The signatures of one observation, or of one test's verdict, on one platform."""

    name: str
    label: str
    known_defect: str | None
    platform: str
    signatures: Mapping[str, ByAxes]  # by release, in order
    skipped: Mapping[str, ByAxes]  # of releases in which it was skipped on all axes, in order
    gaps: Mapping[str, str]  # releases without a signature, in order, each with the reason


def series_of(
    reported: Iterable[ReportedCell],
    names: Mapping[str, Name],
    signatures: Mapping[str, Signature],
    known: Sequence[str] = (),
) -> list[Series]:
    """Return the series of some cells, by platform and in the order of ``names``.

    Args:
        reported: the cells, in the order of their releases.
        names: the observations and tests to look at.
        signatures: the signatures by id.
        known: all releases that exist; those without a signature are gaps.
    """
    by_platform: dict[str, list[ReportedCell]] = defaultdict(list)
    for cell in reported:
        by_platform[cell.platform].append(cell)
    found = []
    for platform, group in sorted(by_platform.items()):
        observed, skipped = _observed(group, signatures)
        gaps: dict[tuple[str, ...], dict[str, str]] = {}
        for name, shown in names.items():
            if releases := observed.get(name):
                key = tuple(releases)
                gaps[key] = gaps.get(key) or _gaps(group, releases, known)
                unseen = {torch: axes for torch, axes in skipped.get(name, {}).items() if torch not in releases}
                found.append(
                    Series(
                        name=name,
                        label=shown.label,
                        known_defect=shown.known_defect,
                        platform=platform,
                        signatures=releases,
                        skipped=unseen,
                        gaps=gaps[key],
                    )
                )
    return found


_ByName = dict[str, dict[str, dict[Axes, str]]]


def _observed(reported: Iterable[ReportedCell], signatures: Mapping[str, Signature]) -> tuple[_ByName, _ByName]:
    """Return the ids of signatures by name, release and axes, those of skipped tests apart: they observed nothing."""
    skips = {name for name, signature in signatures.items() if signature.outcome == "skipped"}
    found: _ByName = {}
    skipped: _ByName = {}
    for cell in reported:
        axes = Axes.of(cell, cell.wheel)
        for name, signature in cell.seen.items() if cell.recorded else ():
            side = skipped if signature in skips else found
            side.setdefault(name, {}).setdefault(cell.torch, {})[axes] = signature
    return found, skipped


def _gaps(reported: Iterable[ReportedCell], observed: Mapping[str, ByAxes], known: Sequence[str]) -> dict[str, str]:
    """Return the releases without a signature, each with the reason that the cells give."""
    reasons = dict.fromkeys(known, "not recorded")
    for cell in reported:
        if cell.torch in observed:
            continue
        if cell.recorded:
            reasons[cell.torch] = "not observed"
        elif cell.reason is not None:
            reasons[cell.torch] = f"{cell.status}: {cell.reason.kind}"
    gaps = [release for release in reasons if release not in observed]
    return {release: reasons[release] for release in sorted(gaps, key=versions.version)}


def timeline(series: Series) -> Timeline:
    """Return the timeline of a series."""
    intervals = tuple(_intervals(series))
    return Timeline(
        name=series.name,
        platform=series.platform,
        intervals=intervals,
        ranges=tuple(ranges(intervals)),
        gaps=dict(series.gaps),
    )


def _intervals(series: Series) -> Iterator[Interval]:
    sides = {release: tuple(_sides(by_axes)) for release, by_axes in series.signatures.items()}
    for _, group in groupby(sides, key=lambda release: frozenset(sides[release])):
        releases = tuple(group)
        yield Interval(releases=releases, signatures=sides[releases[0]])


def _sides(by_axes: ByAxes) -> dict[str, list[Axes]]:
    """Return the different signatures of one release, each with the axes that show it."""
    sides: dict[str, list[Axes]] = {}
    for axes, signature in sorted(by_axes.items(), key=lambda item: item[0].sort_key):
        sides.setdefault(signature, []).append(axes)
    return sides


def ranges(intervals: Sequence[Interval]) -> Iterator[Range]:
    """Return the ranges of each signature, any number of them, in the manner of browser compatibility data."""
    for signature in dict.fromkeys(name for interval in intervals for name in interval.signatures):
        present = [signature in interval.signatures for interval in intervals]
        for inside, numbers in groupby(range(len(intervals)), key=present.__getitem__):
            if inside:
                yield _range(signature, intervals, list(numbers))


def _range(signature: str, intervals: Sequence[Interval], numbers: Sequence[int]) -> Range:
    """Return the range of a signature over intervals in a row, given by their numbers."""
    start, stop = numbers[0], numbers[-1] + 1
    return Range(
        signature=signature,
        after=intervals[start - 1].releases[-1] if start else None,
        since=intervals[start].releases[0] if start else None,
        first=intervals[start].releases[0],
        last=intervals[stop - 1].releases[-1],
        until=intervals[stop].releases[0] if stop < len(intervals) else None,
    )


def disagreements(series: Series, signatures: Mapping[str, Signature]) -> Iterator[Disagreement]:
    """Return the releases in which builds or Pythons differ."""
    for release, by_axes in series.signatures.items():
        if len(set(by_axes.values())) > 1:
            sides = {signature: tuple(map(str, axes)) for signature, axes in _sides(by_axes).items()}
            texts = (f"{describe(signatures[signature])} ({', '.join(axes)})" for signature, axes in sides.items())
            yield Disagreement(
                name=series.name,
                platform=series.platform,
                release=release,
                sides=sides,
                sentence=f"{series.label}: {release} differs: {'; '.join(texts)}",
            )
