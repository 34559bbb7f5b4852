"""The last job of the matrix: merge all records, write the report and the job's summary, and judge the run."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from scripts.ci import actions, issues, plan
from scripts.ci.inputs import Inputs
from scripts.ci.plan import ExpectedCell
from scripts.config.model import Matrix
from scripts.config.suite import Suite
from scripts.core import escaping
from scripts.core.documents import StrictModel, first_problem
from scripts.core.errors import Exit, SchemaError
from scripts.core.files import write_atomically
from scripts.history.report import Report, to_json
from scripts.records import drift
from scripts.records.drift import Compared, broken
from scripts.records.merge_folders import merge_folders
from scripts.records.model import FreshRecord, Record
from scripts.records.signature import GOOD
from scripts.records.store import Store
from scripts.views import html, markdown, report_files
from scripts.views import merge as merge_views

#: The issue's text in `folder_of`.
ISSUE: Final = "issue.json"

_FACTS: Final = "facts.json"


class Facts(StrictModel):
    """The facts of a run that decide its verdict; texts are safe to print."""

    recorded: int = 0
    wanted: int = 0  # cells in the plan
    drift: int = 0
    failed: tuple[str, ...] = ()  # failing tests, where no accepted results say what they should do
    missing: tuple[str, ...] = ()  # cells that left no record, or failed for another reason than torch
    conflicts: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def run(folder: Path) -> Exit:
    """Merge the records that the jobs left below ``folder``, and report them. A later step judges them."""
    inputs = Inputs.read()
    matrix = inputs.matrix()
    expected = plan.FORMAT.read(plan.FILE).cells
    suite = inputs.chosen_suite(matrix)
    merged = merge_folders([folder], suite.paths.records, suite=suite.name)
    fresh = _only_expected(report_files.fresh(matrix, inputs.options(suite)), expected)
    accepted = _accepted(inputs, suite)
    reports = _reports(matrix, suite, fresh, accepted)
    facts = Facts(
        recorded=sum(record.usable for record in fresh),
        wanted=len(expected),
        drift=len(reports.compared.drift),
        failed=_failing_tests(fresh) if accepted is None else (),
        missing=_missing_cells(fresh, expected),
        conflicts=tuple(map(merge_views.conflict, merged.conflicts)),
        refused=tuple(map(merge_views.refused, merged.refused)),
    )
    _write(folder_of(suite), reports, facts)
    actions.summary(summary(reports.fresh, facts))
    actions.output({"drift": facts.drift, "recorded": facts.recorded, "verdict": judge(facts).name.lower()})
    return Exit.OK


def folder_of(suite: Suite) -> Path:
    """Return the folder for the following jobs: the page, the report as JSON, the issue's text, and the facts."""
    return suite.paths.reports / "ci"


def verdict() -> Exit:
    """Return the exit code of the whole run, from the facts that `run` wrote."""
    inputs = Inputs.read()
    facts = read_facts(folder_of(inputs.chosen_suite(inputs.matrix())) / _FACTS)
    result = judge(facts)
    print(f"{facts.recorded} of {facts.wanted} cells recorded; {result.name.lower()}")
    return result


def read_facts(path: Path) -> Facts:
    """Return the facts in a file. Raises `SchemaError` if there are none."""
    try:
        return Facts.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise SchemaError(f"{path}: no facts of a report ({first_problem(error)}); run `ci report` first") from None


def judge(facts: Facts) -> Exit:
    """Return the exit code that follows from the facts; where several apply, the most serious one."""
    if facts.drift or facts.failed or facts.conflicts:
        return Exit.UNEXPECTED
    if facts.missing or facts.refused:
        return Exit.MACHINERY
    return Exit.OK if facts.recorded or not facts.wanted else Exit.INCONCLUSIVE


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Reports:
    """The comparison of a run with the accepted results, and its reports."""

    compared: Compared
    fresh: Report  # of the run's own records
    complete: Report  # of these and the accepted results


def _reports(matrix: Matrix, suite: Suite, fresh: Sequence[FreshRecord], accepted: Sequence[Record] | None) -> _Reports:
    compared = drift.compare(fresh if accepted is not None else [], accepted or [])
    return _Reports(
        compared=compared,
        fresh=report_files.report(matrix, suite, report_files.distinct(fresh), compared),
        complete=report_files.report(matrix, suite, report_files.merged(accepted or [], fresh), compared),
    )


def _accepted(inputs: Inputs, suite: Suite) -> list[Record] | None:
    """Return the accepted results of the suite that ran, or None if it has no folder of results."""
    folder = suite.paths.results if inputs.is_declared else inputs.results
    if folder is None and suite.project is not None and suite.project.results.is_dir():
        folder = suite.project.results
    return Store(folder).read(Record) if folder else None


def _only_expected(fresh: Sequence[FreshRecord], expected: Sequence[ExpectedCell]) -> list[FreshRecord]:
    keys = {(cell.platform, cell.id) for cell in expected}
    return [record for record in fresh if (record.cell.platform, record.run.asked) in keys]


def _missing_cells(fresh: Sequence[FreshRecord], expected: Sequence[ExpectedCell]) -> tuple[str, ...]:
    recorded = {(record.cell.platform, record.run.asked) for record in fresh}
    absent = [cell for cell in expected if (cell.platform, cell.id) not in recorded]
    texts = [f"{cell.platform}/{cell.id}: no record" for cell in absent]
    texts += [
        f"{record.cell.platform}/{record.run.asked}: {drift.status(record)}" for record in fresh if broken(record)
    ]
    return tuple(map(escaping.line, texts))


def _failing_tests(fresh: Sequence[FreshRecord]) -> tuple[str, ...]:
    return tuple(
        escaping.line(f"{record.cell.platform}/{record.cell.id} {name}: {test.outcome}")
        for record in fresh
        for name, test in record.tests.items()
        if test.outcome not in GOOD
    )


def _write(folder: Path, reports: _Reports, facts: Facts) -> None:
    write_atomically(folder / "site" / "index.html", html.render(reports.complete))
    write_atomically(folder / "report.json", to_json(reports.complete))
    write_atomically(folder / ISSUE, as_file(issues.drift(reports.compared.drift, reports.fresh)))
    write_atomically(folder / _FACTS, as_file(facts))


def as_file(part: StrictModel) -> str:
    """Return a model as the text of a file that a later step or job reads."""
    return part.model_dump_json(indent=1) + "\n"


def summary(report: Report, facts: Facts) -> str:
    """Return the job's summary as Markdown: the problems first, then the table and the change points."""
    parts = [f"**{facts.recorded} of {facts.wanted} cells recorded**: {_WORDS[judge(facts)]}."]
    for title, texts in (
        ("Failing tests", facts.failed),
        ("Conflicting records", facts.conflicts),
        ("Refused files", facts.refused),
        ("Cells without a usable record", facts.missing),
    ):
        if texts:
            lines = escaping.cut("\n".join(texts), 100_000)
            parts.append(f"### {title}\n\n{escaping.fenced(lines)}")
    if report.cells:
        size = sum(len(part.encode()) for part in parts)
        parts.append(markdown.summary(report, limit=markdown.LIMIT - size))
    return "\n\n".join(parts)


_WORDS: Final = {
    Exit.OK: "nothing unexpected",
    Exit.UNEXPECTED: "not as expected",
    Exit.MACHINERY: "the run is incomplete; rerunning the failed jobs runs only the missing cells",
    Exit.INCONCLUSIVE: "inconclusive, since no cell was recorded",
    Exit.USAGE: "",
}
