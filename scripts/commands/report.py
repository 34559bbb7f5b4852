"""Timelines and change points of the accepted results and of this machine's fresh records.

Formats: terminal, markdown (GitHub's), html (one self-contained page), svg (a picture), json (the whole model, see
scripts/schemas/report.schema.json), junit (one test suite per cell), support (the releases that pass on each Python,
and the requirement of torch to declare) and badge (the same for an endpoint badge of shields.io).
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import Final

from scripts.config import matrix_toml, versions
from scripts.config.model import Matrix
from scripts.config.suite import Suite
from scripts.core.console import make_console
from scripts.core.errors import Exit, UsageError, did_you_mean
from scripts.core.files import write_atomically
from scripts.core.garbage import gc_paused
from scripts.explain.changes import Explainer
from scripts.history import support
from scripts.history.report import Report, to_json
from scripts.index.http import Web
from scripts.options import add_inputs, add_selecting, add_suite, chosen_suite, folder, in_environment, narrow, target
from scripts.records import drift
from scripts.records.model import Record
from scripts.records.store import Store
from scripts.run.context import Options
from scripts.views import evidence, html, junit, markdown, report_files, svg, terminal
from scripts.views import support as support_view

FORMATS: Final[Mapping[str, Callable[[Report], str]]] = {
    "html": html.render,
    "svg": svg.render,
    "json": to_json,
    "junit": junit.render,
}
#: Formats about what passes, for which every verdict counts.
_OF_SUPPORT: Final = ("support", "badge")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options for what to show and in which format."""
    parser.add_argument("--format", choices=["terminal", "markdown", *FORMATS, *_OF_SUPPORT], default="terminal")
    parser.add_argument("--output", type=target, metavar="PATH", help="write to this file (default: stdout)")
    parser.add_argument(
        "--all", action="store_true", help="name also what neither fails, changes nor differs, and fold no variants"
    )
    parser.add_argument("--cells", action="store_true", help="add the table of cells (default: where some differ)")
    parser.add_argument("--compare", nargs=2, metavar=("A", "B"), help="two releases side by side (terminal, markdown)")
    parser.add_argument("--timings", action="store_true", help="time per stage, of cells run here (terminal)")
    parser.add_argument(
        "--results", type=folder, action="append", metavar="DIR", help="only the records in this folder"
    )
    parser.add_argument("--accepted", action="store_true", help="only the accepted results, no fresh records")
    parser.add_argument(
        "--evidence",
        action=argparse.BooleanOptionalAction,
        help="show what changed in the wheels at a change point; reads some KB of each (default: html only)",
    )
    add_selecting(parser)
    add_suite(parser)
    add_inputs(parser)


#: Options that only some formats support.
_FORMATS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "timings": ("terminal",),
    "all": ("terminal", "markdown"),
    "cells": ("terminal", "markdown"),
    "compare": ("terminal", "markdown"),
    "evidence": ("terminal", "html", "json"),
}


def run(options: argparse.Namespace) -> Exit:
    """Show the report."""
    _check_options(options)
    matrix = in_environment(matrix_toml.load(), options)
    with gc_paused():
        if options.format in _OF_SUPPORT:
            text = _support_text(matrix, options)
        else:
            text = _text(_report(matrix, options), options)
    if options.output:
        write_atomically(options.output.resolve(), text)
        print(f"written: {options.output}", file=sys.stderr)
    else:
        sys.stdout.write(text)
    return Exit.OK


def _check_options(options: argparse.Namespace) -> None:
    """Raise `UsageError` for an option that the format does not support."""
    for name, formats in _FORMATS_OF.items():
        if getattr(options, name) and options.format not in formats:
            supported = " or ".join(f"--format {name}" for name in formats)
            raise UsageError(f"--{name.replace('_', '-')}: not available in --format {options.format}; use {supported}")
    for name, others in (("timings", ("compare", "all", "cells")), ("compare", ("cells",))):
        conflicting = next((other for other in others if getattr(options, other)), None)
        if getattr(options, name) and conflicting:
            raise UsageError(f"--{name}: cannot be combined with --{conflicting}")


def _selected(matrix: Matrix, suite: Suite, options: argparse.Namespace) -> tuple[list[Record], drift.Compared | None]:
    """Return the records that the options select, and what differs from the accepted ones."""
    run = Options(suite=suite, require=tuple(options.require))
    fresh = [] if options.accepted or options.results else report_files.fresh(matrix, run)
    folders = options.results or [suite.paths.results]
    accepted = [record for folder in folders for record in Store(folder).read(Record)]
    compared = drift.compare(fresh, accepted) if fresh else None
    records = report_files.merged(accepted, fresh)
    selected_cells = set(narrow(matrix, [record.cell.cell for record in records], options))
    selected = [record for record in records if record.cell.cell in selected_cells]
    if not selected:
        raise UsageError(_nothing(suite))
    return selected, compared


def _nothing(suite: Suite) -> str:
    """Return why there is nothing to report, and what to do."""
    count = sum(1 for _ in Store(suite.paths.records).paths())
    if not count:
        return "no records to report; `nox -s matrix` makes some"
    return (
        f"no current record to report: {count} in {suite.paths.records} are of other releases, builds or Pythons, or "
        "were made with other tests, requirements or variables; repeat the --require, --env and --exclude-newer of "
        "their run"
    )


def _support_text(matrix: Matrix, options: argparse.Namespace) -> str:
    """Return the supported releases as text or as a badge."""
    records, _ = _selected(matrix, chosen_suite(matrix, options), options)
    found = support.build(
        records,
        known=[release for release in matrix.releases if not options.torch or versions.matches(release, options.torch)],
        exists=lambda release, python: (
            python in matrix.pythons and versions.matches(release, matrix.pythons[python].releases)
        ),
    )
    if options.format == "badge":
        return support_view.badge(found)
    return support_view.text(found, width=80 if options.output else shutil.get_terminal_size().columns)


def _report(matrix: Matrix, options: argparse.Namespace) -> Report:
    """Return the report of the records that the options select."""
    suite = chosen_suite(matrix, options)
    selected, compared = _selected(matrix, suite, options)
    if not _with_evidence(options):
        return report_files.report(matrix, suite, selected, compared)
    with Web() as web:
        explainer = Explainer(web, matrix.builds)
        return report_files.report(
            matrix, suite, selected, compared, lambda *change: evidence.for_report(explainer.explain(*change))
        )


def _with_evidence(options: argparse.Namespace) -> bool:
    """Return True if evidence is requested; the page shows it collapsed, so there it is the default."""
    return bool(options.evidence or (options.evidence is None and options.format == "html"))


def _text(report: Report, options: argparse.Namespace) -> str:
    """Return the report in the requested format."""
    if options.compare:
        _check_compared(report, options)
    if options.format in FORMATS:
        return FORMATS[options.format](report)
    if options.format == "markdown":
        if options.compare:
            return markdown.comparison(report, *options.compare, every_name=options.all)
        return markdown.summary(report, every_name=options.all, every_cell=options.cells)
    return _terminal_text(report, options)


def _terminal_text(report: Report, options: argparse.Namespace) -> str:
    console = make_console() if options.output is None else make_console(width=120, file=io.StringIO())
    with console.capture() as captured:
        if options.timings:
            terminal.show_timings(report, console)
        elif options.compare:
            terminal.show_comparison(report, options.compare, console, every_name=options.all)
        else:
            terminal.show(report, console, every_name=options.all, every_cell=options.cells)
    return captured.get()


def _check_compared(report: Report, options: argparse.Namespace) -> None:
    """Raise `UsageError` for a release without a record."""
    for release in options.compare:
        if release not in report.releases:
            hint = did_you_mean(release, sorted(report.releases, key=versions.version))
            raise UsageError(f"--compare: no record of {release}{hint}")
