"""Run the cells of a selection that have no current record, then show the table and the drift.

Exit code 1: drift against results/. 3: a cell failed for reasons other than torch. 4: no cell was recorded.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from scripts.config import matrix_toml
from scripts.config.cell import Cell
from scripts.config.model import Matrix
from scripts.config.suite import Suite
from scripts.core.console import make_console
from scripts.core.errors import Exit
from scripts.options import (
    add_cells,
    add_inputs,
    add_selecting,
    add_suite,
    chosen,
    chosen_suite,
    in_environment,
    positive_int,
    size,
)
from scripts.records import drift
from scripts.records.drift import verdict
from scripts.records.model import FreshRecord
from scripts.run import scheduler
from scripts.run.context import Options
from scripts.views import report_files, terminal
from scripts.views.progress import Display


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the selection and the settings of the run."""
    add_cells(parser)
    add_selecting(parser)
    add_suite(parser)
    add_inputs(parser)
    parser.add_argument("--fresh", action="store_true", help="run also cells with a current record")
    parser.add_argument("--upgrade", action="store_true", help="resolve again, and run cells whose lock changes")
    parser.add_argument("--keep", action="store_true", help="keep the environments in .matrix/SUITE/envs")
    parser.add_argument("-j", "--jobs", type=positive_int, metavar="N", help="cells at once (default: by the machine)")
    parser.add_argument("--disk", type=size, metavar="SIZE", help="disk for cache and environments, such as 20GB")


def run(options: argparse.Namespace) -> Exit:
    """Run the cells without a current record and show the result."""
    matrix = in_environment(matrix_toml.load(), options)
    suite = chosen_suite(matrix, options)
    cells = chosen(matrix, options)
    with Display(len(cells)) as display:
        records = scheduler.run(matrix, cells, _run_options(options, suite), display)
    return _show(matrix, suite, records)


def _run_options(options: argparse.Namespace, suite: Suite) -> Options:
    return Options(
        suite=suite,
        fresh=options.fresh,
        upgrade=options.upgrade,
        keep=options.keep,
        jobs=options.jobs,
        disk=options.disk,
        require=tuple(options.require),
    )


def _show(matrix: Matrix, suite: Suite, records: Mapping[Cell, FreshRecord]) -> Exit:
    """Show the table and the drift of a run; return the exit code."""
    fresh, accepted = list(records.values()), report_files.accepted(suite)
    # A folder outside matrix.toml usually has no accepted results; its cells are then not listed as new.
    compared = drift.compare(fresh if accepted or suite.declared else [], accepted)
    terminal.show(report_files.report(matrix, suite, report_files.distinct(fresh), compared), make_console())
    return verdict(fresh, compared)
