"""Options and argparse types that several commands share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import ByteSize, TypeAdapter, ValidationError

from scripts.config import cells, project, suite, values, versions
from scripts.config import requirement as requirements
from scripts.config.cell import Cell
from scripts.config.model import Matrix
from scripts.config.project import Project
from scripts.config.suite import Suite
from scripts.core import environment
from scripts.core.errors import UsageError, did_you_mean
from scripts.records import old_layout

#: The selection without --selection.
_DEFAULT_SELECTION: Final = "matrix"


def add_selecting(parser: argparse.ArgumentParser) -> None:
    """Add ``--torch``, ``--build`` and ``--python``, which `narrow` applies."""
    group = parser.add_argument_group("selecting")
    group.add_argument("--torch", type=specifier, metavar="SPEC", help="only these releases (PEP 440): '>=2.5,<2.8'")
    group.add_argument("--build", metavar="BUILD", help="only this build, such as cpu, or builds by a pattern: 'cu12*'")
    group.add_argument("--python", metavar="X.Y", help="only this Python")


def add_cells(parser: argparse.ArgumentParser) -> None:
    """Add cell ids and ``--selection``, which `chosen` applies."""
    parser.add_argument("cells", nargs="*", metavar="CELL", help="cells by id, such as 2.5.1-cpu-py3.11")
    parser.add_argument(
        "--selection", default=_DEFAULT_SELECTION, metavar="NAME", help="a selection (default: %(default)s)"
    )


def add_environment(parser: argparse.ArgumentParser) -> None:
    """Add ``--env``, which `chosen_suite` applies, and ``--exclude-newer``, which `in_environment` applies."""
    group = parser.add_argument_group("environment")
    group.add_argument(
        "--env",
        action="append",
        default=[],
        type=_variable,
        metavar="NAME=VALUE",
        help="a variable for the tests, besides those in matrix.toml; all others are removed",
    )
    group.add_argument(
        "--exclude-newer",
        type=_timestamp,
        metavar="DATE",
        help="only files that the index had at the end of this day (UTC), or at an RFC 3339 time; torch is exempt",
    )


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Add ``--require`` and what `add_environment` adds: they decide, with the suite, which records are current."""
    parser.add_argument(
        "--require",
        action="append",
        default=[],
        type=requirement,
        metavar="REQ",
        help="another requirement, which replaces a pin of the same package: a PEP 508 line, or the path of a folder, "
        "sdist or wheel. Folders and sdists are built into wheels, also with -e",
    )
    add_environment(parser)


def add_suite(parser: argparse.ArgumentParser) -> None:
    """Add ``--suite`` and ``--probes``, which `chosen_suite` applies."""
    group = parser.add_argument_group("suite")
    group.add_argument("--suite", metavar="NAME", help="a suite of matrix.toml (default: the first one)")
    group.add_argument(
        "--probes",
        type=folder,
        metavar="FOLDER",
        help="a folder of tests as a suite of its own, with the requirements and variables of the default suite; "
        "--suite names it (default: after the folder). The same option shows, accepts and bisects its records",
    )
    group.add_argument(
        "--project",
        type=folder,
        metavar="FOLDER",
        help="the source tree of a library: its wheel and its own tests, as [tool.torch-matrix] of its pyproject.toml "
        "says. The same option shows, accepts and bisects its records",
    )


def chosen_suite(matrix: Matrix, options: argparse.Namespace) -> Suite:
    """Return the suite that the options select, with the variables of ``--env`` if that is an option.

    Records of the layout without suites are moved into the default suite's folders first.

    Raises:
        UsageError: the suite is unknown, has no folder, or there are results of the layout without suites.
    """
    default = suite.named(matrix)
    for old, new in old_layout.take_over(default.paths):
        print(f"moved: {old} to {new}", file=sys.stderr)
    old_layout.check_results(default.paths)
    if (library := _project(options)) is not None:
        selected = suite.of_project(matrix, library, options.suite)
    elif options.probes is not None:
        selected = suite.of_folder(matrix, options.probes, options.suite)
    else:
        selected = suite.named(matrix, options.suite)
    if not selected.folder.is_dir():
        raise UsageError(f"suites.{selected.name}.path: no such folder: {selected.folder}")
    return selected.with_env(dict(getattr(options, "env", ())))


def _project(options: argparse.Namespace) -> Project | None:
    """Return the library of ``--project``, or None. Raise `UsageError` with ``--probes``."""
    folder = getattr(options, "project", None)
    if folder is None:
        return None
    if options.probes is not None:
        raise UsageError("--project: says which tests run; remove --probes")
    return project.load(folder)


def chosen(matrix: Matrix, options: argparse.Namespace) -> list[Cell]:
    """Return the cells that the options select.

    Raises:
        UsageError: there are none, or a name is unknown.
    """
    if options.cells:
        selected = [_known_build(matrix, Cell.parse(text)) for text in dict.fromkeys(options.cells)]
    else:
        selected = _selected(matrix, options)
    narrowed = narrow(matrix, selected, options)
    if not narrowed:
        raise UsageError("no cell matches these options; `nox -s plan` lists all cells")
    return narrowed


def _selected(matrix: Matrix, options: argparse.Namespace) -> list[Cell]:
    """Return the cells of the selection, or those that the project of ``--project`` names."""
    library, name = _project(options), options.selection
    if library is not None and library.table.selection and name == _DEFAULT_SELECTION:
        name = library.table.selection
    selection = matrix.selections[selection_name(matrix, name)]
    if library is None:
        return cells.expand(matrix, selection)
    for python in library.pythons:
        if python not in matrix.pythons:
            known = did_you_mean(python, list(matrix.pythons))
            raise UsageError(f"tool.torch-matrix.python: unknown Python {python!r}{known}")
    if library.pythons:
        selection = selection.model_copy(update={"every_python": True})
    found = cells.filtered(cells.expand(matrix, selection), torch=library.table.torch)
    return [cell for cell in found if not library.pythons or cell.python in library.pythons]


def narrow(matrix: Matrix, selected: Sequence[Cell], options: argparse.Namespace) -> list[Cell]:
    """Return the cells that match ``--torch``, ``--build`` and ``--python``.

    Raises:
        UsageError: a name is unknown.
    """
    if options.python and options.python not in matrix.pythons:
        raise UsageError(
            f"--python: unknown Python {options.python!r}{did_you_mean(options.python, list(matrix.pythons))}"
        )
    if options.build and options.build not in matrix.builds and not set(options.build) & set("*?["):
        raise UsageError(f"--build: unknown build {options.build!r}{did_you_mean(options.build, list(matrix.builds))}")
    return cells.filtered(selected, torch=options.torch, build=options.build, python=options.python)


def selection_name(matrix: Matrix, name: str) -> str:
    """Return ``name`` if it is a selection. Raise `UsageError` otherwise."""
    if name not in matrix.selections:
        raise UsageError(f"--selection: unknown selection {name!r}{did_you_mean(name, list(matrix.selections))}")
    return name


def _known_build(matrix: Matrix, cell: Cell) -> Cell:
    """Return ``cell`` if its build is known; its release and Python may be unknown to matrix.toml."""
    if cell.build not in matrix.builds:
        raise UsageError(f"{cell.id}: unknown build {cell.build!r}{did_you_mean(cell.build, list(matrix.builds))}")
    return cell


def in_environment(matrix: Matrix, options: argparse.Namespace) -> Matrix:
    """Return the matrix with ``--exclude-newer`` applied; `chosen_suite` applies ``--env``."""
    return matrix.with_exclude_newer(options.exclude_newer)


def folder(text: str) -> Path:
    """Return the absolute path of an existing directory."""
    if not path(text).is_dir():
        raise argparse.ArgumentTypeError(f"not a directory: {_shortened(text)}")
    return Path(text).resolve()


def file(text: str) -> Path:
    """Return the path of an existing file."""
    if not path(text).is_file():
        raise argparse.ArgumentTypeError(f"not a file: {_shortened(text)}")
    return Path(text)


def target(text: str) -> Path:
    """Return the path of a file to write."""
    if path(text).is_dir():
        raise argparse.ArgumentTypeError(f"a directory, not a file to write: {_shortened(text)}")
    return Path(text)


def path(text: str) -> Path:
    """Return a path that may or may not exist, if the system accepts it."""
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
    max_length = 100
    return repr(text if len(text) <= max_length else text[: max_length - 1] + "…")


def requirement(text: str) -> str:
    """Return a requirement as one PEP 508 line; a path is relative to the current directory."""
    try:
        return requirements.parse(text, Path.cwd())
    except requirements.RequirementError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def specifier(text: str) -> str:
    """Return a PEP 440 specifier."""
    try:
        versions.specifier(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a PEP 440 specifier: {text!r}; example: '>=2.5,<2.8'") from None
    return text


def positive_int(text: str) -> int:
    """Return a positive integer."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"not a positive integer: {text!r}")
    return int(text)


def size(text: str) -> int:
    """Return a size in bytes."""
    try:
        parsed = TypeAdapter(ByteSize).validate_python(text)
    except ValidationError:
        parsed = ByteSize(0)
    if parsed <= 0:
        raise argparse.ArgumentTypeError(f"not a size: {text!r}; example: 20GB")
    return int(parsed)


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
