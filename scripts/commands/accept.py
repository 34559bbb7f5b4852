"""Make fresh records the accepted results, under results/, and render its table anew.

Without cells, every fresh record that is up to date is accepted. A cell that couldn't be had is not: what is
accepted stays. What was accepted last is in version control: `git diff results/` is the news.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from scripts import paths
from scripts.commands.options import add_selecting, narrow
from scripts.errors import Exit, UsageError
from scripts.matrix import config
from scripts.matrix.cells import Cell
from scripts.matrix.config import Matrix
from scripts.results import accepting, drift
from scripts.results.records import FreshRecord, Store
from scripts.views import report_files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which cells."""
    parser.add_argument("cells", nargs="*", metavar="CELL", help="cells by id, such as 2.5.1-cpu-py3.11")
    add_selecting(parser)


def run(options: argparse.Namespace) -> Exit:
    """Accept, and say what that changed."""
    matrix = config.load()
    fresh = _chosen(matrix, report_files.fresh(matrix), options)
    done = accepting.accept(fresh, Store(paths.RESULTS))
    for one in done:
        if one.change != "same":
            print(f"{one.change:>7}  {one.path.relative_to(paths.ROOT).as_posix()}")
    for path in report_files.write_results_page(matrix):
        print(f"changed  {path.relative_to(paths.ROOT).as_posix()}")
    counts = {change: sum(one.change == change for one in done) for change in ("new", "changed", "same")}
    print(", ".join(f"{number} {change}" for change, number in counts.items()))
    return Exit.OK


def _chosen(matrix: Matrix, fresh: Sequence[FreshRecord], options: argparse.Namespace) -> list[FreshRecord]:
    """The fresh records that are meant, each by the cell that was asked for or the one that was tested."""
    wanted = [Cell.parse(text) for text in options.cells]
    by_cell = {cell: record for record in fresh for cell in (record.cell.cell, Cell.parse(record.run.asked))}
    for cell in wanted:
        if cell not in by_cell:
            raise UsageError(f'{cell.id}: no up-to-date record of this cell; `nox -s "cell({cell.id})"` makes one')
        if not by_cell[cell].tells:
            raise UsageError(f"{cell.id}: {drift.status(by_cell[cell])}; there is nothing to accept")
    narrowed = set(narrow(matrix, wanted or list(by_cell), options))
    chosen = {id(by_cell[cell]): by_cell[cell] for cell in by_cell if cell in narrowed}
    if not any(record.tells for record in chosen.values()):
        raise UsageError("there is no up-to-date record to accept; `nox -s matrix` makes some")
    return list(chosen.values())
