"""Qualify a candidate: compare its behaviour with an earlier release, and return a verdict.

Every build and Python of the candidate is compared with that of the baseline, by default the newest stable release
before it. Differences are confirmed by running both sides again. The section [qualify] of matrix.toml defines which
changes block a candidate, which are warnings, and which are expected.

  nox -s qualify -- 2.15.0
  nox -s qualify -- 2.15.0 --baseline 2.14.1 --python 3.11
  nox -s qualify -- 2.16.0 --pre
  nox -s qualify -- 2026-11-20 --nightly
  nox -s qualify -- 2.16.0 --index https://example.org/whl/cpu
  nox -s qualify -- --wheel dist/
  nox -s qualify -- 2.15.0 --with 'numpy<2' --with 'numpy>=2'
  nox -s qualify -- --replay .matrix/parametrization/qualify/….json

Exit codes: 0 qualified, with or without warnings; 1 blocked, or the verdict of a replay differs; 4 inconclusive.
"""

from __future__ import annotations

import argparse
import io
import logging
import sys
from pathlib import Path
from typing import Final

from scripts.config import matrix_toml, versions
from scripts.config.model import Matrix
from scripts.config.policy import Verdict
from scripts.config.suite import Suite
from scripts.core import paths
from scripts.core.console import make_console
from scripts.core.errors import Exit, UsageError
from scripts.core.files import write_atomically
from scripts.index.http import Web
from scripts.options import (
    add_environment,
    add_suite,
    chosen_suite,
    file,
    path,
    positive_int,
    requirement,
    selection_name,
    specifier,
    target,
)
from scripts.qualify import model, replay, session
from scripts.qualify.model import Channel, Qualification
from scripts.qualify.session import Plan, Question
from scripts.views import qualify as views
from scripts.views.progress import Display

_EXITS: Final[dict[Verdict, Exit]] = {
    "qualified": Exit.OK,
    "qualified with warnings": Exit.OK,
    "blocked": Exit.UNEXPECTED,
    "inconclusive": Exit.INCONCLUSIVE,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options for the candidate, the comparison and the output."""
    _add_candidate(parser.add_argument_group("candidate"))
    comparison = parser.add_argument_group("comparison")
    comparison.add_argument("--baseline", metavar="V", help="release to compare with (default: the one before)")
    comparison.add_argument("--baseline-build", metavar="BUILD", help="its build (default: that of the candidate)")
    comparison.add_argument("--selection", metavar="NAME", help="builds and Pythons of a selection (default: cpu, all)")
    comparison.add_argument("--build", metavar="BUILD", help="only this build, or those matching a pattern: 'cu12*'")
    comparison.add_argument("--python", metavar="X.Y", help="only this Python")
    comparison.add_argument("--torch", type=specifier, metavar="SPEC", help="require a candidate within this: '>=2.5'")
    comparison.add_argument(
        "--with",
        dest="with_",
        action="append",
        default=[],
        type=requirement,
        metavar="REQ",
        help="compare again with this requirement, which replaces a pin on the same package; repeatable",
    )
    add_suite(parser)
    add_environment(parser)
    running = parser.add_argument_group("running")
    running.add_argument("--fresh", action="store_true", help="also run cells that are recorded or accepted")
    running.add_argument("-j", "--jobs", type=positive_int, metavar="N", help="cells at once (default: by the machine)")
    running.add_argument("--replay", type=file, metavar="FILE", help="repeat a qualification from its locks")
    running.add_argument("--show", type=file, metavar="FILE", help="show a qualification without running anything")
    running.add_argument("--format", choices=["terminal", "markdown", "html", "json"], default="terminal")
    running.add_argument("--output", type=target, metavar="PATH", help="write to this file (default: stdout)")


def _add_candidate(group: argparse._ArgumentGroup) -> None:
    group.add_argument("candidate", nargs="?", metavar="CANDIDATE", help="version, or the date of a nightly")
    source = group.add_mutually_exclusive_group()
    source.add_argument("--pre", action="store_true", help="take a release candidate from the test channel")
    source.add_argument("--nightly", action="store_true", help="take a nightly")
    source.add_argument("--index", metavar="URL", help="take it from this index")
    source.add_argument(
        "--wheel",
        nargs="+",
        action="extend",
        type=path,
        default=[],
        metavar="PATH",
        help="take these wheels, or those in these directories",
    )


def run(options: argparse.Namespace) -> Exit:
    """Qualify the candidate, save the qualification and show it."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    if options.show:
        qualification, file = model.FORMAT.read(options.show), options.show
    else:
        matrix = matrix_toml.load()
        suite = chosen_suite(matrix, options)
        qualification = _qualify(matrix, suite, options)
        file = session.save(qualification, suite)
    _show(qualification, file, options)
    if qualification.replay and not qualification.replay.stands and qualification.verdict != "inconclusive":
        return Exit.UNEXPECTED
    return _EXITS[qualification.verdict]


def _qualify(matrix: Matrix, suite: Suite, options: argparse.Namespace) -> Qualification:
    if options.replay:
        earlier = model.FORMAT.read(options.replay)
        _check_replay(options)
        repeated = _carry_out(replay.prepare(matrix, suite, earlier, jobs=options.jobs))
        return replay.compare(earlier, repeated, options.replay)
    question = _question(matrix, suite, options)
    with Web() as web:
        plan = session.prepare(web, matrix, question)
    if options.torch and not versions.matches(plan.candidate.version, options.torch):
        raise UsageError(f"--torch: {plan.candidate.version} is not in {options.torch!r}")
    return _carry_out(plan)


def _carry_out(plan: Plan) -> Qualification:
    return session.carry_out(plan, display=Display, notify=lambda text: print(text, file=sys.stderr))


def _check_replay(options: argparse.Namespace) -> None:
    """Raise `UsageError` for options that a replay takes from its file."""
    question = ["candidate", "baseline", "baseline_build", "selection", "build", "python", "torch", "with_", "index"]
    for name in (*question, "wheel", "pre", "nightly", "env", "exclude_newer"):
        if getattr(options, name):
            option = "CANDIDATE" if name == "candidate" else f"--{name.strip('_').replace('_', '-')}"
            raise UsageError(f"--replay repeats the question of its file; remove {option}")


def _question(matrix: Matrix, suite: Suite, options: argparse.Namespace) -> Question:
    """Return what the options ask. Raises `UsageError` for names that matrix.toml does not know."""
    if options.python and options.python not in matrix.pythons:
        raise UsageError(f"--python: unknown Python {options.python!r}; known: {', '.join(matrix.pythons)}")
    return Question(
        candidate=options.candidate,
        channel=_channel(options),
        suite=suite,
        index=options.index,
        wheels=tuple(options.wheel),
        baseline=options.baseline,
        baseline_build=options.baseline_build,
        selection=matrix.selections[selection_name(matrix, options.selection)] if options.selection else None,
        build=options.build,
        python=options.python,
        pins=tuple(options.with_),
        env=dict(options.env),
        exclude_newer=options.exclude_newer,
        fresh=options.fresh,
        jobs=options.jobs,
    )


def _channel(options: argparse.Namespace) -> Channel:
    if options.wheel:
        return "wheels"
    if options.index:
        return "index"
    return "nightly" if options.nightly else "test" if options.pre else "release"


def _show(qualification: Qualification, file: Path, options: argparse.Namespace) -> None:
    """Print the report, or write it to ``--output``; ``file`` holds the qualification."""
    name = file.relative_to(paths.ROOT).as_posix() if file.is_relative_to(paths.ROOT) else str(file)
    match options.format:
        case "json":
            text = model.FORMAT.dump(qualification)
        case "markdown":
            text = views.markdown(qualification, name)
        case "html":
            text = views.html(qualification, name)
        case _:
            text = _terminal(qualification, name, options)
    if options.output:
        write_atomically(options.output.resolve(), text)
        print(f"written: {options.output}", file=sys.stderr)
    else:
        sys.stdout.write(text)


def _terminal(qualification: Qualification, name: str, options: argparse.Namespace) -> str:
    console = make_console(width=120, file=io.StringIO()) if options.output else make_console()
    with console.capture() as captured:
        views.terminal(qualification, name, console)
    text = captured.get()
    return text if console.encoding.lower().startswith("utf") or options.output else views.ascii_only(text)
