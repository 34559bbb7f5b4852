"""The records that a report is made from, and the files rendered beside the accepted results."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from scripts.config import cells
from scripts.config.cell import Cell
from scripts.config.model import Matrix
from scripts.config.suite import Suite
from scripts.core.errors import SchemaError
from scripts.core.files import write_atomically
from scripts.history.build import Explain, build_report
from scripts.history.report import Report
from scripts.records import accept, drift, known_defects
from scripts.records.model import FreshRecord, Record
from scripts.records.store import Store
from scripts.run.context import Options, RunContext
from scripts.views import markdown, svg

#: The picture beside the accepted results, shown by their page and by the README.
PICTURE: Final = "matrix.svg"

#: The files beside the accepted results.
RESULTS_PAGE: Final = ("README.md", PICTURE)


def accepted(suite: Suite) -> list[Record]:
    """Return the accepted results of a suite. Raises `SchemaError` for a file that this version cannot read."""
    return Store(suite.paths.results).read(Record)


def fresh(matrix: Matrix, options: Options) -> list[FreshRecord]:
    """Return this machine's current fresh records, those of unavailable cells included.

    Args:
        matrix: the content of matrix.toml.
        options: the suite and the requirements that they were run with.
    """
    context = RunContext(matrix, options, lambda _: None)
    found = []
    for path in context.store.paths():
        try:
            record = context.store.load(path, FreshRecord)
        except SchemaError:
            continue  # written by another version; its cell will be run again
        if record is not None and _is_current(context, record):
            found.append(record)
    return found


def _is_current(context: RunContext, record: FreshRecord) -> bool:
    """Return True if a record's fingerprint is that of the present matrix.toml and suite."""
    cell = Cell.parse(record.run.asked)
    return cell.build in context.matrix.builds and context.inputs_match(record.run, cell)


def distinct(fresh: Iterable[FreshRecord]) -> list[Record]:
    """Return one conclusive record for each cell really tested, then the inconclusive ones."""
    fresh = list(fresh)
    conclusive: list[Record] = list(accept.latest(record for record in fresh if record.is_conclusive))
    return conclusive + [record for record in fresh if not record.is_conclusive]


def merged(results: Iterable[Record], fresh: Iterable[FreshRecord]) -> list[Record]:
    """Return one record per cell: the fresh one if it is conclusive or there is no accepted one."""
    records: dict[tuple[str, str], Record] = {(record.cell.platform, record.cell.id): record for record in results}
    for record in distinct(fresh):
        key = record.cell.platform, record.cell.id
        if record.is_conclusive or key not in records:
            records[key] = record
    return list(records.values())


def report(
    matrix: Matrix,
    suite: Suite,
    records: Sequence[Record],
    compared: drift.Compared | None = None,
    explain: Explain | None = None,
) -> Report:
    """Return the report of some records of a suite, with the releases and builds of matrix.toml."""
    found = build_report(
        records,
        known=matrix.releases,
        order=suite.order,
        exists=functools.partial(cells.exists, matrix),
        compared=compared,
        defects=known_defects.declared(suite.folder),
        explain=explain,
    )
    return found.model_copy(update={"require_key": suite.require_key})


def results_texts(shown: Report) -> dict[str, str]:
    """Return the files beside the results by name: their page, and the picture in it."""
    page, picture = markdown.results_page(shown, picture=PICTURE), svg.render(shown)
    return dict(zip(RESULTS_PAGE, (page, picture), strict=True))


def write_results_page(matrix: Matrix, suite: Suite) -> list[Path]:
    """Render the accepted results of a suite beside them, and return the files that changed."""
    shown = report(matrix, suite, accepted(suite))
    texts = {suite.paths.results / name: text for name, text in results_texts(shown).items()}
    changed = [path for path, text in texts.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in changed:
        write_atomically(path, texts[path])
    return changed
