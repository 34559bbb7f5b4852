"""What several views show alike: rows of the table, and change points that tell the same. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from scripts.history.marks import UNKNOWN
from scripts.history.report import (
    ChangePoint,
    Evidence,
    Name,
    Report,
    ReportedCell,
    confounding,
    label,
    not_recorded,
)
from scripts.matrix import cells
from scripts.results.signature import describe_change


def mark(report: Report, cell: ReportedCell, name: str) -> str:
    """What a cell shows of an observation, as a mark."""
    return report.signatures[cell.seen[name]].mark if name in cell.seen else UNKNOWN


@dataclasses.dataclass(frozen=True, kw_only=True)
class Told:
    """Change points of several names which tell the same."""

    names: tuple[str, ...]
    change: ChangePoint
    text: str

    @property
    def sentence(self) -> str:
        """The change in words, for all the names."""
        return f"{', '.join(self.names)}: {self.change.kind}: {self.text}"

    @property
    def evidence(self) -> Evidence | None:
        """The evidence for the change, where it was looked for."""
        return self.change.evidence


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """Two neighbouring releases, with all that changed between them."""

    before: str
    after: str
    told: tuple[Told, ...]

    @property
    def title(self) -> str:
        """The step as a heading, with the releases in between that were not looked at."""
        return f"{self.before} → {self.after}{not_recorded(self.told[0].change.suspects)}"

    @property
    def link(self) -> str:
        """The commits between the two, or else the notes of the later one."""
        return self.told[0].change.commits or self.told[0].change.notes


def steps(report: Report) -> list[Step]:
    """The change points by the two releases they lie between, in order; those that tell the same are one."""
    tested = _tested(report)
    found: dict[tuple[str, str, tuple[str, ...]], dict[tuple[str, str, str], list[ChangePoint]]] = {}
    ordered = sorted(report.changes, key=lambda c: (cells.version(c.after), cells.version(c.before)))
    for change in ordered:
        group = found.setdefault((change.before, change.after, change.suspects), {})
        group.setdefault((change.kind, *_texts(report, change, tested)), []).append(change)
    return [
        Step(
            before=before,
            after=after,
            told=tuple(told for (_, *texts), group in groups.items() for told in _told(report, group, *texts)),
        )
        for (before, after, _), groups in found.items()
    ]


def _told(report: Report, changes: Sequence[ChangePoint], what: str, limits: str) -> list[Told]:
    """Changes that read alike: once for all platforms on which the same names show them."""
    by_platform: dict[str, list[ChangePoint]] = {}
    for change in changes:
        by_platform.setdefault(change.platform, []).append(change)
    alike: dict[tuple[str, ...], list[ChangePoint]] = {}
    for group in by_platform.values():
        alike.setdefault(tuple(label(one.name) for one in group), []).append(group[0])
    return [
        Told(names=names, change=group[0], text=f"{what}{_on_platforms(report, group)}{limits}")
        for names, group in alike.items()
    ]


def _on_platforms(report: Report, changes: Sequence[ChangePoint]) -> str:
    """The platforms that show a change, where there are several."""
    if len(report.platforms) == 1:
        return ""
    if len(changes) == len(report.platforms):
        return f" (on all {len(changes)} platforms)"
    return f" (on {', '.join(change.platform for change in changes)})"


#: The axes that a release was run on, by release and platform.
_Tested = Mapping[tuple[str, str], AbstractSet[str]]


def _tested(report: Report) -> _Tested:
    found: dict[tuple[str, str], set[str]] = {}
    for cell in report.recorded:
        found.setdefault((cell.torch, cell.platform), set()).add(cell.axes)
    return found


def _texts(report: Report, change: ChangePoint, tested: _Tested) -> tuple[str, str]:
    """What changed, where if that isn't plain; and what else changed with it."""
    old, new = (report.signatures[one].signature for one in (change.old, change.new))
    what = f"{describe_change(old, new)}{_on_axes(change, tested)}"
    return what, confounding(change.confounded, change.settle)


def _on_axes(change: ChangePoint, tested: _Tested) -> str:
    """The axes that show a change: all that both releases were run on, or only some of them."""
    shared = tested[change.before, change.platform] & tested[change.after, change.platform]
    across = any((one, change.platform) in tested for one in change.suspects[:-1])
    if change.confounded or (len(shared) < 2 and not across):  # noqa: PLR2004 - one says nothing of agreement
        return ""
    if across:
        return f", on {', '.join(change.on)}"
    if shared == set(change.on):
        return f", on all {len(shared)} builds and Pythons"
    return f", on {', '.join(change.on)} only"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table: cells that behave alike, one after the other."""

    cells: tuple[ReportedCell, ...]
    marks: tuple[str, ...]

    @property
    def releases(self) -> str:
        """The releases of a row, as a range."""
        first, last = self.cells[0].torch, self.cells[-1].torch
        return first if first == last else f"{first} – {last}"

    @property
    def builds(self) -> str:
        """The builds of a row; their number where they are many."""
        builds = list(dict.fromkeys(cell.build for cell in self.cells))
        return builds[0] if len(builds) == 1 else f"{len(builds)} builds"

    @property
    def pythons(self) -> str:
        """The Pythons of a row."""
        return ", ".join(sorted({cell.python for cell in self.cells}, key=cells.python_key))

    @property
    def platforms(self) -> str:
        """The platforms of a row."""
        return ", ".join(sorted({cell.platform for cell in self.cells}))


def rows(report: Report, *, only_changes: bool = False) -> list[Row]:
    """The table's rows in order: a cell each, or, for ``only_changes``, all neighbours that are alike as one."""
    found: list[Row] = []
    for cell in report.recorded:
        marks = tuple(mark(report, cell, name.name) for name in report.names)
        if only_changes and found and found[-1].marks == marks:
            found[-1] = dataclasses.replace(found[-1], cells=(*found[-1].cells, cell))
        else:
            found.append(Row(cells=(cell,), marks=marks))
    return found


@dataclasses.dataclass(frozen=True, kw_only=True)
class Band:
    """Releases in a row in which nothing changes at all."""

    releases: tuple[str, ...]
    shown: dict[str, tuple[str, ...]]  # ids of signatures, by name

    @property
    def title(self) -> str:
        """The releases, as a range."""
        return self.releases[0] if len(self.releases) == 1 else f"{self.releases[0]} – {self.releases[-1]}"


def bands(report: Report, platform: str) -> list[Band]:
    """The releases of a platform, cut wherever any observation changes."""
    by_release: dict[str, dict[str, list[str]]] = {}
    for cell in report.recorded:
        if cell.platform == platform:
            shown = by_release.setdefault(cell.torch, {})
            for name, seen in cell.seen.items():
                if seen not in shown.setdefault(name, []):
                    shown[name].append(seen)
    found: list[Band] = []
    for release, shown in by_release.items():
        frozen = {name: tuple(sorted(seen)) for name, seen in shown.items()}
        if found and found[-1].shown == frozen:
            found[-1] = dataclasses.replace(found[-1], releases=(*found[-1].releases, release))
        else:
            found.append(Band(releases=(release,), shown=frozen))
    return found


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """One observation in two releases."""

    name: Name
    axes: str
    before: str | None  # ids of signatures; None: not known
    after: str | None


def compare(report: Report, before: str, after: str) -> list[Difference]:
    """Two releases side by side, on all axes that both were run on; or else on those that they were run on."""
    old, new = (
        {(cell.platform, cell.axes): cell for cell in report.recorded if cell.torch == one} for one in (before, after)
    )
    pairs = [(old[axes], new[axes]) for axes in old if axes in new]
    if not pairs and old and new:
        pairs = [(next(iter(old.values())), next(iter(new.values())))]
    several = len(report.platforms) > 1
    return [
        Difference(
            name=name,
            axes=" → ".join(dict.fromkeys(_axes(one, platform=several) for one in (a, b))),
            before=a.seen.get(name.name),
            after=b.seen.get(name.name),
        )
        for a, b in pairs
        for name in report.names
    ]


def _axes(cell: ReportedCell, *, platform: bool) -> str:
    return f"{cell.axes}, {cell.platform}" if platform else cell.axes
