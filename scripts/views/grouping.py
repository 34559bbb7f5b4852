"""Groups that several views show: change points that read the same, and two releases side by side. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from scripts.core.escaping import visible
from scripts.history.changes import change_text
from scripts.history.report import ChangePoint, Evidence, Name, Report, ReportedCell, confounding, not_recorded
from scripts.records.signature import blocker, describe_warnings, shown_change
from scripts.views.findings import BLOCKED, blocked_text
from scripts.views.naming import Naming


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChangeGroup:
    """Change points of several observations that have the same text; ``change`` is one of them."""

    names: tuple[str, ...]
    change: ChangePoint
    text: str
    title: str  # the names, folded

    @property
    def sentence(self) -> str:
        """The names, the kind and the change in words."""
        return f"{self.title}: {shown_change(self.change.kind, self.text)}"

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


def steps(naming: Naming) -> list[Step]:
    """Return the change points grouped by the releases that they lie between, in order.

    Equal texts are merged, and what is blocked from there on follows the change of what blocks it.
    """
    report = naming.report
    tested = _tested(report)
    found: dict[tuple[str, str, tuple[str, ...]], dict[tuple[str, str, str, str], list[ChangePoint]]] = {}
    order = {release: number for number, release in enumerate(report.releases)}
    ordered = sorted(report.changes, key=lambda change: (order[change.after], order[change.before]))
    blocked = _blocked(report)
    for change in ordered:
        if _key(change) in blocked.causes:
            continue
        group = found.setdefault((change.before, change.after, change.suspects), {})
        blocks = blocked_text(naming, blocked.by_cause.get(_key(change), ()))
        what, reservation = _texts(report, change, tested)
        was_blocked = blocker(report.signatures[change.old].signature) or ""
        group.setdefault((change.kind, what, f"{reservation}{blocks}", was_blocked), []).append(change)
    return [
        Step(
            before=before,
            after=after,
            changes=tuple(
                merged for (_, what, more, _), group in groups.items() for merged in _merged(naming, group, what, more)
            ),
        )
        for (before, after, _), groups in found.items()
    ]


_Key = tuple[str, str, str, str]


def _key(change: ChangePoint) -> _Key:
    return change.platform, change.before, change.after, change.name


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Blocked:
    """Changes to *blocked* whose cause changes in the same step: the cause of each, and what each cause blocks."""

    causes: Mapping[_Key, str]
    by_cause: Mapping[_Key, list[str]]


def _blocked(report: Report) -> _Blocked:
    by_key = {_key(change): change for change in report.changes}
    causes: dict[_Key, str] = {}
    by_cause: dict[_Key, list[str]] = {}
    for key, change in by_key.items():
        cause = _cause(report, change, by_key)
        if cause != change.name:
            causes[key] = cause
            by_cause.setdefault((*key[:3], cause), []).append(change.name)
    return _Blocked(causes=causes, by_cause=by_cause)


def _cause(report: Report, change: ChangePoint, by_key: Mapping[_Key, ChangePoint]) -> str:
    """Return the name at the start of the chain that blocks a change's name from there on, or the name itself."""
    name, followed = change.name, set[str]()
    while name not in followed:
        followed.add(name)
        by = blocker(report.signatures[by_key[(*_key(change)[:3], name)].new].signature)
        if by is not None and (*_key(change)[:3], by) in by_key:
            name = by
    return name


def _merged(naming: Naming, changes: Sequence[ChangePoint], what: str, reservation: str) -> list[ChangeGroup]:
    """Return changes with the same text, merged over the platforms on which the same observations show them."""
    report = naming.report
    by_platform: dict[str, list[ChangePoint]] = {}
    for change in changes:
        by_platform.setdefault(change.platform, []).append(change)
    by_names: dict[tuple[str, ...], list[ChangePoint]] = {}
    for group in by_platform.values():
        by_names.setdefault(tuple(change.name for change in group), []).append(group[0])
    return [
        ChangeGroup(
            names=tuple(report.labels[name] for name in names),
            title=_title(naming, names, group[0]),
            change=group[0],
            text=f"{what}{_on_platforms(report, group)}{reservation}",
        )
        for names, group in by_names.items()
    ]


def _title(naming: Naming, names: Sequence[str], change: ChangePoint) -> str:
    """Return the names of a group; many that one observation blocked are told by that one."""
    old = naming.report.signatures[change.old].signature
    if old.outcome == "blocked" and len(names) > BLOCKED and not naming.names_all:
        return f"what {visible(blocker(old) or '')} blocked ({naming.counted(names)})"
    return naming.listing(names, naming.report.signatures[change.new].mark)


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
    text = change_text(change.kind, old, new, change.after, report.defects.get(change.name))
    what = f"{text}{_on_axes(change, tested)}"
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


def side(report: Report, name: str, key: str | None) -> str:
    """Return a signature of a name in words; a pass that asserts a known defect as its sentence."""
    if key is None:
        return "not known"
    shown = report.signatures[key]
    defect = report.defects.get(name)
    if defect is None or not shown.signature.good:
        return shown.text
    warnings = f", with {describe_warnings(shown.signature)}" if shown.warnings else ""
    return f"{defect} ({shown.outcome}){warnings}"
