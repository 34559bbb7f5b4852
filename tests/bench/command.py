"""Measure the project against the plain noxfiles that one would write for the same cells, on this machine.

Cold (nothing cached), warm (wheels cached, no environments) and with nothing to do; then what bounds it, and the
tool's own cost with tiny synthetic wheels. Real wheels are downloaded several times over: tens of gigabytes, and 20 to
60 GB of disk, as there is room. Let nothing else run meanwhile. Every result is kept in .matrix/bench.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Final

from scripts import paths, process
from scripts.core.console import make_console
from scripts.errors import Exit, UsageError
from scripts.matrix import cells, config
from scripts.matrix.cells import DEFAULT_BUILD, Cell
from scripts.matrix.config import Matrix
from tests.bench import result, views
from tests.bench import run as bench_run
from tests.bench.result import Bench
from tests.bench.run import Plan
from tests.bench.subjects import PLAIN

_FOLDER: Final = paths.STATE / "bench"

#: The four releases of the first comparison, over the whole range; and the one that suffices for a quick look.
_RELEASES: Final = ("1.9.1", "1.13.1", "2.5.1", "2.15.0")
_QUICK: Final = ("1.9.1",)
_SCALES: Final = (100, 1000)
_QUICK_SCALES: Final = (10, 20)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to measure, and how to show it."""
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
    parser.add_argument("--only-scale", action="store_true", help="only the tool's own cost, without real wheels")
    parser.add_argument("--format", choices=["terminal", "markdown", "json"], default="terminal")
    parser.add_argument("--show", type=Path, metavar="FILE", help="show a result of .matrix/bench, measure nothing")
    parser.add_argument("--keep", action="store_true", help="leave noxfiles, logs and caches there")


def run(options: argparse.Namespace) -> Exit:
    """Measure, keep the result, show it."""
    if options.show:
        bench = result.FORMAT.read(options.show)
    else:
        matrix = config.load()
        screen = make_console(stderr=True)
        with process.interruptible():  # nothing is left behind, whatever ends it
            wanted = plan(matrix, options)
            bench = bench_run.run(matrix, wanted, _FOLDER, lambda text: screen.print(text, soft_wrap=True))
        screen.print(f"kept as {result.write(bench, _FOLDER).relative_to(paths.ROOT)}", soft_wrap=True)
    show(bench, options.format)
    return Exit.OK


def plan(matrix: Matrix, options: argparse.Namespace) -> Plan:
    """What the options ask for. Raises `UsageError` for a release that no Python runs."""
    releases = options.releases or (_QUICK if options.quick else _RELEASES)
    scales = options.scale or (_QUICK_SCALES if options.quick else _SCALES)
    return Plan(
        cells=() if options.only_scale else tuple(cell_of(matrix, release) for release in releases),
        subjects=tuple(options.against or (plain.name for plain in PLAIN)),
        scales=tuple(count for count in scales if count),
        downloaded=300_000_000 if options.quick else 8_000_000_000,
        command=shlex.join(["python", "-m", "tests.bench", *_said(options)]),
        keep=options.keep,
    )


def cell_of(matrix: Matrix, release: str) -> Cell:
    """The cell of a release on the default index, which serves everybody, and the Python of the default selection."""
    if release not in matrix.releases:
        raise UsageError(f"{release!r} is no release of matrix.toml; `nox -s plan` lists them")
    python = cells.python_for(matrix.selections["matrix"].pythons, release)
    if python is None:
        raise UsageError(f"{release}: the selection 'matrix' has no Python for it")
    return Cell(torch=release, build=DEFAULT_BUILD, python=python)


def show(bench: Bench, style: str) -> None:
    """Print a result to stdout."""
    match style:
        case "json":
            sys.stdout.write(result.FORMAT.dump(bench))
        case "markdown":
            sys.stdout.write(views.markdown(bench))
        case _:
            make_console().print(views.terminal(bench))


def _said(options: argparse.Namespace) -> list[str]:
    """The options that decide what is measured, as they can be given again."""
    words = [*options.releases, *(["--quick"] if options.quick else [])]
    words += [word for name in options.against or () for word in ("--against", name)]
    words += [word for count in options.scale or () for word in ("--scale", str(count))]
    return [*words, *(["--only-scale"] if options.only_scale else [])]


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of cells")
    return int(text)
