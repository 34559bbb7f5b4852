"""Build the report from records. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from scripts.config import versions
from scripts.config.cell import Cell
from scripts.core.escaping import visible
from scripts.history import labels, reasons, rows, timeline
from scripts.history.changes import change_points
from scripts.history.marks import Marks
from scripts.history.report import ChangePoint, Evidence, Name, Report, ReportedCell, ReportedSignature
from scripts.history.rows import Appearance
from scripts.history.timeline import Axes
from scripts.index import torch_version
from scripts.records.drift import Compared
from scripts.records.model import Frame, FreshRecord, Observation, Record, Test
from scripts.records.signature import GOOD, Signature, describe_among, signature_of

#: Returns the evidence for a change between two records, of the observation or test of that name.
Explain = Callable[[Record, Record, str], Evidence]


def build_report(
    records: Sequence[Record],
    *,
    known: Sequence[str] = (),
    order: Sequence[str] = (),
    exists: Callable[[Cell], bool] = lambda _: True,
    compared: Compared | None = None,
    defects: Mapping[str, str] | None = None,
    explain: Explain | None = None,
) -> Report:
    """Return the report of some records.

    Args:
        records: one per cell, accepted or fresh, in any order.
        known: all releases that exist.
        order: test files, in the order in which their observations are shown; others follow.
        exists: True if upstream published a cell's wheel.
        defects: the known defects that tests assert, for records that do not say so, by node id without parameters.
        compared: the fresh records compared with the accepted results.
        explain: finds the evidence for a change; None for a report without evidence.
    """
    records = sorted(records, key=lambda record: (record.cell.cell.sort_key, record.cell.platform))
    names = _names(records, order, defects or {})
    table = _Table()
    reported = [table.cell(record, names) for record in records]
    known_defects = {name.name: name.known_defect for name in names.values() if name.known_defect}
    appearance = Appearance(signatures=table.signatures, marks=table.marks_by_id, defects=known_defects)
    releases = sorted({cell.torch for cell in reported}, key=versions.version)
    series = timeline.series_of(reported, names, table.signatures, _within(known, releases))
    details = _Details(records, reported, explain)
    return Report(
        releases=tuple(releases),
        platforms=tuple(sorted({cell.platform for cell in reported})),
        names=tuple(names.values()),
        tables=rows.tables([cell for cell in reported if cell.recorded], list(names), appearance),
        reasons=reasons.shared([cell for cell in reported if not cell.recorded]),
        cells=tuple(reported),
        timelines=tuple(map(timeline.timeline, series)),
        changes=tuple(
            details.added_to(change) for each in series for change in change_points(each, table.signatures, exists)
        ),
        disagreements=tuple(found for each in series for found in timeline.disagreements(each, table.signatures)),
        drift=compared.drift if compared else (),
        new=tuple(f"{key.platform}/{key.id}" for key in compared.new) if compared else (),
        signatures=table.reported(),
        legend=table.marks.legend(),
        tracebacks=table.tracebacks,
        packages=table.packages,
    )


def _within(known: Sequence[str], releases: Sequence[str]) -> list[str]:
    """Return the known releases from the first recorded one to the last."""
    if not releases:
        return []
    low, high = versions.version(releases[0]), versions.version(releases[-1])
    return [release for release in known if low <= versions.version(release) <= high]


def _names(records: Iterable[Record], order: Sequence[str], defects: Mapping[str, str]) -> dict[str, Name]:
    """Return the columns of the report: observations, then tests that add something to their observations.

    A test that only makes observations always passes; it is a column only if its verdict is another one.
    """
    observations: dict[str, str] = {}
    tests: dict[str, str] = {}
    sentences: dict[str, str] = {}
    for record in records:
        observing = {observation.test for observation in record.observations.values()}
        for name, observation in record.observations.items():
            observations.setdefault(name, observation.test or "")
        for name, test in record.tests.items():
            if name not in observing or test.outcome not in GOOD:
                tests.setdefault(name, name)
            if test.known_defect:
                sentences[name] = test.known_defect
    ranks = {file: rank for rank, file in enumerate(order)}

    def key(item: tuple[str, str]) -> tuple[int, str]:
        file = item[1].partition("::")[0]
        return ranks.get(file, len(ranks)), file

    observed = [name for name, _ in sorted(observations.items(), key=key)]
    tested = [name for name, _ in sorted(tests.items(), key=key) if name not in observations]
    shown = labels.labels([*observed, *tested])

    def meaning(name: str) -> str | None:
        sentence = sentences.get(name) or defects.get(labels.base(name))
        return visible(sentence) if sentence else None

    return {
        **{name: Name(name=name, kind="observation", label=shown[name]) for name in observed},
        **{name: Name(name=name, kind="test", label=shown[name], known_defect=meaning(name)) for name in tested},
    }


class _Table:
    """Stores each signature, traceback and list of packages once, under an id."""

    def __init__(self) -> None:
        self.marks = Marks()
        self.signatures: dict[str, Signature] = {}
        self.tracebacks: dict[str, tuple[Frame, ...]] = {}
        self.packages: dict[str, dict[str, str]] = {}
        self.marks_by_id: dict[str, str] = {}
        self._signature_ids: dict[Signature, str] = {}
        self._traceback_ids: dict[tuple[tuple[str, int, str], ...], str] = {}
        self._package_ids: dict[tuple[tuple[str, str], ...], str] = {}

    def reported(self) -> dict[str, ReportedSignature]:
        """Return the signatures by id, each described so that it differs from those before it."""
        known = list(self.signatures.values())
        return {
            name: ReportedSignature(
                mark=self.marks_by_id[name], text=describe_among(signature, known[:number]), **vars(signature)
            )
            for number, (name, signature) in enumerate(self.signatures.items())
        }

    def cell(self, record: Record, names: Iterable[str]) -> ReportedCell:
        """Return a record as a cell of the report, with the observations and tests of these names."""
        run = record.run if isinstance(record, FreshRecord) else None
        everything: dict[str, Observation | Test] = {**record.observations, **record.tests}
        shown = {name: everything[name] for name in names if name in everything}
        return ReportedCell(
            **record.cell.model_dump(),
            id=record.cell.id,
            axes=str(Axes.of(record.cell, record.wheel)),
            origin="fresh" if run else "accepted",
            status=record.status,
            reason=record.reason,
            seen={name: self._signature(observed) for name, observed in shown.items()},
            tracebacks={name: self._traceback(observed.frames) for name, observed in shown.items() if observed.frames},
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

    def _signature(self, observed: Observation | Test) -> str:
        signature = signature_of(observed)
        name = self._signature_ids.setdefault(signature, f"s{len(self._signature_ids) + 1}")
        if name not in self.signatures:
            self.signatures[name] = signature
            self.marks_by_id[name] = self.marks.mark(signature)
        return name

    def _traceback(self, frames: tuple[Frame, ...]) -> str:
        key = tuple((frame.file, frame.line, frame.function) for frame in frames)
        name = self._traceback_ids.setdefault(key, f"t{len(self._traceback_ids) + 1}")
        self.tracebacks.setdefault(name, frames)
        return name

    def _packages(self, packages: dict[str, str]) -> str:
        name = self._package_ids.setdefault(tuple(packages.items()), f"p{len(self._package_ids) + 1}")
        self.packages.setdefault(name, packages)
        return name


class _Details:
    """Adds the commits and the evidence to change points, from the records of both sides."""

    def __init__(self, records: Sequence[Record], reported: Sequence[ReportedCell], explain: Explain | None) -> None:
        self._explain = explain
        self._cells: dict[tuple[str, str], list[tuple[ReportedCell, Record]]] = defaultdict(list)
        for record, cell in zip(records, reported, strict=True):
            self._cells[cell.platform, cell.torch].append((cell, record))

    def added_to(self, change: ChangePoint) -> ChangePoint:
        """Return the change point with its details."""
        evidence = self._explain(*self._sides(change), change.name) if self._explain else None
        return change.model_copy(update={"commits": self._commits(change), "evidence": evidence})

    def _commits(self, change: ChangePoint) -> str | None:
        torches = (
            next(
                (
                    record.torch
                    for cell, record in reversed(self._cells[change.platform, release])
                    if cell.axes == change.on[0] and record.torch
                ),
                None,
            )
            for release in (change.before, change.after)
        )
        return torch_version.compare_link(*torches)

    def _sides(self, change: ChangePoint) -> tuple[Record, Record]:
        """Return a record with the old signature and one with the new one, on the axes of the change if possible."""
        return self._showing(change, change.before, change.old), self._showing(change, change.after, change.new)

    def _showing(self, change: ChangePoint, release: str, signature: str) -> Record:
        found = (
            (cell.axes not in change.on, cell.id, record)
            for cell, record in self._cells[change.platform, release]
            if cell.recorded and cell.seen.get(change.name) == signature
        )
        return min(found, key=lambda side: side[:2])[2]
