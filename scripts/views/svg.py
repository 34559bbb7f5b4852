"""Render the report as an SVG picture: a row for what behaves alike, a column per range of releases.

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
from scripts.history.rows import Row, Table, mark_of
from scripts.records.signature import first_line, short
from scripts.views import templates
from scripts.views.current import by_platforms
from scripts.views.naming import Naming
from scripts.views.table import shown_rows, tables

WIDTH: Final = 830
_MARGIN: Final = 14
_GAP: Final = 3
_PADDING: Final = 5
_LINE: Final = 15  # height of a line
_HEAD: Final = 30  # height of the row of releases
_TITLE: Final = 30  # height of a platform's name
_NAMES: Final = 200  # room for names, which may have several lines
_LISTED: Final = 12  # names of a row
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
    naming = Naming(report=report, most=_LISTED, option="")
    return " ".join(f"{statement}." for *_, found in by_platforms(naming) for statement in found)


def _picture(report: Report) -> Picture:
    naming = Naming(report=report, most=_LISTED, option="")
    titles = (title for table in report.tables for row in shown_rows(naming, table) for title in row.titles)
    widest = max((text_width(title, _SIZE, bold=True) for title in titles), default=0)
    left = _MARGIN + min(widest, _NAMES) + 10
    top: float = _MARGIN
    labels: list[Label] = []
    boxes: list[Box] = []
    for platforms, table in tables(report):
        if len(report.tables) > 1:
            labels.append(Label(x=_MARGIN, y=top + 18, text=platforms, kind="platform"))
            top += _TITLE
        for start in range(0, len(table.columns), BANDS):
            panel = _Panel(naming, table, range(len(table.columns))[start : start + BANDS], left, top)
            labels += panel.labels
            boxes += panel.boxes
            top = panel.bottom + _MARGIN
    return Picture(height=top, labels=tuple(labels), boxes=tuple(boxes))


class _Panel:
    """Columns side by side, with a row of boxes below them for what behaves alike."""

    def __init__(self, naming: Naming, table: Table, columns: Sequence[int], left: float, top: float) -> None:
        self.report, self.left, self.top = naming.report, left, top
        self.columns = [table.columns[number] for number in columns]
        self.step = (WIDTH - _MARGIN - left + _GAP) / len(columns)
        self.labels: list[Label] = []
        self.boxes: list[Box] = []
        self.bottom = top + _HEAD
        for number, releases in enumerate(self.columns):
            room = self.step - _GAP
            x = left + number * self.step + room / 2
            self.labels.append(Label(x=x, y=top + 18, text=_range(releases, room), kind="band"))
        ordered = sorted(table.rows, key=lambda row: not row.listed)
        for row, shown in zip(ordered, shown_rows(naming, table), strict=True):
            self._row(row, [row.signatures[number] for number in columns], shown.title)

    def _row(self, row: Row, signatures: Sequence[tuple[str, ...]], title: str) -> None:
        """Add the boxes of a row; all are as high as the one with the most lines."""
        segments = [(shown, [n for n, _ in run]) for shown, run in groupby(enumerate(signatures), key=lambda b: b[1])]
        texts = [self._texts(row, shown, self._room(len(run))) for shown, run in segments]
        names = _name_lines(title, self.left - _MARGIN - 6)
        height = max(map(len, [names, *texts])) * _LINE + 10
        for (shown, run), text in zip(segments, texts, strict=True):
            self.boxes.append(self._box(shown, run, text, height))
        self.labels += self._lines(names, _MARGIN, height, ("name", "name"))
        self.bottom += height + _GAP

    def _room(self, bands: int) -> float:
        return bands * self.step - _GAP - 2 * _PADDING

    def _box(self, shown: Sequence[str], run: Sequence[int], label: Sequence[str], height: float) -> Box:
        x = self.left + run[0] * self.step
        releases = [release for number in run for release in self.columns[number]]
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

    def _texts(self, row: Row, shown: Sequence[str], room: float) -> list[str]:
        """Return the lines of a box: the mark and the outcome, then the message or warnings."""
        signatures = [self.report.signatures[key] for key in shown]
        if len(signatures) != 1:
            marks = " ≠ ".join(mark_of(signature.mark, row.known_defect) for signature in signatures) or UNKNOWN
            return [fitted(marks, _SIZE, room, bold=True)]
        outcome, detail = _words(signatures[0])
        if row.known_defect and signatures[0].signature.good:
            outcome, detail = row.known_defect, ""
        mark = mark_of(signatures[0].mark, row.known_defect)
        first = f"{mark} {outcome}"
        details = wrapped(detail.split(), _SMALL, room, 3)
        if text_width(first, _SIZE, bold=True) <= room:
            return [first, *details]
        return [mark, *wrapped(_parts(outcome), _SMALL, room, 2, glue=""), *details]


def _parts(name: str) -> list[str]:
    """Return the parts of a name between which a line may break: after ``-``, ``_`` or ``.``, or within camelCase."""
    return re.split(r"(?<=[-_.])|(?<=[a-z])(?=[A-Z])", name)


def _name_lines(title: str, room: float) -> list[str]:
    """Return names in as many lines as they need; only a name that is wider than a line is broken."""
    pieces: list[str] = []
    for word in re.split(r"(?<= )", title):
        fits = text_width(word.rstrip(), _SIZE, bold=True) <= room
        pieces += [word] if fits else [piece for part in _NAME_BREAKS.split(word) for piece in _pieces(part, room)]
    lines = [""]
    for piece in pieces:
        if lines[-1] and text_width((lines[-1] + piece).rstrip(), _SIZE, bold=True) > room:
            lines.append("")
        lines[-1] += piece
    return [line.strip() for line in lines]


#: Where a name that is wider than a line may break.
_NAME_BREAKS: Final = re.compile(r"(?<=[-_/,=])|(?<=::)")


def _pieces(part: str, room: float) -> list[str]:
    pieces = [""]
    for character in part:
        if pieces[-1] and text_width(pieces[-1] + character, _SIZE, bold=True) > room:
            pieces.append("")
        pieces[-1] += character
    return pieces


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
