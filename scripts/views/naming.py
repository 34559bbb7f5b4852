"""Names of observations and tests in reports: what behaves alike is folded or counted. Pure."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from scripts.config import versions
from scripts.history.labels import folded
from scripts.history.report import Report, ReportedCell

#: Names of a report that are all listed; of more, only those that fail, change or differ.
_FEW: Final = 12
#: Names of a group that a sentence lists.
_SENTENCE: Final = 8
#: The start of a title that stands for further names.
_MORE: Final = "and "


@dataclasses.dataclass(frozen=True, kw_only=True)
class Naming:
    """The names of a report, and how many of a group are listed; None: all of them, each in full."""

    report: Report
    most: int | None = 30
    option: str = " (--all)"  # how to list more; empty where no option does

    @property
    def names_all(self) -> bool:
        """True if what neither fails nor changes is named too: on request, or if there is little of it."""
        return self.most is None or len(self.report.names) <= _FEW

    def titles(self, names: Collection[str], mark: str = "") -> list[str]:
        """Return the labels of names that behave alike; variants of one test are folded, unless all are listed."""
        return self._titles(names, mark, self.most)

    def listing(self, names: Collection[str], mark: str = "") -> str:
        """Return the titles separated by commas: fewer than the table's rows have."""
        return joined(self._titles(names, mark, None if self.most is None else min(self.most, _SENTENCE)))

    def _titles(self, names: Collection[str], mark: str, most: int | None) -> list[str]:
        shown = [self.report.labels[name] for name in names]
        if most is None:
            return shown
        titles = folded(shown, self.report.variants, mark)
        more = len(titles) - most
        return [*titles[:most], f"{_MORE}{more} more{self.option}"] if more > 0 else titles

    def counted(self, names: Collection[str]) -> str:
        """Return how many observations and tests there are: ``8 observations and 168 tests``."""
        all_kinds = {name.name: name.kind for name in self.report.names}
        kinds = Counter(all_kinds[name] for name in names)
        return " and ".join(quantity(kinds[kind], kind) for kind in ("observation", "test") if kinds[kind])


def joined(titles: Sequence[str]) -> str:
    """Return titles separated by commas."""
    last = titles[-1:] if titles and titles[-1].startswith(_MORE) else []
    return " ".join(filter(None, [", ".join(titles[: len(titles) - len(last)]), *last]))


def quantity(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 cell``, ``24 cells``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


#: Cells or releases that are named one by one; more are given as ranges.
_NAMED: Final = 8


def cells_in_words(report: Report, ids: Sequence[str], *, named: int = _NAMED) -> str:
    """Return cells, given as platform/id, in few words: as releases where they are all cells of these.

    More than ``named`` releases are given as ranges.
    """
    chosen = set(ids)
    by_release: dict[str, list[ReportedCell]] = {}
    for cell in report.cells:
        by_release.setdefault(cell.torch, []).append(cell)
    partial = [cell for release in by_release.values() for cell in release if key_of(cell) in chosen]
    whole = [release for release, members in by_release.items() if all(key_of(cell) in chosen for cell in members)]
    if sum(len(by_release[release]) for release in whole) == len(partial):
        return releases_in_words(report, whole, named=named)
    several = len(report.platforms) > 1
    names = [f"{cell.asked or cell.id} on {cell.platform}" if several else cell.asked or cell.id for cell in partial]
    if len(names) <= _NAMED:
        return ", ".join(names)
    releases = list(dict.fromkeys(cell.torch for cell in partial))
    return f"{len(names)} cells of {releases_in_words(report, releases)}"


def key_of(cell: ReportedCell) -> str:
    """Return the key of a cell among all platforms."""
    return f"{cell.platform}/{cell.asked or cell.id}"


def releases_in_words(report: Report, releases: Sequence[str], *, named: int = _NAMED) -> str:
    """Return releases one by one, or as ranges of those reported if there are many."""
    ordered = sorted(releases, key=versions.version)
    if len(ordered) <= named:
        return ", ".join(ordered)
    positions = {release: number for number, release in enumerate(report.releases)}
    ranges: list[list[str]] = []
    for release in ordered:
        if ranges and positions[release] == positions[ranges[-1][-1]] + 1:
            ranges[-1].append(release)
        else:
            ranges.append([release])
    return ", ".join(range_of(members) for members in ranges)


def range_of(releases: Sequence[str]) -> str:
    """Return neighbouring releases as a range."""
    return releases[0] if len(releases) == 1 else f"{releases[0]} – {releases[-1]}"
