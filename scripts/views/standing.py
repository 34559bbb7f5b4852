"""How things stand now: what the last release shows, and since when. Pure."""

from __future__ import annotations

import dataclasses
import itertools

from scripts.history.marks import glyph
from scripts.history.report import Interval, Report, Timeline, label
from scripts.matrix import cells
from scripts.results.signature import Signature, describe


@dataclasses.dataclass(frozen=True, kw_only=True)
class Since:
    """From which release on something is so."""

    release: str
    after: str | None = None  # the last release that was otherwise, if one is known
    between: tuple[str, ...] = ()  # releases between the two of which nothing is known
    confounded: tuple[str, ...] = ()  # what changed besides torch

    def __str__(self) -> str:
        """The release, and how sure that is."""
        if self.after is None:
            return f"since {self.release} at least, the first recorded"
        maybe = f" ({', '.join(self.between)} not recorded)" if self.between else ""
        limits = f", where the {' and the '.join(self.confounded)} changed as well" if self.confounded else ""
        return f"since {self.release}{maybe}{limits}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Standing:
    """What some observations show in the last release, and since when; warnings apart."""

    names: tuple[str, ...]
    signature: Signature
    since: Since

    @property
    def mark(self) -> str:
        """The standing in one character."""
        return glyph(self.signature)

    @property
    def sentence(self) -> str:
        """The standing in words, with its names."""
        return f"{', '.join(self.names)}: {self.text}"

    @property
    def text(self) -> str:
        """The standing in words."""
        return f"{describe(self.signature)}, {self.since}"


def last_release(report: Report, platform: str) -> str | None:
    """The last release whose behaviour is known on a platform."""
    return next(
        (cell.torch for cell in reversed(report.cells) if (cell.platform, cell.status) == (platform, "recorded")), None
    )


def standings(report: Report, platform: str) -> list[Standing]:
    """How things stand in the last release of a platform, failures first. Where builds disagree nothing is said."""
    found: dict[tuple[Signature, Since], list[str]] = {}
    last = last_release(report, platform)
    for line in report.timelines:
        if line.platform == platform and last in line.intervals[-1].releases and (standing := _standing(report, line)):
            found.setdefault(standing, []).append(label(line.name))
    said = [Standing(names=tuple(names), signature=now, since=since) for (now, since), names in found.items()]
    return sorted(said, key=lambda one: "✗!·-✓".index(one.mark))


def _standing(report: Report, line: Timeline) -> tuple[Signature, Since] | None:
    """The last behaviour of a timeline, and since when it is so; nothing where axes disagree on it."""
    now = _without_warnings(report, line.intervals[-1])
    if len(now) != 1:
        return None
    alike = list(itertools.takewhile(lambda one: _without_warnings(report, one) == now, reversed(line.intervals)))
    before = line.intervals[: len(line.intervals) - len(alike)]
    since = alike[-1].releases[0]
    return next(iter(now)), _since(report, line, before[-1].releases[-1], since) if before else Since(release=since)


def _since(report: Report, line: Timeline, after: str, since: str) -> Since:
    low, high = cells.version(after), cells.version(since)
    step = (line.name, line.platform, after, since)
    confounded = [one.confounded for one in report.changes if (one.name, one.platform, one.before, one.after) == step]
    return Since(
        release=since,
        after=after,
        between=tuple(release for release in line.gaps if low < cells.version(release) < high),
        confounded=next(iter(confounded), ()),
    )


def _without_warnings(report: Report, stretch: Interval) -> frozenset[Signature]:
    return frozenset(dataclasses.replace(report.signatures[one].signature, warnings=()) for one in stretch.signatures)
