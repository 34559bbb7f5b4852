"""Where reports come from and go to: results and fresh records on disk, and the rendered files beside them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from scripts import paths
from scripts.errors import SchemaError
from scripts.history.build import Explain, build_report
from scripts.history.report import Report
from scripts.matrix import cells
from scripts.matrix.cells import Cell
from scripts.matrix.config import Matrix
from scripts.results import accepting, drift
from scripts.results.records import FreshRecord, Record, Store, write_atomically
from scripts.running.workshop import Options, Workshop
from scripts.views import markdown, svg

#: The picture beside the accepted results, which the results' page and the README show.
PICTURE: Final = "matrix.svg"


def accepted() -> list[Record]:
    """The accepted results. Raises `SchemaError` for a file that this version can't read."""
    return Store(paths.RESULTS).read(Record)


def fresh(matrix: Matrix, options: Options = Options()) -> list[FreshRecord]:  # noqa: B008 - frozen
    """The fresh records of this machine that are up to date, and those of cells that couldn't be had.

    Args:
        matrix: what matrix.toml says now.
        options: the requirements and probes that they were run with.
    """
    work = Workshop(matrix, options, lambda _: None)
    found = []
    for path in work.store.paths():
        try:
            record = work.store.at(path, FreshRecord)
        except SchemaError:
            continue  # written by another version; the cell is run again when it is wanted
        if record is not None and _of_now(work, record):
            found.append(record)
    return found


def _of_now(work: Workshop, record: FreshRecord) -> bool:
    """Whether a record was made from what matrix.toml and the probes say now."""
    cell = Cell.parse(record.run.asked)
    return cell.build in work.matrix.builds and record.run.inputs == work.inputs(cell)


def distinct(fresh: Iterable[FreshRecord]) -> list[Record]:
    """One record a cell that was really tested, and those of cells that couldn't be had."""
    fresh = list(fresh)
    told: list[Record] = list(accepting.latest(record for record in fresh if record.tells))
    return told + [record for record in fresh if not record.tells]


def merged(results: Iterable[Record], fresh: Iterable[FreshRecord]) -> list[Record]:
    """One record a cell: the fresh one before the accepted, but never one that couldn't be had before one that was."""
    records: dict[tuple[str, str], Record] = {(record.cell.platform, record.cell.id): record for record in results}
    for record in distinct(fresh):
        key = record.cell.platform, record.cell.id
        if record.tells or key not in records:
            records[key] = record
    return list(records.values())


def report(
    matrix: Matrix,
    records: Sequence[Record],
    compared: drift.Compared | None = None,
    explain: Explain | None = None,
) -> Report:
    """The report of some records, with what matrix.toml knows of releases, builds and probes."""
    return build_report(
        records,
        known=matrix.releases,
        order=matrix.probes.order,
        exists=functools.partial(cells.exists, matrix),
        compared=compared,
        explain=explain,
    )


def results_texts(shown: Report) -> dict[str, str]:
    """What lies beside the results, by name: their page, and the picture in it."""
    return {"README.md": markdown.results_page(shown, picture=PICTURE), PICTURE: svg.render(shown)}


def write_results_page(matrix: Matrix) -> list[Path]:
    """Render the accepted results beside them; returns the files that changed."""
    texts = {paths.RESULTS / name: text for name, text in results_texts(report(matrix, accepted())).items()}
    changed = [path for path, text in texts.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in changed:
        write_atomically(path, texts[path])
    return changed
