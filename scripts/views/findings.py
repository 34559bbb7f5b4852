"""Findings as sentences, each cause told once: disagreements, shared reasons, and drift. Pure."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from scripts.core.escaping import visible
from scripts.history.marks import LegendEntry
from scripts.history.reasons import SharedReason
from scripts.history.report import Disagreement, Report
from scripts.records.essence import background
from scripts.records.model import EXCLUDED
from scripts.records.signature import blocker, describe
from scripts.views.naming import Naming, cells_in_words, releases_in_words

#: Blocked names that a sentence lists; more are counted, since the table has them.
BLOCKED: Final = 3


@dataclasses.dataclass(kw_only=True)
class _Group:
    """Disagreements that read alike: one of them, and the names and releases of all."""

    example: Disagreement
    names: list[str]
    blocks: tuple[str, ...]


def disagreements(naming: Naming) -> list[str]:
    """Return how builds or Pythons differ, a sentence for each cause; what it blocks follows it."""
    merged: dict[tuple[object, ...], tuple[_Group, list[str]]] = {}
    for group in _by_cause(naming.report):
        key = (group.example.platform, _look(naming.report, group.example), tuple(group.names), group.blocks)
        merged.setdefault(key, (group, []))[1].append(group.example.release)
    return [_sentence(naming, group, releases) for group, releases in merged.values()]


def causes(report: Report) -> dict[tuple[str, str], list[str]]:
    """Return the names that differ between builds or Pythons, without what they block, by platform and release."""
    found: dict[tuple[str, str], list[str]] = {}
    for group in _by_cause(report):
        found.setdefault((group.example.platform, group.example.release), []).extend(group.names)
    return found


def _by_cause(report: Report) -> list[_Group]:
    """Return the disagreements of each release: names that differ alike are one, blocked ones belong to their cause."""
    by_release: dict[tuple[str, str], dict[str, Disagreement]] = defaultdict(dict)
    for found in report.disagreements:
        by_release[found.platform, found.release][found.name] = found
    groups = []
    for members in by_release.values():
        causes = {name: _cause(report, name, members) for name in members}
        alike: dict[object, list[str]] = {}
        for name in members:
            if causes[name] == name:
                alike.setdefault(_look(report, members[name]), []).append(name)
        for names in alike.values():
            blocked = tuple(name for name, cause in causes.items() if cause in names and name not in names)
            groups.append(_Group(example=members[names[0]], names=names, blocks=blocked))
    return groups


def _cause(report: Report, name: str, members: dict[str, Disagreement]) -> str:
    """Return the name at the start of the chain that blocks a name on some axes; the name itself if nothing does."""
    followed: set[str] = set()
    while name not in followed:
        followed.add(name)
        found = (blocker(report.signatures[key].signature) for key in members[name].sides)
        by = next((cause for cause in found if cause in members), None)
        name = by or name
    return name


def _look(report: Report, found: Disagreement) -> frozenset[tuple[str, tuple[str, ...]]]:
    return frozenset((report.signatures[key].mark, axes) for key, axes in found.sides.items())


def _sentence(naming: Naming, group: _Group, releases: Sequence[str]) -> str:
    report, example = naming.report, group.example
    where = f" on {example.platform}" if len(report.platforms) > 1 else ""
    verb = "differs" if len(releases) == 1 else "differ"
    sides = (f"{describe(report.signatures[key].signature)} ({', '.join(axes)})" for key, axes in example.sides.items())
    text = f"{releases_in_words(report, releases)} {verb}{where}: {'; '.join(sides)}"
    return f"{naming.listing(group.names)}: {text}{blocked_text(naming, group.blocks)}"


def blocked_text(naming: Naming, names: Sequence[str]) -> str:
    """Return what something blocks, to follow a sentence; empty for nothing."""
    named = naming.listing(names) if len(names) <= BLOCKED else naming.counted(names)
    return f"; blocks {named}" if names else ""


def reasons(report: Report) -> list[str]:
    """Return why cells have no observations, each reason once: the cells, the reason, and a hint if one is known."""
    return [reason_text(report, reason) for reason in report.reasons]


def reason_text(report: Report, reason: SharedReason) -> str:
    """Return a reason with its cells as a sentence."""
    if reason.kind == EXCLUDED and reason.message:
        return f"{cells_in_words(report, reason.cells, named=1)}: {reason.message}"
    what = f"{reason.kind}: {reason.message}" if reason.kind else ""
    status = {"error": "", "unavailable": "unavailable"}.get(reason.status, reason.status)
    at = f" ({reason.stage})" if reason.stage and status else ""
    words = ": ".join(filter(None, [f"{status}{at}", what]))
    return f"{cells_in_words(report, reason.cells)}: {words}{hint_text(report, reason.hint, reason.message)}"


def legend_text(report: Report, entry: LegendEntry) -> str:
    """Return the meaning of a mark, with its hint."""
    return f"{entry.text}{hint_text(report, entry.hint, entry.text)}"


def hint_text(report: Report, hint: str | None, message: str | None) -> str:
    """Return the hint for a failure, to follow its message: what would mend it, for one run or for good, and why."""
    if not hint:
        return ""
    key = f", or {report.require_key}," if report.require_key and hint.startswith("--require ") else ""
    why = background(message or "")
    return f" (`{hint}`{key} may help{f': {why}' if why else ''})"


def drift(naming: Naming) -> list[str]:
    """Return the drift from the accepted results; equal differences of several names and cells are told once."""
    report = naming.report
    by_cell: dict[tuple[str, str, str, str, str], list[str]] = {}
    for found in report.drift:
        key = (found.platform, found.cell, found.kind, found.accepted, found.fresh)
        by_cell.setdefault(key, []).append(found.name or "")
    merged: dict[tuple[str, str, str, tuple[str, ...]], list[str]] = {}
    for (platform, cell, kind, accepted, fresh), names in by_cell.items():
        where = f"{cell} on {platform}" if len(report.platforms) > 1 else cell
        merged.setdefault((kind, accepted, fresh, tuple(names)), []).append(where)
    return [
        f"{', '.join(cells)}{_subject(naming, names)}: {kind}: {accepted} → {fresh}"
        for (kind, accepted, fresh, names), cells in merged.items()
    ]


def _subject(naming: Naming, names: Sequence[str]) -> str:
    """Return the names that drift, also those that the report lacks; empty for the cell itself."""
    known = [name for name in names if name in naming.report.labels]
    unknown = [visible(name) for name in names if name and name not in known]
    subject = ", ".join(filter(None, [naming.listing(known), *unknown]))
    return f" {subject}" if subject else ""


def new_cells(report: Report) -> str | None:
    """Return how many cells have no accepted result yet, or None."""
    if not report.new:
        return None
    are = "1 cell is" if len(report.new) == 1 else f"{len(report.new)} cells are"
    return f"{are} new: results/ lacks {'it' if len(report.new) == 1 else 'them'}"
