"""The last job of the matrix: all records as one, the report, the job's summary, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from scripts import paths, printable
from scripts.ci import actions, issues, plan
from scripts.ci.inputs import Inputs
from scripts.ci.plan import Wanted
from scripts.commands import merge as merging
from scripts.commands import run as running
from scripts.errors import Exit
from scripts.history.report import Report, to_json
from scripts.matrix import config
from scripts.matrix.config import Matrix
from scripts.results import drift
from scripts.results.drift import Compared
from scripts.results.records import FreshRecord, Part, Record, Store, write_atomically
from scripts.results.signature import GOOD
from scripts.views import html, markdown, report_files

#: What the jobs behind get: the page, the report for machines, the issue's text, and what the verdict is made of.
FOLDER: Final = paths.REPORTS / "ci"
ISSUE: Final = "issue.json"

_FACTS: Final = "facts.json"


class Facts(Part):
    """What the verdict is made of."""

    recorded: int = 0
    wanted: int = 0
    drift: int = 0
    failed: tuple[str, ...] = ()  # tests that fail, where nothing accepted says what they should do
    missing: tuple[str, ...] = ()  # cells that left no record, or failed for other reasons than torch
    conflicts: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def run(folder: Path) -> Exit:
    """Merge what the jobs left below ``folder``, and report it. What is wrong is `verdict`'s business."""
    inputs, matrix = Inputs.read(), config.load()
    wanted = plan.load(plan.FILE)
    merged = merging.merge([folder], paths.RECORDS)
    conflicts = tuple(merging.told(one) for one in merged.conflicts)
    refused = tuple(printable.line(f"{one.name}: {one.why}") for one in merged.refused)
    fresh = _of_plan(report_files.fresh(matrix, inputs.options), wanted.cells)
    told = _Told(matrix, fresh, _accepted(inputs))
    facts = Facts(
        recorded=sum(record.usable for record in fresh),
        wanted=len(wanted.cells),
        drift=len(told.compared.drift),
        failed=_failing(fresh) if told.accepted is None else (),
        missing=_missing(fresh, wanted.cells),
        conflicts=conflicts,
        refused=refused,
    )
    _write(told, facts)
    actions.summary(summary(told.report, facts))
    actions.output({"drift": facts.drift, "recorded": facts.recorded, "verdict": judge(facts).name.lower()})
    return Exit.OK


def verdict() -> Exit:
    """The conclusion of the whole run."""
    facts = Facts.model_validate_json((FOLDER / _FACTS).read_bytes())
    result = judge(facts)
    print(f"{facts.recorded} of {facts.wanted} cells recorded; {result.name.lower()}")
    return result


def judge(facts: Facts) -> Exit:
    """The exit code that the facts amount to; what is worse comes first."""
    if facts.drift or facts.failed or facts.conflicts:
        return Exit.UNEXPECTED
    if facts.missing or facts.refused:
        return Exit.MACHINERY
    return Exit.OK if facts.recorded or not facts.wanted else Exit.INCONCLUSIVE


class _Told:
    """The fresh records, compared with what is accepted where there is something, and as reports."""

    def __init__(self, matrix: Matrix, fresh: Sequence[FreshRecord], accepted: Sequence[Record] | None) -> None:
        self.accepted = accepted
        self.compared: Compared = drift.compare(fresh if accepted is not None else [], accepted or [])
        records = report_files.distinct(fresh)
        self.report: Report = report_files.report(matrix, records, self.compared)
        everything = report_files.merged(accepted or [], fresh)
        self.page: Report = report_files.report(matrix, everything, self.compared)


def _accepted(inputs: Inputs) -> list[Record] | None:
    """What is accepted for the probes that were run; None where nothing could be."""
    folder = paths.RESULTS if inputs.own_probes else inputs.results
    return Store(folder).read(Record) if folder else None


def _of_plan(fresh: Sequence[FreshRecord], wanted: Sequence[Wanted]) -> list[FreshRecord]:
    names = {(one.platform, one.id) for one in wanted}
    return [record for record in fresh if (record.cell.platform, record.run.asked) in names]


def _missing(fresh: Sequence[FreshRecord], wanted: Sequence[Wanted]) -> tuple[str, ...]:
    there = {(record.cell.platform, record.run.asked) for record in fresh}
    none = [f"{one.platform}/{one.id}: no record" for one in wanted if (one.platform, one.id) not in there]
    broken = [f"{one.cell.platform}/{one.run.asked}: {drift.status(one)}" for one in fresh if running.broken(one)]
    return tuple(map(printable.line, [*none, *broken]))


def _failing(fresh: Sequence[FreshRecord]) -> tuple[str, ...]:
    return tuple(
        printable.line(f"{record.cell.platform}/{record.cell.id} {name}: {test.outcome}")
        for record in fresh
        for name, test in record.tests.items()
        if test.outcome not in GOOD
    )


def _write(told: _Told, facts: Facts) -> None:
    write_atomically(FOLDER / "site" / "index.html", html.render(told.page))
    write_atomically(FOLDER / "report.json", to_json(told.page))
    write_atomically(FOLDER / ISSUE, dump_part(issues.drift(told.compared.drift, told.report)))
    write_atomically(FOLDER / _FACTS, dump_part(facts))


def dump_part(part: Part) -> str:
    """A small file between jobs."""
    return part.model_dump_json(indent=1) + "\n"


def summary(report: Report, facts: Facts) -> str:
    """The job's summary: what is wrong first, then the table and the change points."""
    parts = [f"**{facts.recorded} of {facts.wanted} cells recorded**: {_WORDS[judge(facts)]}."]
    for title, texts in (
        ("Failing tests", facts.failed),
        ("Conflicting records", facts.conflicts),
        ("Refused files", facts.refused),
        ("Cells without a record that can be used", facts.missing),
    ):
        if texts:
            lines = printable.cut("\n".join(texts), 100_000)
            parts.append(f"### {title}\n\n{printable.fenced(lines)}")
    if report.cells:
        parts.append(markdown.summary(report))
    return "\n\n".join(parts)


_WORDS: Final = {
    Exit.OK: "nothing unexpected",
    Exit.UNEXPECTED: "not as expected",
    Exit.MACHINERY: "the run is incomplete; rerunning the failed jobs runs only what is missing",
    Exit.INCONCLUSIVE: "nothing could be said",
    Exit.USAGE: "",
}
