"""The verdict on a candidate: may it ship, as far as these behaviours go?

Every Python and build that the candidate has is run beside the same of the baseline: the newest stable release before
it, unless another is named. What differs is run again, on both sides, before it counts. What blocks, what warns and
which changes are expected stands in matrix.toml, under [qualify].

  nox -s qualify -- 2.15.0
  nox -s qualify -- 2.15.0 --baseline 2.14.1 --python 3.11
  nox -s qualify -- 2.16.0 --pre
  nox -s qualify -- 2026-11-20 --nightly
  nox -s qualify -- 2.16.0 --index https://example.org/whl/cpu
  nox -s qualify -- --wheel dist/
  nox -s qualify -- 2.15.0 --with 'numpy<2' --with 'numpy>=2'
  nox -s qualify -- --replay .matrix/qualify/….json

Exit code 0: qualified, also with warnings. 1: blocked, or a replay whose verdict doesn't stand. 4: inconclusive.
"""

from __future__ import annotations

import argparse
import io
import logging
import sys
from pathlib import Path
from typing import Final

from scripts import paths
from scripts.commands.options import requirement
from scripts.config.policy import Verdict
from scripts.core.console import make_console
from scripts.errors import Exit, UsageError
from scripts.index.http import Web
from scripts.matrix import cells, config
from scripts.matrix.config import Matrix
from scripts.qualify import model, replay, session
from scripts.qualify.model import Qualification
from scripts.results.records import write_atomically
from scripts.views import qualify as views

_EXITS: Final[dict[Verdict, Exit]] = {
    "qualified": Exit.OK,
    "qualified with warnings": Exit.OK,
    "blocked": Exit.UNEXPECTED,
    "inconclusive": Exit.INCONCLUSIVE,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The candidate, the baseline, and how to go about it."""
    _add_candidate(parser.add_argument_group("the candidate"))
    breadth = parser.add_argument_group("what to compare")
    breadth.add_argument("--baseline", metavar="V", help="the release to compare with (default: the one before)")
    breadth.add_argument("--baseline-build", metavar="BUILD", help="its build (default: the same as the candidate's)")
    breadth.add_argument("--selection", metavar="NAME", help="builds and Pythons of this selection (default: cpu, all)")
    breadth.add_argument("--build", metavar="BUILD", help="only this build; a pattern such as 'cu12*' is one")
    breadth.add_argument("--python", metavar="X.Y", help="only this Python")
    breadth.add_argument("--torch", type=_specifier, metavar="SPEC", help="only if the candidate is in this: '>=2.5'")
    breadth.add_argument(
        "--with",
        dest="with_",
        action="append",
        default=[],
        type=requirement,
        metavar="REQ",
        help="run everything with this requirement too, in place of a pin on the same package",
    )
    how = parser.add_argument_group("how")
    how.add_argument("--fresh", action="store_true", help="run also what is recorded or accepted")
    how.add_argument("-j", "--jobs", type=_positive, metavar="N", help="cells at once (default: from the machine)")
    how.add_argument("--replay", type=Path, metavar="FILE", help="run a qualification again, from the same locks")
    how.add_argument("--show", type=Path, metavar="FILE", help="show a qualification, and run nothing")
    how.add_argument("--format", choices=["terminal", "markdown", "html", "json"], default="terminal")
    how.add_argument("--output", type=Path, metavar="PATH", help="write to this file (default: stdout)")


def _add_candidate(group: argparse._ArgumentGroup) -> None:
    group.add_argument("candidate", nargs="?", metavar="CANDIDATE", help="a version; of a nightly, its date will do")
    source = group.add_mutually_exclusive_group()
    source.add_argument("--pre", action="store_true", help="a release candidate of the test channel")
    source.add_argument("--nightly", action="store_true", help="a nightly")
    source.add_argument("--index", metavar="URL", help="it is on this index")
    source.add_argument(
        "--wheel", nargs="+", action="extend", type=Path, default=[], metavar="PATH", help="wheels, or folders of them"
    )


def run(options: argparse.Namespace) -> Exit:
    """Qualify, keep the artefact, and show it."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    if options.show:
        one, file = model.FORMAT.read(options.show), options.show
    else:
        one = _qualified(config.load(), options)
        file = session.keep(one)
    _show(one, file, options)
    if one.replay and not one.replay.stands and one.verdict != "inconclusive":
        return Exit.UNEXPECTED
    return _EXITS[one.verdict]


def _qualified(matrix: Matrix, options: argparse.Namespace) -> Qualification:
    if options.replay:
        before = model.FORMAT.read(options.replay)
        prepared = replay.prepare(matrix, before, _without_question(options))
        return replay.compared(before, session.carry_out(prepared), options.replay)
    _check(matrix, options)
    with Web() as web:
        prepared = session.prepare(web, matrix, options)
    if options.torch and not cells.matches(prepared.candidate.version, options.torch):
        raise UsageError(f"--torch: {prepared.candidate.version} is not in {options.torch!r}")
    return session.carry_out(prepared)


def _without_question(options: argparse.Namespace) -> argparse.Namespace:
    """The options of a replay. Raises `UsageError` where they ask something else than the artefact did."""
    asked = ["candidate", "baseline", "baseline_build", "selection", "build", "python", "torch", "with_", "index"]
    for name in (*asked, "wheel", "pre", "nightly"):
        if getattr(options, name):
            raise UsageError(f"--replay asks what its file says; leave {name.strip('_')!r} out")
    return options


def _check(matrix: Matrix, options: argparse.Namespace) -> None:
    """Refuse names that matrix.toml doesn't know."""
    if options.python and options.python not in matrix.pythons:
        raise UsageError(f"--python: unknown Python {options.python!r}; known: {', '.join(matrix.pythons)}")


def _show(one: Qualification, file: Path, options: argparse.Namespace) -> None:
    """Print the report, or write it; either way the artefact is kept."""
    name = file.relative_to(paths.ROOT).as_posix() if file.is_relative_to(paths.ROOT) else str(file)
    match options.format:
        case "json":
            text = model.FORMAT.dump(one)
        case "markdown":
            text = views.markdown(one, name)
        case "html":
            text = views.html(one, name)
        case _:
            text = _terminal(one, name, options)
    if options.output:
        write_atomically(options.output.resolve(), text)
        print(f"written: {options.output}", file=sys.stderr)
    else:
        sys.stdout.write(text)


def _terminal(one: Qualification, name: str, options: argparse.Namespace) -> str:
    screen = make_console(width=120, file=io.StringIO()) if options.output else make_console()
    with screen.capture() as captured:
        views.terminal(one, name, screen)
    text = captured.get()
    return text if screen.encoding.lower().startswith("utf") or options.output else views.ascii_only(text)


def _specifier(text: str) -> str:
    try:
        cells.specifier(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no PEP 440 specifier; write one like '>=2.5,<2.8'") from None
    return text


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)
