"""Making the report from records. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from scripts.history import timeline
from scripts.history.marks import Marks
from scripts.history.report import (
    CellView,
    ChangeView,
    DisagreementView,
    DriftView,
    EvidenceView,
    Name,
    Range,
    Report,
    Shown,
    Stretch,
    TimelineView,
    label,
)
from scripts.history.timeline import Axes, ChangePoint, Disagreement, Timeline
from scripts.matrix import cells
from scripts.matrix.cells import Cell
from scripts.results.drift import Compared
from scripts.results.records import Frame, FreshRecord, Observation, Record, Test, Torch
from scripts.results.signature import GOOD, Signature, describe, describe_among, describe_change, signatures
from scripts.sources import torchinfo

#: The notes of a release.
NOTES: Final = "https://github.com/pytorch/pytorch/releases/tag/v"


def report(
    records: Sequence[Record],
    *,
    known: Sequence[str] = (),
    order: Sequence[str] = (),
    exists: Callable[[Cell], bool] = lambda _: True,
    compared: Compared | None = None,
    explain: Callable[[ChangePoint], EvidenceView | None] = lambda _: None,
) -> Report:
    """The report of some records.

    Args:
        records: one a cell, accepted or fresh, in any order.
        known: all releases that there are.
        order: files of probes in the order in which what they observed is shown; others follow.
        exists: whether upstream published a cell's wheel.
        compared: the fresh records against the accepted results.
        explain: the evidence for a change point, from the wheels.
    """
    records = sorted(records, key=lambda record: (record.cell.cell.sort_key, record.cell.platform))
    names = _names(records, order)
    shown = {id(record): signatures(record) for record in records}
    releases = sorted({record.cell.torch for record in records}, key=cells.version)
    lines = [
        line
        for line in timeline.timelines(
            records, known=_within(known, releases), exists=exists, read=lambda record: shown[id(record)]
        )
        if line.name in names
    ]
    lines.sort(key=lambda line: (line.platform, list(names).index(line.name)))
    book = _Book(records, names)
    return Report(
        releases=tuple(releases),
        platforms=tuple(sorted({record.cell.platform for record in records})),
        names=tuple(names.values()),
        cells=tuple(book.cell(record, shown[id(record)]) for record in records),
        timelines=tuple(book.timeline(line) for line in lines),
        changes=tuple(book.change(change, explain(change)) for line in lines for change in line.changes),
        disagreements=tuple(book.disagreement(one) for line in lines for one in line.disagreements),
        drift=tuple(_drift(compared)) if compared else (),
        new=tuple(f"{key.platform}/{key.id}" for key in compared.new) if compared else (),
        signatures=book.shown(),
        legend=book.marks.legend(),
        tracebacks=book.tracebacks,
        packages=book.packages,
    )


def _within(known: Sequence[str], releases: Sequence[str]) -> list[str]:
    """The known releases between the first that is recorded and the last."""
    if not releases:
        return []
    low, high = cells.version(releases[0]), cells.version(releases[-1])
    return [release for release in known if low <= cells.version(release) <= high]


def _names(records: Iterable[Record], order: Sequence[str]) -> dict[str, Name]:
    """Everything worth a column: the observations, and the tests that tell more than their observations do.

    A test that only makes observations passes always; its verdict is told only where it doesn't.
    """
    observations: dict[str, str] = {}
    tests: dict[str, str] = {}
    for record in records:
        observing = {seen.test for seen in record.observations.values()}
        for name, seen in record.observations.items():
            observations.setdefault(name, seen.test or "")
        for name, test in record.tests.items():
            if name not in observing or test.outcome not in GOOD:
                tests.setdefault(name, name)
    places = {file: place for place, file in enumerate(order)}

    def key(item: tuple[str, str]) -> tuple[int, str]:
        file = item[1].partition("::")[0]
        return places.get(file, len(places)), file

    return {
        **{name: Name(name=name, kind="observation") for name, _ in sorted(observations.items(), key=key)},
        **{name: Name(name=name, kind="test") for name, _ in sorted(tests.items(), key=key)},
    }


class _Book:
    """Keeps each text once, under an id."""

    def __init__(self, records: Sequence[Record], names: Mapping[str, Name]) -> None:
        self.names = names
        self.marks = Marks()
        self.tracebacks: dict[str, tuple[Frame, ...]] = {}
        self.packages: dict[str, dict[str, str]] = {}
        self._ids: dict[Signature, str] = {}
        self._traceback_ids: dict[tuple[tuple[str, int, str], ...], str] = {}
        self._package_ids: dict[tuple[tuple[str, str], ...], str] = {}
        self._marks: dict[Signature, str] = {}
        self._torches: dict[tuple[str, Axes], Torch] = {}
        for record in records:
            if record.torch is not None:
                self._torches[record.cell.torch, Axes.of(record)] = record.torch

    def id(self, signature: Signature) -> str:
        """The id of a signature; the first gets s1."""
        if signature not in self._ids:
            self._ids[signature] = f"s{len(self._ids) + 1}"
            self._marks[signature] = self.marks.mark(signature)
        return self._ids[signature]

    def shown(self) -> dict[str, Shown]:
        known = list(self._ids)
        return {
            name: Shown(mark=self._marks[one], text=describe_among(one, known[:number]), **vars(one))
            for number, (one, name) in enumerate(self._ids.items())
        }

    def cell(self, record: Record, signed: Mapping[str, Signature]) -> CellView:
        run = record.run if isinstance(record, FreshRecord) else None
        everything: dict[str, Observation | Test] = {**record.observations, **record.tests}
        seen = {name: everything[name] for name in self.names if name in everything}
        return CellView(
            **record.cell.model_dump(),
            id=record.cell.id,
            axes=str(Axes.of(record)),
            origin="fresh" if run else "accepted",
            status=record.status,
            reason=record.reason,
            seen={name: self.id(signed[name]) for name in seen},
            tracebacks={name: self._traceback(one.frames) for name, one in seen.items() if one.frames},
            packages=self._packages(record.packages) if record.packages else None,
            wheel=record.wheel,
            about=record.torch,
            asked=run.asked if run else None,
            recorded_at=run.recorded_at if run else None,
            machine=run.machine if run else None,
            log=run.log if run else None,
            bytes=run.bytes if run else None,
            timings=run.timings if run else None,
        )

    def _traceback(self, frames: tuple[Frame, ...]) -> str:
        key = tuple((frame.file, frame.line, frame.function) for frame in frames)
        name = self._traceback_ids.setdefault(key, f"t{len(self._traceback_ids) + 1}")
        self.tracebacks.setdefault(name, frames)
        return name

    def _packages(self, packages: dict[str, str]) -> str:
        name = self._package_ids.setdefault(tuple(packages.items()), f"p{len(self._package_ids) + 1}")
        self.packages.setdefault(name, packages)
        return name

    def timeline(self, line: Timeline) -> TimelineView:
        stretches = tuple(
            Stretch(releases=one.releases, signatures=tuple(self.id(seen) for seen in one.seen))
            for one in line.intervals
        )
        return TimelineView(
            name=line.name,
            platform=line.platform,
            intervals=stretches,
            ranges=tuple(ranges(stretches)),
            gaps={gap.release: gap.why for gap in line.gaps},
        )

    def change(self, change: ChangePoint, evidence: EvidenceView | None) -> ChangeView:
        axes = change.on[0]
        torches = (self._torches.get((release, axes)) for release in (change.before, change.after))
        return ChangeView(
            name=change.name,
            platform=change.platform,
            before=change.before,
            after=change.after,
            kind=change.kind,
            aspects=change.aspects,
            old=self.id(change.old),
            new=self.id(change.new),
            on=tuple(map(str, change.on)),
            suspects=change.suspects,
            blamed="confounded" if change.confounded else "torch",
            confounded=change.confounded,
            settle=change.settle,
            notes=f"{NOTES}{change.after}",
            commits=torchinfo.compare_link(*torches),
            sentence=sentence(change),
            evidence=evidence,
        )

    def disagreement(self, one: Disagreement) -> DisagreementView:
        sides = {self.id(seen): tuple(map(str, axes)) for seen, axes in one.sides}
        said = "; ".join(f"{describe(seen)} ({', '.join(map(str, axes))})" for seen, axes in one.sides)
        return DisagreementView(
            name=one.name,
            platform=one.platform,
            release=one.release,
            sides=sides,
            sentence=f"{label(one.name)}: {one.release} differs: {said}",
        )


def ranges(stretches: Sequence[Stretch]) -> list[Range]:
    """Where each behaviour is met, in the manner of browser compatibility data: any number of ranges each."""
    found: list[Range] = []
    for signature in dict.fromkeys(name for stretch in stretches for name in stretch.signatures):
        inside = [signature in stretch.signatures for stretch in stretches]
        start = 0
        while start < len(stretches):
            if not inside[start]:
                start += 1
                continue
            stop = start
            while stop + 1 < len(stretches) and inside[stop + 1]:
                stop += 1
            found.append(
                Range(
                    signature=signature,
                    after=stretches[start - 1].releases[-1] if start else None,
                    since=stretches[start].releases[0] if start else None,
                    first=stretches[start].releases[0],
                    last=stretches[stop].releases[-1],
                    until=stretches[stop + 1].releases[0] if stop + 1 < len(stretches) else None,
                )
            )
            start = stop + 1
    return found


def sentence(change: ChangePoint) -> str:
    """A change point in words: what, between which releases, from what to what, and what it is blamed on."""
    what = f"{label(change.name)}: {change.before} → {change.after}{not_recorded(change.suspects)}"
    limits = confounding(change.confounded, change.settle)
    on = f", on {', '.join(map(str, change.on))}" if change.across else ""
    return f"{what}, {change.kind}: {describe_change(change.old, change.new)}{on}{limits}"


def not_recorded(suspects: Sequence[str]) -> str:
    """Releases in between that nobody looked at, any of which may have brought the change."""
    return f" ({', '.join(suspects[:-1])} not recorded)" if suspects[:-1] else ""


def confounding(confounded: Sequence[str], settle: Sequence[str]) -> str:
    """What else changed, and could be the cause."""
    if not confounded:
        return ""
    remedy = f"{' or '.join(settle)} would settle it" if settle else "no wheel exists that would settle it"
    return f"; the {' and the '.join(confounded)} changed as well: {remedy}"


def _drift(compared: Compared) -> list[DriftView]:
    return [
        DriftView(
            cell=one.cell.id,
            platform=one.cell.platform,
            name=one.name,
            kind=one.kind,
            accepted=one.accepted,
            fresh=one.fresh,
        )
        for one in compared.drift
    ]
