"""The behaviour in the last release of a platform, and the release in which it started. Pure."""

from __future__ import annotations

import dataclasses
import itertools

from scripts.config import versions
from scripts.history.marks import glyph
from scripts.history.report import Interval, Report, Timeline, label
from scripts.records.signature import Signature, describe


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

    @property
    def mark(self) -> str:
        """The signature as one character."""
        return glyph(self.signature)

    @property
    def sentence(self) -> str:
        """The names and the behaviour in words."""
        return f"{', '.join(self.names)}: {self.text}"

    @property
    def text(self) -> str:
        """The behaviour in words."""
        return f"{describe(self.signature)}, {self.since}"


def last_release(report: Report, platform: str) -> str | None:
    """Return the last release with a record on a platform, or None."""
    return next(
        (cell.torch for cell in reversed(report.cells) if (cell.platform, cell.status) == (platform, "recorded")), None
    )


def current_behaviour(report: Report, platform: str) -> list[Behaviour]:
    """Return the behaviours in the last release of a platform, failures first.

    Observations on which builds or Pythons disagree are left out.
    """
    found: dict[tuple[Signature, Onset], list[str]] = {}
    last = last_release(report, platform)
    for line in report.timelines:
        if line.platform == platform and last in line.intervals[-1].releases and (behaviour := _last(report, line)):
            found.setdefault(behaviour, []).append(label(line.name))
    behaviours = [Behaviour(names=tuple(names), signature=last, since=onset) for (last, onset), names in found.items()]
    return sorted(behaviours, key=lambda behaviour: "✗!·-✓".index(behaviour.mark))


def _last(report: Report, line: Timeline) -> tuple[Signature, Onset] | None:
    """Return the last signature of a timeline and its onset, or None if the axes disagree."""
    last = _without_warnings(report, line.intervals[-1])
    if len(last) != 1:
        return None
    same = list(itertools.takewhile(lambda i: _without_warnings(report, i) == last, reversed(line.intervals)))
    earlier = line.intervals[: len(line.intervals) - len(same)]
    first = same[-1].releases[0]
    onset = _onset(report, line, earlier[-1].releases[-1], first) if earlier else Onset(release=first)
    return next(iter(last)), onset


def _onset(report: Report, line: Timeline, after: str, first: str) -> Onset:
    low, high = versions.version(after), versions.version(first)
    step = (line.name, line.platform, after, first)
    confounded = [c.confounded for c in report.changes if (c.name, c.platform, c.before, c.after) == step]
    return Onset(
        release=first,
        after=after,
        between=tuple(release for release in line.gaps if low < versions.version(release) < high),
        confounded=next(iter(confounded), ()),
    )


def _without_warnings(report: Report, interval: Interval) -> frozenset[Signature]:
    return frozenset(dataclasses.replace(report.signatures[key].signature, warnings=()) for key in interval.signatures)
