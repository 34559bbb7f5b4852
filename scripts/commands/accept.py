"""Make fresh records the accepted results under results/, and render their table again.

Without CELL, all current fresh records are accepted. Records of unavailable cells never are: the accepted result
stays. Review the changes with `git diff results/`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from scripts.config import matrix_toml
from scripts.config import suite as suites
from scripts.config.cell import Cell
from scripts.config.model import Matrix
from scripts.core import paths
from scripts.core.errors import Exit, UsageError
from scripts.options import add_inputs, add_selecting, add_suite, chosen_suite, in_environment, narrow
from scripts.records import accept, drift, old_layout
from scripts.records.accept import Accepted
from scripts.records.model import FreshRecord
from scripts.records.store import Store
from scripts.run.context import Options
from scripts.views import report_files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that select cells."""
    parser.add_argument("cells", nargs="*", metavar="CELL", help="cells by id, such as 2.5.1-cpu-py3.11")
    parser.add_argument(
        "--migrate",
        action="store_true",
        help="accept nothing, but move the results of a version without suites into the folder of the default suite, "
        "and write all results of the suite in the present format",
    )
    add_selecting(parser)
    add_suite(parser)
    add_inputs(parser)


def run(options: argparse.Namespace) -> Exit:
    """Accept records and print what changed."""
    matrix = in_environment(matrix_toml.load(), options)
    if options.migrate:
        accepted = _migrate(matrix, options)
        suite = chosen_suite(matrix, options)
    else:
        suite = chosen_suite(matrix, options)
        current = report_files.fresh(matrix, Options(suite=suite, require=tuple(options.require)))
        accepted = accept.accept(_selected(matrix, current, options), Store(suite.paths.results))
    for result in accepted:
        if result.change != "same":
            print(f"{result.change:>7}  {_shown(result.path)}")
    for path in report_files.write_results_page(matrix, suite):
        print(f"changed  {_shown(path)}")
    counts = {change: sum(result.change == change for result in accepted) for change in ("new", "changed", "same")}
    print(", ".join(f"{number} {change}" for change, number in counts.items()))
    return Exit.OK


def _shown(path: Path) -> str:
    """Return a path from the project's root; those of a library are absolute."""
    return (path.relative_to(paths.ROOT) if path.is_relative_to(paths.ROOT) else path).as_posix()


def _migrate(matrix: Matrix, options: argparse.Namespace) -> list[Accepted]:
    """Move the results of a version without suites, and write those of the suite in the present format."""
    if options.cells:
        raise UsageError("--migrate: accepts no cells; remove CELL")
    default = suites.named(matrix).paths
    moved = accept.migrate(Store(default.results), moved=old_layout.old_results(default))
    for name in report_files.RESULTS_PAGE:
        (default.results.parent / name).unlink(missing_ok=True)
    selected = chosen_suite(matrix, options).paths
    return moved if selected == default else [*moved, *accept.migrate(Store(selected.results))]


def _selected(matrix: Matrix, fresh: Sequence[FreshRecord], options: argparse.Namespace) -> list[FreshRecord]:
    """Return the selected fresh records; a cell is the requested or the tested one."""
    requested = [Cell.parse(text) for text in options.cells]
    by_cell = {cell: record for record in fresh for cell in (record.cell.cell, Cell.parse(record.run.asked))}
    for cell in requested:
        if cell not in by_cell:
            raise UsageError(f'{cell.id}: no current record; `nox -s "cell({cell.id})"` makes one')
        if not by_cell[cell].is_conclusive:
            raise UsageError(f"{cell.id}: {drift.status(by_cell[cell])}; nothing to accept")
    narrowed = set(narrow(matrix, requested or list(by_cell), options))
    selected = {id(record): record for cell, record in by_cell.items() if cell in narrowed}
    if not any(record.is_conclusive for record in selected.values()):
        raise UsageError("no current records to accept; `nox -s matrix` makes some")
    return list(selected.values())
