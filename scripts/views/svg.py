"""Render the report as an SVG picture: a row per observation, a column per band of releases that behave alike.

The picture is as wide as GitHub shows images in a README, has its own background in light and dark mode, and repeats in
marks and words everything that its colours say.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from scripts.core.escaping import visible
from scripts.core.layout import fitted, text_width, wrapped
from scripts.history.marks import UNKNOWN
from scripts.history.report import Report, ReportedSignature
from scripts.records.signature import first_line, short
from scripts.views import grouping, templates
from scripts.views.current import current_behaviour
from scripts.views.grouping import Band

WIDTH: Final = 830
_MARGIN: Final = 14
_GAP: Final = 3
_PADDING: Final = 5
_LINE: Final = 15  # height of a line
_HEAD: Final = 30  # height of the row of releases
_TITLE: Final = 30  # height of a platform's name
_NAMES: Final = 132  # room for names, which have up to three lines
_SIZE, _SMALL = 13, 11.5  # of fonts
#: Bands in one panel; more go into further panels below.
BANDS: Final = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Label:
    """A line of text."""

    x: float
    y: float
    text: str
    kind: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Box:
    """Consecutive bands in which an observation has the same signatures."""

    x: float
    y: float
    width: float
    height: float
    look: str
    warned: bool
    title: str
    labels: tuple[Label, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """Everything that the template draws."""

    height: float
    labels: tuple[Label, ...]
    boxes: tuple[Box, ...]


def render(report: Report) -> str:
    """Return the picture as SVG text."""
    return templates.render("matrix.svg", picture=_picture(report), width=WIDTH, summary=_summary(report))


def _summary(report: Report) -> str:
    """Return the current behaviour in words, for screen readers."""
    behaviours = (found for platform in report.platforms for found in current_behaviour(report, platform))
    return " ".join(f"{behaviour.sentence}." for behaviour in behaviours)


def _picture(report: Report) -> Picture:
    widest = max((text_width(name.label, _SIZE, bold=True) for name in report.names), default=0)
    left = _MARGIN + min(widest, _NAMES) + 10
    top: float = _MARGIN
    labels: list[Label] = []
    boxes: list[Box] = []
    for platform in report.platforms:
        if len(report.platforms) > 1:
            labels.append(Label(x=_MARGIN, y=top + 18, text=platform, kind="platform"))
            top += _TITLE
        bands = grouping.bands(report, platform)
        for start in range(0, len(bands), BANDS):
            panel = _Panel(report, bands[start : start + BANDS], left, top)
            labels += panel.labels
            boxes += panel.boxes
            top = panel.bottom + _MARGIN
    return Picture(height=top, labels=tuple(labels), boxes=tuple(boxes))


class _Panel:
    """Bands side by side, with a row of boxes per observation below them."""

    def __init__(self, report: Report, bands: Sequence[Band], left: float, top: float) -> None:
        self.report, self.bands, self.left, self.top = report, bands, left, top
        self.step = (WIDTH - _MARGIN - left + _GAP) / len(bands)
        self.labels: list[Label] = []
        self.boxes: list[Box] = []
        self.bottom = top + _HEAD
        for number, band in enumerate(bands):
            room = self.step - _GAP
            x = left + number * self.step + room / 2
            self.labels.append(Label(x=x, y=top + 18, text=_range(band.releases, room), kind="band"))
        for name in report.names:
            self._row(name.name, name.label)

    def _row(self, name: str, label: str) -> None:
        """Add the boxes of an observation; all are as high as the one with the most lines."""
        segments = [(shown, list(run)) for shown, run in groupby(enumerate(self.bands), key=lambda b: _ids(b[1], name))]
        texts = [self._texts(shown, self._room(len(run))) for shown, run in segments]
        names = wrapped(_parts(label), _SIZE, self.left - _MARGIN - 6, 3, glue="", bold=True)
        height = max(map(len, [names, *texts])) * _LINE + 10
        for (shown, run), text in zip(segments, texts, strict=True):
            self.boxes.append(self._box(shown, run, text, height))
        self.labels += self._lines(names, _MARGIN, height, ("name", "name"))
        self.bottom += height + _GAP

    def _room(self, bands: int) -> float:
        return bands * self.step - _GAP - 2 * _PADDING

    def _box(self, shown: Sequence[str], run: Sequence[tuple[int, Band]], label: Sequence[str], height: float) -> Box:
        x = self.left + run[0][0] * self.step
        releases = [release for _, band in run for release in band.releases]
        signatures = [self.report.signatures[key] for key in shown]
        text = "; or ".join(signature.text for signature in signatures) or "not known"
        return Box(
            x=x,
            y=self.bottom,
            width=len(run) * self.step - _GAP,
            height=height,
            look=_look(signatures),
            warned=any(signature.warnings for signature in signatures),
            title=f"{releases[0]} – {releases[-1]}: {text}" if len(releases) > 1 else f"{releases[0]}: {text}",
            labels=tuple(self._lines(label, x + _PADDING, height, ("what", "more"))),
        )

    def _lines(self, text: Sequence[str], x: float, height: float, kinds: tuple[str, str]) -> list[Label]:
        """Return lines of text, vertically centred in the row; ``kinds`` are of the first line and of the others."""
        top = self.bottom + (height - len(text) * _LINE) / 2 + 11
        return [Label(x=x, y=top + n * _LINE, text=line, kind=kinds[n > 0]) for n, line in enumerate(text)]

    def _texts(self, shown: Sequence[str], room: float) -> list[str]:
        """Return the lines of a box: the mark and the outcome, then the message or warnings."""
        signatures = [self.report.signatures[key] for key in shown]
        if len(signatures) != 1:
            marks = " ≠ ".join(signature.mark for signature in signatures) or UNKNOWN
            return [fitted(marks, _SIZE, room, bold=True)]
        outcome, detail = _words(signatures[0])
        mark = signatures[0].mark
        first = f"{mark} {outcome}"
        details = wrapped(detail.split(), _SMALL, room, 3)
        if text_width(first, _SIZE, bold=True) <= room:
            return [first, *details]
        return [mark, *wrapped(_parts(outcome), _SMALL, room, 2, glue=""), *details]


def _parts(name: str) -> list[str]:
    """Return the parts of a name between which a line may break: after ``-``, ``_`` or ``.``, or within camelCase."""
    return re.split(r"(?<=[-_.])|(?<=[a-z])(?=[A-Z])", name)


def _ids(band: Band, name: str) -> tuple[str, ...]:
    return band.shown.get(name, ())


def _range(releases: Sequence[str], room: float) -> str:
    """Return the releases of a band in the longest form that fits."""
    first, last = releases[0], releases[-1]
    texts = [first] if first == last else [f"{first} – {last}", f"{first}–{last}", f"{first} …"]
    return next((text for text in texts if text_width(text, _SIZE, bold=True) <= room), fitted(first, _SIZE, room))


def _look(signatures: Sequence[ReportedSignature]) -> str:
    """Return the CSS class of a box."""
    if len(signatures) != 1:
        return "mixed" if signatures else "unknown"
    if signatures[0].signature.good:
        return "good"
    return "idle" if signatures[0].outcome in {"blocked", "skipped"} else "bad"


def _words(shown: ReportedSignature) -> tuple[str, str]:
    """Return the outcome or exception of a signature, and its message or warnings."""
    warnings = ", ".join(dict.fromkeys(visible(short(category)) for category, _ in shown.warnings))
    if shown.exception:
        message = visible(first_line(shown.message or ""))
        return visible(short(shown.exception)), f"{message} (with {warnings})" if warnings else message
    return shown.outcome, warnings
