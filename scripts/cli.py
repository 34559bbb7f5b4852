"""``python -m scripts NAME …``: run a command, and turn its errors into messages and exit codes."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Final

from scripts.core.errors import Exit, MatrixError
from scripts.core.escaping import encodable

#: Modules of `scripts.commands` and their summaries. A module is imported only when it runs; its docstring is its help.
COMMANDS: Final = {
    "run": "run cells, then show the table and the drift",
    "accept": "make fresh records the accepted results",
    "report": "show timelines and change points",
    "bisect": "find the release where a signature changed",
    "qualify": "judge a candidate release against a baseline",
    "scan": "show the history of a file inside torch's wheels",
    "merge": "merge the records of many machines",
    "plan": "list the cells of a selection, also for a CI service",
    "doctor": "check what this machine can run",
    "update": "find releases that matrix.toml lacks",
    "ci": "run a step of the GitHub workflows",
}


def main(arguments: Sequence[str] | None = None, *, program: str = "python -m scripts") -> int:
    """Run a command and return its exit code. Errors that a user can fix are printed, not raised."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] in {"-h", "--help"}:
        print(_overview(program))
        return Exit.OK if arguments else Exit.USAGE
    name, *rest = arguments
    if name not in COMMANDS:
        print(f"error: no command {name!r}\n\n{_overview(program)}", file=sys.stderr)
        return Exit.USAGE
    return run_command(name, rest, program=f"{program} {name}")


def run_command(name: str, arguments: Sequence[str], *, program: str) -> int:
    """Run the command ``name``; ``program`` is its name in the usage line."""
    return run_module(importlib.import_module(f"scripts.commands.{name}"), arguments, program=program)


def run_module(command: ModuleType, arguments: Sequence[str], *, program: str) -> int:
    """Run a module that has `add_arguments` and `run`, and return its exit code."""
    parser = _parser(command, program)
    try:
        options = parser.parse_args(list(arguments))
    except SystemExit as stop:  # from argparse: 0 after --help, 2 for invalid arguments
        return Exit.OK if stop.code in {0, None} else Exit.USAGE
    try:
        return int(command.run(options))
    except MatrixError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit
    except KeyboardInterrupt as interruption:
        print(
            f"interrupted{f' by {interruption}' if interruption.args else ''}; finished cells are kept", file=sys.stderr
        )
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return Exit.OK
    except OSError as error:  # such as a full disk
        print(f"error: {encodable(str(error))}", file=sys.stderr)
        return Exit.MACHINERY


def _parser(command: ModuleType, program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description=command.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_arguments(parser)
    return parser


def _overview(program: str) -> str:
    width = max(map(len, COMMANDS))
    return "\n".join([f"usage: {program} COMMAND …", "", *(f"  {n:<{width}}  {text}" for n, text in COMMANDS.items())])
