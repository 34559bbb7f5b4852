"""Options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from scripts.config import cells, values
from scripts.config import requirement as requirements
from scripts.config.cell import Cell
from scripts.config.model import Matrix
from scripts.core import environment
from scripts.core.errors import UsageError, did_you_mean


def add_selecting(parser: argparse.ArgumentParser) -> None:
    """``--torch``, ``--build`` and ``--python``: less of what there is."""
    group = parser.add_argument_group("selecting")
    group.add_argument("--torch", type=_specifier, metavar="SPEC", help="only these releases, as PEP 440: '>=2.5,<2.8'")
    group.add_argument(
        "--build", metavar="BUILD", help="only this build, such as cpu; a pattern such as 'cu12*' is one"
    )
    group.add_argument("--python", metavar="X.Y", help="only this Python")


def folder(text: str) -> Path:
    """Return the absolute path of a folder that is there."""
    if not path(text).is_dir():
        raise argparse.ArgumentTypeError(f"not a directory: {_shortened(text)}")
    return Path(text).resolve()


def file(text: str) -> Path:
    """Return the path of a file that is there."""
    if not path(text).is_file():
        raise argparse.ArgumentTypeError(f"not a file: {_shortened(text)}")
    return Path(text)


def target(text: str) -> Path:
    """Return the path of a file to write."""
    if path(text).is_dir():
        raise argparse.ArgumentTypeError(f"a directory, not a file to write: {_shortened(text)}")
    return Path(text)


def path(text: str) -> Path:
    """Return a path, which may be there or not, as long as the system can look it up."""
    try:
        Path(text).stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise argparse.ArgumentTypeError(f"not a path: {_shortened(text)} ({reason})") from None
    if not text:
        raise argparse.ArgumentTypeError("not a path: ''")
    return Path(text)


def _shortened(text: str) -> str:
    longest = 100
    return repr(text if len(text) <= longest else text[: longest - 1] + "…")


def requirement(text: str) -> str:
    """Return a requirement as one PEP 508 line; a path is relative to the current folder."""
    try:
        return requirements.parse(text, Path.cwd())
    except requirements.RequirementError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_environment(parser: argparse.ArgumentParser) -> None:
    """Add ``--env`` and ``--exclude-newer``, which `in_environment` applies."""
    group = parser.add_argument_group("environment")
    group.add_argument(
        "--env",
        action="append",
        default=[],
        type=_variable,
        metavar="NAME=VALUE",
        help="a variable for the tests, besides what matrix.toml declares; all others are taken away",
    )
    group.add_argument(
        "--exclude-newer",
        type=_timestamp,
        metavar="DATE",
        help="take only what the index had at the end of this day (UTC), or at an RFC 3339 time; torch is exempt",
    )


def in_environment(matrix: Matrix, options: argparse.Namespace) -> Matrix:
    """Return the matrix with what the options of `add_environment` say."""
    return matrix.asked(env=dict(options.env), exclude_newer=options.exclude_newer)


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    problem = environment.problem(name, value) if equals else f"{text!r} has no value; write NAME=VALUE"
    if problem:
        raise argparse.ArgumentTypeError(problem)
    return name, value


def _timestamp(text: str) -> str:
    try:
        return values.timestamp(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_cells(parser: argparse.ArgumentParser) -> None:
    """What `chosen` needs: cell ids, or a selection."""
    parser.add_argument("cells", nargs="*", metavar="CELL", help="cells by id, such as 2.5.1-cpu-py3.11")
    parser.add_argument(
        "--selection", default="matrix", metavar="NAME", help="the selection to take (default: %(default)s)"
    )


def chosen(matrix: Matrix, options: argparse.Namespace) -> list[Cell]:
    """The cells that the options choose. Raises `UsageError` where they choose none."""
    if options.cells:
        found = [checked(matrix, Cell.parse(text)) for text in dict.fromkeys(options.cells)]
    else:
        found = cells.expand(matrix, matrix.selections[selection_name(matrix, options.selection)])
    narrowed = narrow(matrix, found, options)
    if not narrowed:
        raise UsageError("these options choose no cell; `nox -s plan` lists what there is")
    return narrowed


def narrow(matrix: Matrix, found: Sequence[Cell], options: argparse.Namespace) -> list[Cell]:
    """The cells within ``--torch``, ``--build`` and ``--python``, whose names are checked first."""
    if options.python and options.python not in matrix.pythons:
        raise UsageError(
            f"--python: unknown Python {options.python!r}{did_you_mean(options.python, list(matrix.pythons))}"
        )
    if options.build and options.build not in matrix.builds and not set(options.build) & set("*?["):
        raise UsageError(f"--build: unknown build {options.build!r}{did_you_mean(options.build, list(matrix.builds))}")
    return cells.filtered(found, torch=options.torch, build=options.build, python=options.python)


def selection_name(matrix: Matrix, name: str) -> str:
    """``name``, if it is a selection. Raises `UsageError` with the nearest one else."""
    if name not in matrix.selections:
        raise UsageError(f"--selection: unknown selection {name!r}{did_you_mean(name, list(matrix.selections))}")
    return name


def checked(matrix: Matrix, cell: Cell) -> Cell:
    """``cell``, if its build is known; its release and Python may be ones that matrix.toml doesn't name."""
    if cell.build not in matrix.builds:
        raise UsageError(f"{cell.id}: unknown build {cell.build!r}{did_you_mean(cell.build, list(matrix.builds))}")
    return cell


def _specifier(text: str) -> str:
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        raise argparse.ArgumentTypeError(f"{text!r} is no PEP 440 specifier; write one like '>=2.5,<2.8'") from None
    return text
