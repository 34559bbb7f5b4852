"""Compare the project with plain noxfiles for the same cells, on this machine.

Measures cold runs (nothing cached), warm runs (wheels cached, no environments) and runs with nothing to do; then the
network and imports, which bound every subject, and the project's own cost with tiny synthetic wheels. Real wheels are
downloaded several times: tens of gigabytes, and 20 to 60 GB of disk. Run nothing else meanwhile. Results are saved in
.matrix/bench.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Final

from scripts.config import cells, matrix_toml
from scripts.config.cell import DEFAULT_BUILD, Cell
from scripts.config.model import Matrix
from scripts.core import paths, processes
from scripts.core.console import make_console
from scripts.core.errors import Exit, UsageError
from tests.bench import result, views
from tests.bench import run as bench_run
from tests.bench.result import BenchResult
from tests.bench.run import Plan
from tests.bench.subjects import PLAIN

_FOLDER: Final = paths.BENCH

#: Releases over the whole range, and one for a quick run.
_RELEASES: Final = ("1.9.1", "1.13.1", "2.5.1", "2.15.0")
_QUICK: Final = ("1.9.1",)
_SCALES: Final = (100, 1000)
_QUICK_SCALES: Final = (10, 20)

#: Fewer pairs have no meaningful median.
_MIN_ROUNDS: Final = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of what to measure and how to show it."""
    parser.add_argument("releases", nargs="*", metavar="RELEASE", help=f"default: {' '.join(_RELEASES)}")
    parser.add_argument("--quick", action="store_true", help="one release and few synthetic cells: two minutes")
    parser.add_argument(
        "--against",
        action="append",
        choices=[plain.name for plain in PLAIN],
        metavar="NAME",
        help=f"compare only with this plain noxfile: {', '.join(repr(plain.name) for plain in PLAIN)}",
    )
    parser.add_argument(
        "--scale", action="append", type=_count, metavar="N", help="synthetic cells; 0 for none (default: 100 and 1000)"
    )
    parser.add_argument("--only-scale", action="store_true", help="only the project's own cost, without real wheels")
    parser.add_argument(
        "--default-selection", action="store_true", help="with --compare-commit: compare on the default selection"
    )
    parser.add_argument(
        "--compare-commit",
        metavar="REF",
        help="only compare with an earlier commit of this project: cold runs, in pairs of alternating order",
    )
    parser.add_argument("--rounds", type=_rounds, default=3, metavar="N", help="pairs, 3 or more (default: 3)")
    parser.add_argument("--edit", action="store_true", help="only the second run after an edit of a library")
    parser.add_argument("--format", choices=["terminal", "markdown", "json"], default="terminal")
    parser.add_argument("--show", type=Path, metavar="FILE", help="show a saved result without measuring")
    parser.add_argument("--keep", action="store_true", help="keep noxfiles, logs and caches")


def run(options: argparse.Namespace) -> Exit:
    """Measure, save the result and show it."""
    if options.show:
        measured = result.FORMAT.read(options.show)
    else:
        matrix = matrix_toml.load()
        screen = make_console(stderr=True)
        with processes.interruptible():  # so that the scratch folder is removed
            measured = bench_run.run(
                matrix, plan(matrix, options), _FOLDER, lambda text: screen.print(text, soft_wrap=True)
            )
        screen.print(f"saved: {result.write(measured, _FOLDER).relative_to(paths.ROOT)}", soft_wrap=True)
    show(measured, options.format)
    return Exit.OK


def plan(matrix: Matrix, options: argparse.Namespace) -> Plan:
    """Return what to measure. Raises `UsageError` for a release without a Python."""
    releases = options.releases or (_QUICK if options.quick else _RELEASES)
    scales = options.scale or (_QUICK_SCALES if options.quick else _SCALES)
    selected = tuple(cells.expand(matrix, matrix.selections["matrix"]))
    wanted = tuple(cell_of(matrix, release) for release in releases)
    return Plan(
        cells=() if options.only_scale else selected if options.default_selection else wanted,
        subjects=tuple(options.against or (plain.name for plain in PLAIN)),
        scales=tuple(count for count in scales if count),
        downloaded=300_000_000 if options.quick else 8_000_000_000,
        command=shlex.join(["python", "-m", "tests.bench", *_measuring_options(options)]),
        selection=() if options.only_scale or options.quick or options.releases else selected,
        commit=options.compare_commit,
        rounds=options.rounds,
        edits=options.edit,
        keep=options.keep,
    )


def cell_of(matrix: Matrix, release: str) -> Cell:
    """Return the cell of a release on the default index, on the Python of the default selection."""
    if release not in matrix.releases:
        raise UsageError(f"not a release of matrix.toml: {release!r}; `nox -s plan` lists them")
    python = cells.python_for(matrix.selections["matrix"].pythons, release)
    if python is None:
        raise UsageError(f"{release}: the selection 'matrix' has no Python for it")
    return Cell(torch=release, build=DEFAULT_BUILD, python=python)


def show(measured: BenchResult, style: str) -> None:
    """Print a result to stdout."""
    match style:
        case "json":
            sys.stdout.write(result.FORMAT.dump(measured))
        case "markdown":
            sys.stdout.write(views.markdown(measured))
        case _:
            make_console().print(views.terminal(measured))


def _measuring_options(options: argparse.Namespace) -> list[str]:
    """Return the options that decide what is measured, as arguments."""
    words = [*options.releases, *(["--quick"] if options.quick else [])]
    words += [word for name in options.against or () for word in ("--against", name)]
    words += [word for count in options.scale or () for word in ("--scale", str(count))]
    words += ["--compare-commit", options.compare_commit] if options.compare_commit else []
    words += ["--rounds", str(options.rounds)] if options.compare_commit else []
    words += ["--default-selection"] if options.default_selection else []
    words += ["--edit"] if options.edit else []
    return [*words, *(["--only-scale"] if options.only_scale else [])]


def _rounds(text: str) -> int:
    if not text.isdigit() or int(text) < _MIN_ROUNDS:
        raise argparse.ArgumentTypeError(f"not a number of rounds, {_MIN_ROUNDS} or more: {text!r}")
    return int(text)


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"not a number of cells: {text!r}")
    return int(text)
