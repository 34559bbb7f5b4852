"""The release, or nightly, where a behaviour changed.

The good end and the bad end are run first, then what lies between, halving it each time; what is recorded costs
nothing. By default a cell is good if it shows what the good end shows, and bad if it shows what the bad end shows;
warnings count only where the ends differ in nothing else. --expect, --message and --exception tell instead what one
of the ends shows and the other doesn't, and --command decides by its exit code: 0 good, 125 skip, 1 to 127 bad, more
stops. What is neither good nor bad, such as a command that takes too long, counts as --third says.

  nox -s bisect -- --observation scripted-call --good 1.9.1 --bad 2.15.0
  nox -s bisect -- --observation trace --good 2026-10-01 --bad 2026-11-20 --nightly --build cpu
  nox -s bisect -- --all --good 1.9.0 --bad 2.15.0
  nox -s bisect -- --good 2.0.0 --bad 2.5.1 --command '{python} check.py'

What is found comes with the commits between and the lines of the wheels' files that explain it, as text, Markdown to
paste into an issue, or JSON. An interrupted bisection is in .matrix/bisect: --resume goes on with it.

Exit code 0: found. 1: the ends are alike or wrong. 4: what remains can't be decided.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import shlex
import shutil
import sys

from scripts.bisect import state as bisect_state
from scripts.bisect.bisection import Outcome
from scripts.bisect.search import Answer
from scripts.bisect.session import Bench
from scripts.bisect.state import Question, State
from scripts.config import matrix_toml
from scripts.core import machine
from scripts.core.errors import Exit, UsageError
from scripts.index import channels
from scripts.index.http import Web
from scripts.options import add_environment, file
from scripts.views import bisect, bisect_json, bisect_log

#: With --all, the longest behaviour that may be missed between two candidates that are alike has one fewer.
_GRAIN = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The question, the candidates, and how to go about it."""
    _add_question(parser.add_argument_group("the question"))
    _add_candidates(parser.add_argument_group("the candidates"))
    add_environment(parser)
    how = parser.add_argument_group("how")
    how.add_argument(
        "-j", "--jobs", type=_positive, default=1, metavar="N", help="candidates at once, where that saves rounds"
    )
    how.add_argument(
        "--repeat", type=_positive, default=1, metavar="N", help="run each N times; who disagrees is flaky"
    )
    how.add_argument("--recorded", action="store_true", help="only what is recorded: run nothing")
    how.add_argument("--fresh", action="store_true", help="run also what is recorded")
    how.add_argument("--no-evidence", action="store_true", help="don't look into the wheels")
    how.add_argument("--download", action="store_true", help="look into wheels by whole downloads")
    how.add_argument("--resume", action="store_true", help="go on with the last one, or with this very question")
    how.add_argument("--log", action="store_true", help="show the last one so far, and run nothing")
    how.add_argument(
        "--replay",
        type=file,
        metavar="FILE",
        help="repeat the bisection of a state file, going on if it isn't finished",
    )
    how.add_argument("--format", choices=["text", "markdown", "json"], default="text")


def _add_question(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--observation", action="append", default=[], metavar="NAME", help="what to look at, or a test's name"
    )
    group.add_argument("--good", metavar="V", help="a version that is good")
    group.add_argument("--bad", metavar="V", help="a version that is bad; the older one for a change backwards")
    group.add_argument("--all", action="store_true", help="find every change, of every observation if none is named")
    group.add_argument("--expect", choices=["passed", "returned", "raised"], help="what one of the ends did")
    group.add_argument("--message", type=_pattern, metavar="REGEX", help="what the message of one of the ends holds")
    group.add_argument("--exception", metavar="TYPE", help="what one of the ends raised, or a base of it")
    group.add_argument(
        "--command",
        type=_command,
        metavar="CMD",
        help="run this in each cell; {python}, {torch} and {cell} are filled in",
    )
    group.add_argument(
        "--command-timeout",
        type=_positive,
        metavar="SECONDS",
        help="end the command after so long, which counts as --third says (default: limits startup + probe of "
        "matrix.toml)",
    )
    group.add_argument(
        "--third",
        choices=["skip", "bad", "good"],
        default="skip",
        help="what a third behaviour counts as (default: skip)",
    )
    group.add_argument(
        "--grain",
        type=_positive,
        metavar="N",
        help=f"with --all: find whatever lasted N candidates (default: {_GRAIN})",
    )


def _add_candidates(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--build", default="cpu", metavar="BUILD", help="the build to run (default: %(default)s)")
    group.add_argument(
        "--python",
        metavar="X.Y",
        help="only this Python (default: as the default selection has it, or where it is recorded)",
    )
    channel = group.add_mutually_exclusive_group()
    channel.add_argument("--pre", action="store_true", help="also what the test channel has")
    channel.add_argument("--nightly", action="store_true", help="nightlies, by version or date")


def run(options: argparse.Namespace) -> Exit:
    """Ask, search, explain and show."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    matrix = channels.with_channels(matrix_toml.load())
    with Web() as web:
        bench = Bench(web=web, matrix=matrix, options=options)
        state = _begun(bench, options)
        if options.log:
            print("\n".join(bisect_log.log(state)))
            return Exit.OK
        outcome = bench.run(state)
    _show(options.format, outcome)
    return _exit(outcome)


def _begun(bench: Bench, options: argparse.Namespace) -> State:
    """The bisection to work on: a new one, or one that is on disk."""
    if options.replay:
        return bisect_state.load(options.replay)
    if not options.good or not options.bad:
        if options.resume or options.log:
            return bisect_state.load(bisect_state.latest())
        raise UsageError("--good and --bad are needed, unless --resume, --log or --replay names a bisection")
    question = _question(options)
    path = bisect_state.path_of(question)
    if options.log and not path.exists():
        raise UsageError("--log: this was never asked; without --log it is, and --log alone shows the last bisection")
    if options.log or (options.resume and path.exists()):
        return bisect_state.load(path)
    return bench.begin(question)


def _question(options: argparse.Namespace) -> Question:
    """The question of the options. Raises `UsageError` where they don't make one."""
    tests = [name for name in ("expect", "message", "exception") if getattr(options, name)]
    if options.command and (options.observation or tests or options.all):
        raise UsageError("--command decides alone: leave --observation, --expect, --message, --exception and --all out")
    if options.command_timeout and not options.command:
        raise UsageError("--command-timeout: there is no --command that it could limit")
    if not options.command and not options.all and len(options.observation) != 1:
        raise UsageError("one --observation is needed; with --all there can be several, or none for all")
    if options.all and tests:
        raise UsageError(f"--all compares neighbours; leave --{tests[0]} out")
    return Question(
        observations=tuple(options.observation),
        good=options.good,
        bad=options.bad,
        build=options.build,
        python=options.python,
        platform=machine.platform_name(),
        expect=options.expect,
        message=options.message,
        exception=options.exception,
        command=options.command,
        command_timeout=options.command_timeout,
        third=options.third,
        pre=options.pre,
        nightly=options.nightly,
        env=dict(options.env),
        exclude_newer=options.exclude_newer,
        every_change=options.all,
        grain=(options.grain or _GRAIN) if options.all else None,
        repeat=options.repeat,
        recorded=options.recorded,
    )


def _show(how: str, outcome: Outcome) -> None:
    match how:
        case "json":
            print(json.dumps(bisect_json.as_json(outcome), indent=2))
        case "markdown":
            print(bisect.markdown(outcome), end="")
        case _:
            print(bisect.text(outcome, shutil.get_terminal_size().columns), end="")


def _exit(outcome: Outcome) -> Exit:
    if (ends := outcome.wrong_ends) is not None:
        return Exit.INCONCLUSIVE if {Answer.SKIP, Answer.THIRD} & {ends.first, ends.last} else Exit.UNEXPECTED
    return Exit.OK if outcome.certain and outcome.told else Exit.INCONCLUSIVE


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression: {error}") from None
    return text


def _command(text: str) -> str:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no command line: {error}") from None
    if not words:
        raise argparse.ArgumentTypeError("it names no program")
    return text
