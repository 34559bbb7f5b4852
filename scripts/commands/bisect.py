"""Find the release, or nightly, in which a behaviour changed.

Both ends are run first, then the candidates between them are bisected; recorded results are not run again. By default,
a candidate is good if it behaves as the good end, and bad if it behaves as the bad end; warnings count only if the ends
differ in nothing else. With --test, only the verdict of that test counts, passed or not; the whole suite still runs in
each candidate, so that its record is whole and answers later questions at no cost. With --expect, --message or
--exception, a behaviour of one of the ends is given instead. With --command, the exit code decides: 0 good, 125 skip,
1 to 127 bad; a higher one stops the bisection. --third defines how candidates count that are neither good nor bad, such
as those in which the command times out.

  nox -s bisect -- --observation scripted-call --good 1.9.1 --bad 2.15.0
  nox -s bisect -- --test 'tests/test_x.py::test_y[param]' --good 2.0.0 --bad 2.15.0
  nox -s bisect -- --observation trace --good 2026-10-01 --bad 2026-11-20 --nightly --build cpu
  nox -s bisect -- --all --good 1.9.0 --bad 2.15.0
  nox -s bisect -- --good 2.0.0 --bad 2.5.1 --command '{python} check.py'

The report has the commits between the two sides and the lines in the wheels' files that explain the change; as text,
Markdown to paste into an issue, or JSON. An interrupted bisection is kept: continue with --resume.

Exit codes: 0 found; 1 the ends behave the same or are swapped; 4 undecided.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from typing import Final

from scripts.bisect import model
from scripts.bisect.bisection import Outcome
from scripts.bisect.model import Question, State, Step
from scripts.bisect.search import Answer
from scripts.bisect.session import BisectSession
from scripts.config import matrix_toml
from scripts.config.suite import Suite
from scripts.core import machine
from scripts.core.errors import Exit, UsageError
from scripts.index import channels
from scripts.index.http import Web
from scripts.options import add_environment, add_suite, chosen_suite, file, positive_int
from scripts.views.bisect import json_report, log, report
from scripts.views.progress import Display

#: The default of --grain: with --all, every behaviour that lasted for this many candidates is found.
_GRAIN: Final = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options for the question, the candidates and the run."""
    _add_question(parser.add_argument_group("question"))
    _add_candidates(parser.add_argument_group("candidates"))
    add_suite(parser)
    add_environment(parser)
    _add_running(parser.add_argument_group("running"))


def _add_question(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--observation", action="append", default=[], metavar="NAME", help="observation or test to compare"
    )
    group.add_argument("--test", type=_node_id, metavar="NODEID", help="test whose verdict decides, passed or not")
    group.add_argument("--good", metavar="V", help="version with the good behaviour")
    group.add_argument("--bad", metavar="V", help="version with the bad behaviour; may be the older one")
    group.add_argument("--all", action="store_true", help="find every change, of every observation if none is named")
    group.add_argument("--expect", choices=["passed", "returned", "raised"], help="outcome at one of the ends")
    group.add_argument("--message", type=_pattern, metavar="REGEX", help="pattern in the message at one of the ends")
    group.add_argument("--exception", metavar="TYPE", help="exception at one of the ends, or a base of it")
    group.add_argument(
        "--command",
        type=_command,
        metavar="CMD",
        help="run this in each cell; {python}, {torch} and {cell} are replaced",
    )
    group.add_argument(
        "--command-timeout",
        type=positive_int,
        metavar="SECONDS",
        help="kill the command after this time, which counts as --third defines (default: limits startup + probe of "
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
        type=positive_int,
        metavar="N",
        help=f"with --all: find every behaviour that lasted for N candidates (default: {_GRAIN})",
    )


def _add_candidates(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--build", default="cpu", metavar="BUILD", help="build to run (default: %(default)s)")
    group.add_argument(
        "--python",
        metavar="X.Y",
        help="only this Python (default: that of the default selection, or one with a record)",
    )
    channel = group.add_mutually_exclusive_group()
    channel.add_argument("--pre", action="store_true", help="include the test channel")
    channel.add_argument("--nightly", action="store_true", help="search nightlies, by version or date")


def _add_running(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-j", "--jobs", type=positive_int, default=1, metavar="N", help="candidates at once, where that saves rounds"
    )
    group.add_argument(
        "--repeat", type=positive_int, default=1, metavar="N", help="run each N times; differing results are flaky"
    )
    group.add_argument("--recorded", action="store_true", help="use records only, and run nothing")
    group.add_argument("--fresh", action="store_true", help="also run cells that are recorded")
    group.add_argument("--no-evidence", action="store_true", help="do not look for evidence in the wheels")
    group.add_argument("--download", action="store_true", help="download whole wheels to look for evidence")
    group.add_argument("--resume", action="store_true", help="continue the last bisection, or that of this question")
    group.add_argument("--log", action="store_true", help="show the last bisection so far, and run nothing")
    group.add_argument(
        "--replay", type=file, metavar="FILE", help="repeat the bisection of a state file; continue if unfinished"
    )
    group.add_argument("--format", choices=["text", "markdown", "json"], default="text")


def run(options: argparse.Namespace) -> Exit:
    """Carry out the bisection, or show its log."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    matrix = channels.with_channels(matrix_toml.load())
    with Web() as web:
        reported_fallbacks: set[str] = set()  # over all rounds
        session = BisectSession(
            web=web,
            matrix=matrix,
            suite=chosen_suite(matrix, options),
            display=lambda total: Display(total, reported_fallbacks=reported_fallbacks),
            on_round=_print_round,
            notify=_notify,
            fresh=options.fresh,
            jobs=options.jobs,
            evidence=not options.no_evidence,
            download=options.download,
        )
        state = _state(session, options)
        _check_suite(session.suite, state)
        if options.log:
            print("\n".join(log.log(state)))
            return Exit.OK
        outcome = session.run(state)
    _show(options.format, outcome)
    return _exit(outcome)


def _check_suite(suite: Suite, state: State) -> None:
    """Raise `UsageError` if a bisection is of another suite."""
    name = state.question.suite
    if name not in {None, suite.name}:
        raise UsageError(f"this bisection is of the suite {name!r}; add --suite {name}")


def _print_round(state: State, steps: Sequence[Step]) -> None:
    for line in log.round_lines(state, steps):
        _notify(line)


def _notify(text: str) -> None:
    print(text, file=sys.stderr)


def _state(session: BisectSession, options: argparse.Namespace) -> State:
    """Return the bisection of a file if the options name one, else a new one."""
    if options.replay:
        return model.FORMAT.read(options.replay)
    if not options.good or not options.bad:
        if options.resume or options.log:
            return model.FORMAT.read(model.latest(session.suite.paths.bisect))
        raise UsageError("--good and --bad are needed, unless --resume, --log or --replay names a bisection")
    question = _question(session.suite, options)
    path = model.path_of(session.suite.paths.bisect, question)
    if options.log and not path.exists():
        raise UsageError("--log: there is no bisection of this question; --log alone shows the last bisection")
    if options.log or (options.resume and path.exists()):
        return model.FORMAT.read(path)
    return session.start(question)


def _question(suite: Suite, options: argparse.Namespace) -> Question:
    """Return the question of the options. Raises `UsageError` if they contradict each other."""
    matching = [name for name in ("expect", "message", "exception") if getattr(options, name)]
    if options.test and (options.observation or options.command or options.all or matching):
        raise UsageError(
            "--test decides alone, by its verdict; remove --observation, --command, --all, --expect, --message and "
            "--exception, or name the test with --observation"
        )
    if options.command and (options.observation or matching or options.all):
        raise UsageError("--command decides alone; remove --observation, --expect, --message, --exception and --all")
    if options.command_timeout and not options.command:
        raise UsageError("--command-timeout needs --command: there is no --command to limit")
    if not options.command and not options.test and not options.all and len(options.observation) != 1:
        raise UsageError("one --observation or --test is needed; with --all there can be several, or none for all")
    if options.all and matching:
        raise UsageError(f"--all compares neighbours; remove --{matching[0]}")
    return Question(
        suite=suite.name,
        probes=None if suite.declared or suite.project else str(suite.folder),
        project=str(suite.project.folder) if suite.project else None,
        observations=(options.test,) if options.test else tuple(options.observation),
        good=options.good,
        bad=options.bad,
        build=options.build,
        python=options.python,
        platform=machine.platform_name(),
        expect="passed" if options.test else options.expect,
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


def _show(format_: str, outcome: Outcome) -> None:
    match format_:
        case "json":
            print(json.dumps(json_report.as_json(outcome), indent=2))
        case "markdown":
            print(report.markdown(outcome), end="")
        case _:
            print(report.text(outcome, shutil.get_terminal_size().columns), end="")


def _exit(outcome: Outcome) -> Exit:
    if (ends := outcome.wrong_ends) is not None:
        return Exit.INCONCLUSIVE if {Answer.SKIP, Answer.THIRD} & {ends.first, ends.last} else Exit.UNEXPECTED
    return Exit.OK if outcome.certain and outcome.has_results else Exit.INCONCLUSIVE


def _node_id(text: str) -> str:
    """Return a node id with ``/`` between folders. Raise `ArgumentTypeError` if it names no test in a file."""
    file, separator, inside = text.strip().partition("::")
    if not (file and separator and inside):
        raise argparse.ArgumentTypeError(
            f"not a node id: {text!r}; write it as pytest does: 'test_x.py::test_y[param]'"
        )
    return f"{file.replace(chr(92), '/').removeprefix('./')}::{inside}"


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"not a regular expression: {text!r} ({error})") from None
    return text


def _command(text: str) -> str:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not a command line: {text!r} ({error})") from None
    if not words:
        raise argparse.ArgumentTypeError("not a command line: it names no program")
    return text
