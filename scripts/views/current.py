"""The behaviour in the last release of a platform, and the release in which it started. Pure."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Self

from scripts.config import versions
from scripts.history.marks import glyph
from scripts.history.report import ChangePoint, Interval, Report, Timeline
from scripts.history.rows import mark_of
from scripts.records.signature import Signature, blocker, describe
from scripts.views.findings import blocked_text
from scripts.views.naming import Naming


@dataclasses.dataclass(frozen=True, kw_only=True)
class Onset:
    """The release in which a behaviour started."""

    release: str
    after: str | None = None  # the last release with another behaviour; None: every recorded release has this one
    between: tuple[str, ...] = ()  # releases between the two without a record
    confounded: tuple[str, ...] = ()  # axes that changed together with torch

    def __str__(self) -> str:
        """Return the release in words, with the reservations."""
        if self.after is None:
            return f"since {self.release} at least, the first recorded"
        gap = f" ({', '.join(self.between)} not recorded)" if self.between else ""
        confounding = f", where the {' and the '.join(self.confounded)} changed as well" if self.confounded else ""
        return f"since {self.release}{gap}{confounding}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Behaviour:
    """A signature that observations have in the last release, without its warnings, and when it started."""

    names: tuple[str, ...]
    signature: Signature
    since: Onset
    blocks: tuple[str, ...] = ()
    known_defect: str | None = None

    @property
    def mark(self) -> str:
        """The signature as one character; a pass that asserts a known defect has a mark of its own."""
        return mark_of(glyph(self.signature), self.known_defect)

    @property
    def text(self) -> str:
        """The behaviour in words."""
        what = self.known_defect if self.known_defect and self.signature.good else describe(self.signature)
        return f"{what}, {self.since}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Statement:
    """Behaviour of names in the last release, in words."""

    mark: str
    outcome: str
    subject: str
    text: str

    def __str__(self) -> str:
        """Return the statement as a sentence."""
        return f"{self.subject}: {self.text}"


def statements(naming: Naming, platform: str) -> list[Statement]:
    """Return the behaviour in the last release of a platform; what passes is counted, unless all is named."""
    behaviours = current_behaviour(naming.report, platform)
    plain = [found for found in behaviours if found.signature.good and not found.known_defect]
    if naming.names_all or not plain:
        return [_statement(naming, found) for found in behaviours]
    subject = naming.counted([name for found in plain for name in found.names])
    outcomes = " or ".join(dict.fromkeys(found.signature.outcome for found in plain))
    passing = Statement(mark=plain[0].mark, outcome=plain[0].signature.outcome, subject=subject, text=outcomes)
    return [*(_statement(naming, found) for found in behaviours if found not in plain), passing]


def by_platforms(naming: Naming) -> list[tuple[str, str, list[Statement]]]:
    """Return the statements of each platform with its last release; platforms that are alike are told once."""
    found: dict[tuple[str, tuple[Statement, ...]], list[str]] = {}
    for platform in naming.report.platforms:
        last, all_statements = last_release(naming.report, platform), statements(naming, platform)
        if last is not None and all_statements:
            found.setdefault((last, tuple(all_statements)), []).append(platform)
    return [(", ".join(platforms), last, list(told)) for (last, told), platforms in found.items()]


def _statement(naming: Naming, found: Behaviour) -> Statement:
    return Statement(
        mark=found.mark,
        outcome=found.signature.outcome,
        subject=naming.listing(found.names, found.mark),
        text=f"{found.text}{blocked_text(naming, found.blocks)}",
    )


def last_release(report: Report, platform: str) -> str | None:
    """Return the last release with a record on a platform, or None."""
    return next(
        (cell.torch for cell in reversed(report.cells) if (cell.platform, cell.status) == (platform, "recorded")), None
    )


def current_behaviour(report: Report, platform: str) -> list[Behaviour]:
    """Return the behaviours in the last release of a platform, failures first.

    Observations on which builds or Pythons disagree are left out.
    """
    found: dict[tuple[Signature, Onset, str | None], list[str]] = {}
    last = last_release(report, platform)
    changed = _Changed.of(report, platform)
    for line in report.timelines:
        if line.platform != platform or last not in line.intervals[-1].releases:
            continue
        if behaviour := _last(report, line, changed):
            found.setdefault((*behaviour, report.defects.get(line.name)), []).append(line.name)
    behaviours = [
        Behaviour(names=tuple(names), signature=signature, since=onset, known_defect=defect)
        for (signature, onset, defect), names in found.items()
    ]
    return sorted(_folded(behaviours), key=lambda behaviour: "✗!·-✓".index(behaviour.mark[0]))


def _folded(behaviours: Sequence[Behaviour]) -> list[Behaviour]:
    """Return behaviours without those that are blocked by another one's names; that one names them."""
    owners = {name: number for number, behaviour in enumerate(behaviours) for name in behaviour.names}
    blocks: dict[int, list[str]] = {}
    kept = []
    for number, behaviour in enumerate(behaviours):
        cause, followed = number, set[int]()
        while cause not in followed:
            followed.add(cause)
            cause = owners.get(blocker(behaviours[cause].signature) or "", cause)
        if cause == number:
            kept.append(number)
        else:
            blocks.setdefault(cause, []).extend(behaviour.names)
    return [dataclasses.replace(behaviours[number], blocks=tuple(blocks.get(number, ()))) for number in kept]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Changed:
    """The changes of a platform by name, earlier and later release; and the last release that skipped a name."""

    by_step: Mapping[tuple[str, str, str], ChangePoint]
    skipped: Mapping[tuple[str, str], str]  # by name and first release that did not

    @classmethod
    def of(cls, report: Report, platform: str) -> Self:
        found = [change for change in report.changes if change.platform == platform]
        return cls(
            by_step={(change.name, change.before, change.after): change for change in found},
            skipped={
                (change.name, change.after): change.before
                for change in found
                if report.signatures[change.old].outcome == "skipped"
            },
        )


def _last(report: Report, line: Timeline, changed: _Changed) -> tuple[Signature, Onset] | None:
    """Return the last signature of a timeline and its onset, or None if the axes disagree."""
    last = _without_warnings(report, line.intervals[-1])
    if len(last) != 1:
        return None
    same = list(itertools.takewhile(lambda i: _without_warnings(report, i) == last, reversed(line.intervals)))
    earlier = line.intervals[: len(line.intervals) - len(same)]
    first = same[-1].releases[0]
    return next(iter(last)), _onset(line, earlier[-1].releases[-1] if earlier else None, first, changed)


def _onset(line: Timeline, after: str | None, first: str, changed: _Changed) -> Onset:
    after = after or changed.skipped.get((line.name, first))
    if after is None:
        return Onset(release=first)
    low, high = versions.version(after), versions.version(first)
    change = changed.by_step.get((line.name, after, first))
    return Onset(
        release=first,
        after=after,
        between=tuple(release for release in line.gaps if low < versions.version(release) < high),
        confounded=change.confounded if change else (),
    )


def _without_warnings(report: Report, interval: Interval) -> frozenset[Signature]:
    return frozenset(dataclasses.replace(report.signatures[key].signature, warnings=()) for key in interval.signatures)
