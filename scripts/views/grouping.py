"""Groups that several views show: rows of the table, bands of releases, and change points that read the same. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from scripts.config import versions
from scripts.history.marks import UNKNOWN
from scripts.history.report import ChangePoint, Evidence, Name, Report, ReportedCell, confounding, label, not_recorded
from scripts.records.signature import describe_change


def mark(report: Report, cell: ReportedCell, name: str) -> str:
    """Return the mark of an observation in a cell."""
    return report.signatures[cell.seen[name]].mark if name in cell.seen else UNKNOWN


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChangeGroup:
    """Change points of several observations that have the same text; ``change`` is one of them."""

    names: tuple[str, ...]
    change: ChangePoint
    text: str

    @property
    def sentence(self) -> str:
        """The names, the kind and the change in words."""
        return f"{', '.join(self.names)}: {self.change.kind}: {self.text}"

    @property
    def evidence(self) -> Evidence | None:
        """The evidence for the change, if it was looked up."""
        return self.change.evidence


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """Two neighbouring releases and the changes between them."""

    before: str
    after: str
    changes: tuple[ChangeGroup, ...]

    @property
    def title(self) -> str:
        """The step as a heading, with the releases in between that have no record."""
        return f"{self.before} → {self.after}{not_recorded(self.changes[0].change.suspects)}"

    @property
    def link(self) -> str:
        """The URL of the commits between the releases, or of the later one's notes where the commits are unknown."""
        return self.changes[0].change.commits or self.changes[0].change.notes


def steps(report: Report) -> list[Step]:
    """Return the change points grouped by the releases that they lie between, in order; equal texts are merged."""
    tested = _tested(report)
    found: dict[tuple[str, str, tuple[str, ...]], dict[tuple[str, str, str], list[ChangePoint]]] = {}
    ordered = sorted(report.changes, key=lambda c: (versions.version(c.after), versions.version(c.before)))
    for change in ordered:
        group = found.setdefault((change.before, change.after, change.suspects), {})
        group.setdefault((change.kind, *_texts(report, change, tested)), []).append(change)
    return [
        Step(
            before=before,
            after=after,
            changes=tuple(merged for (_, *texts), group in groups.items() for merged in _merged(report, group, *texts)),
        )
        for (before, after, _), groups in found.items()
    ]


def _merged(report: Report, changes: Sequence[ChangePoint], what: str, reservation: str) -> list[ChangeGroup]:
    """Return changes with the same text, merged over the platforms on which the same observations show them."""
    by_platform: dict[str, list[ChangePoint]] = {}
    for change in changes:
        by_platform.setdefault(change.platform, []).append(change)
    by_names: dict[tuple[str, ...], list[ChangePoint]] = {}
    for group in by_platform.values():
        by_names.setdefault(tuple(label(change.name) for change in group), []).append(group[0])
    return [
        ChangeGroup(names=names, change=group[0], text=f"{what}{_on_platforms(report, group)}{reservation}")
        for names, group in by_names.items()
    ]


def _on_platforms(report: Report, changes: Sequence[ChangePoint]) -> str:
    """Return the platforms that show a change; empty if the report has only one platform."""
    if len(report.platforms) == 1:
        return ""
    if len(changes) == len(report.platforms):
        return f" (on all {len(changes)} platforms)"
    return f" (on {', '.join(change.platform for change in changes)})"


#: The axes on which a release was tested, by release and platform.
_Tested = Mapping[tuple[str, str], AbstractSet[str]]


def _tested(report: Report) -> _Tested:
    found: dict[tuple[str, str], set[str]] = {}
    for cell in report.recorded:
        found.setdefault((cell.torch, cell.platform), set()).add(cell.axes)
    return found


def _texts(report: Report, change: ChangePoint, tested: _Tested) -> tuple[str, str]:
    """Return the change in words with its axes, and the reservation if it is confounded."""
    old, new = (report.signatures[key].signature for key in (change.old, change.new))
    what = f"{describe_change(old, new)}{_on_axes(change, tested)}"
    return what, confounding(change.confounded, change.settle)


def _on_axes(change: ChangePoint, tested: _Tested) -> str:
    """Return the axes that show a change; empty if both releases were tested on a single one."""
    shared = tested[change.before, change.platform] & tested[change.after, change.platform]
    across = any((release, change.platform) in tested for release in change.suspects[:-1])
    if change.confounded or (len(shared) < 2 and not across):  # noqa: PLR2004 - a single one cannot disagree
        return ""
    if across:
        return f", on {', '.join(change.on)}"
    if shared == set(change.on):
        return f", on all {len(shared)} builds and Pythons"
    return f", on {', '.join(change.on)} only"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table: one cell, or consecutive cells with the same marks."""

    cells: tuple[ReportedCell, ...]
    marks: tuple[str, ...]

    @property
    def releases(self) -> str:
        """The releases as a range."""
        first, last = self.cells[0].torch, self.cells[-1].torch
        return first if first == last else f"{first} – {last}"

    @property
    def builds(self) -> str:
        """The build, or the number of builds if there are several."""
        builds = list(dict.fromkeys(cell.build for cell in self.cells))
        return builds[0] if len(builds) == 1 else f"{len(builds)} builds"

    @property
    def pythons(self) -> str:
        """The Pythons, separated by commas."""
        return ", ".join(sorted({cell.python for cell in self.cells}, key=versions.python_key))

    @property
    def platforms(self) -> str:
        """The platforms, separated by commas."""
        return ", ".join(sorted({cell.platform for cell in self.cells}))


def rows(report: Report, *, only_changes: bool = False) -> list[Row]:
    """Return the rows of the table: one a cell, or with ``only_changes`` one for consecutive cells with equal marks."""
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
    """Consecutive releases between which no observation changes."""

    releases: tuple[str, ...]
    shown: dict[str, tuple[str, ...]]  # ids of signatures by observation

    @property
    def title(self) -> str:
        """The releases as a range."""
        return self.releases[0] if len(self.releases) == 1 else f"{self.releases[0]} – {self.releases[-1]}"


def bands(report: Report, platform: str) -> list[Band]:
    """Return the releases of a platform as bands, split wherever an observation changes."""
    by_release: dict[str, dict[str, list[str]]] = {}
    for cell in report.recorded:
        if cell.platform == platform:
            shown = by_release.setdefault(cell.torch, {})
            for name, signature in cell.seen.items():
                if signature not in shown.setdefault(name, []):
                    shown[name].append(signature)
    found: list[Band] = []
    for release, shown in by_release.items():
        frozen = {name: tuple(sorted(signatures)) for name, signatures in shown.items()}
        if found and found[-1].shown == frozen:
            found[-1] = dataclasses.replace(found[-1], releases=(*found[-1].releases, release))
        else:
            found.append(Band(releases=(release,), shown=frozen))
    return found


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """An observation in two releases."""

    name: Name
    axes: str
    before: str | None  # id of a signature; None: not recorded
    after: str | None


def compare(report: Report, before: str, after: str) -> list[Difference]:
    """Compare two releases on all axes that both were tested on.

    Without common axes, the first cell of each release is compared.
    """
    old, new = (
        {(cell.platform, cell.axes): cell for cell in report.recorded if cell.torch == release}
        for release in (before, after)
    )
    pairs = [(old[axes], new[axes]) for axes in old if axes in new]
    if not pairs and old and new:
        pairs = [(next(iter(old.values())), next(iter(new.values())))]
    several = len(report.platforms) > 1
    return [
        Difference(
            name=name,
            axes=" → ".join(dict.fromkeys(_axes(cell, platform=several) for cell in (a, b))),
            before=a.seen.get(name.name),
            after=b.seen.get(name.name),
        )
        for a, b in pairs
        for name in report.names
    ]


def _axes(cell: ReportedCell, *, platform: bool) -> str:
    return f"{cell.axes}, {cell.platform}" if platform else cell.axes
