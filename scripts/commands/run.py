"""Run the cells of a selection that have no up-to-date record, then show the table and the drift.

Exit code 1 tells of drift against results/, 3 of a cell that failed for other reasons than torch, 4 that no
cell could be recorded.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from pydantic import ByteSize, TypeAdapter, ValidationError

from scripts.config import matrix_toml
from scripts.config.cell import Cell
from scripts.config.model import Matrix
from scripts.core.console import make_console
from scripts.core.errors import Exit
from scripts.options import add_cells, add_environment, add_selecting, chosen, folder, in_environment, requirement
from scripts.records import drift
from scripts.records.drift import verdict
from scripts.records.model import FreshRecord, Record
from scripts.run import scheduler
from scripts.run.context import Options
from scripts.views import report_files, terminal
from scripts.views.progress import Display


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Selection, and how the run is to go."""
    add_cells(parser)
    add_selecting(parser)
    add_environment(parser)
    parser.add_argument("--fresh", action="store_true", help="run also the cells whose record is up to date")
    parser.add_argument("--upgrade", action="store_true", help="resolve anew, and run what resolves to another lock")
    parser.add_argument("--keep", action="store_true", help="leave the environments in .matrix/envs")
    parser.add_argument("-j", "--jobs", type=_positive, metavar="N", help="cells at once (default: from the machine)")
    parser.add_argument("--disk", type=_size, metavar="SIZE", help="disk for cache and environments, such as 20GB")
    parser.add_argument(
        "--require",
        action="append",
        default=[],
        type=requirement,
        metavar="REQ",
        help="a further requirement, in place of a pin on the same package: a PEP 508 line, or the path of a folder, "
        "sdist or wheel. What is not a wheel is built into one, also with -e",
    )
    parser.add_argument("--probes", type=folder, metavar="FOLDER", help="another folder of tests to run in every cell")


def run(options: argparse.Namespace) -> Exit:
    """Run what has to be run, and say what came of it."""
    matrix = in_environment(matrix_toml.load(), options)
    cells = chosen(matrix, options)
    with Display(len(cells)) as display:
        records = scheduler.run(matrix, cells, run_options(options), display)
    # What is accepted was seen by the project's own probes: it says nothing about others.
    return tell(matrix, records, accepted=None if options.probes else report_files.accepted())


def run_options(options: argparse.Namespace) -> Options:
    """The runner's options from the command line's."""
    return Options(
        fresh=options.fresh,
        upgrade=options.upgrade,
        keep=options.keep,
        jobs=options.jobs,
        disk=options.disk,
        require=tuple(options.require),
        probes=options.probes,
    )


def tell(matrix: Matrix, records: Mapping[Cell, FreshRecord], *, accepted: Sequence[Record] | None) -> Exit:
    """Show the table and the drift of a run; the exit code says whether anything is unexpected."""
    told = list(records.values())
    compared = drift.compare([] if accepted is None else told, accepted or [])
    terminal.show(report_files.report(matrix, report_files.distinct(told), compared), make_console())
    return verdict(told, compared)


def _size(text: str) -> int:
    try:
        size = TypeAdapter(ByteSize).validate_python(text)
    except ValidationError:
        size = ByteSize(0)
    if size <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write one like 20GB")
    return int(size)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)
