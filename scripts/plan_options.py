"""The cells that a plan is about: a selection on some platforms, or what of it a change touches."""

from __future__ import annotations

import argparse
import functools

from packaging.requirements import Requirement

from scripts.config import cells, matrix_toml, runners
from scripts.config.cell import DEFAULT_BUILD, Cell
from scripts.config.model import Matrix
from scripts.core import paths, repository, urls
from scripts.core.errors import ConfigError
from scripts.options import add_environment, chosen, folder, in_environment, requirement
from scripts.run import locks, plan
from scripts.run.context import Options
from scripts.run.plan import Planned


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `planned` needs besides cells and selecting options."""
    parser.add_argument(
        "--platform",
        action="append",
        default=[],
        metavar="NAME",
        help="for this platform of matrix.toml's [runners], or for all (default: this machine's)",
    )
    parser.add_argument("--since", metavar="REF", help="only what a change of matrix.toml or the probes touches")
    parser.add_argument("--all-builds", action="store_true", help="in every build, not only the selection's")
    parser.add_argument(
        "--require",
        action="append",
        default=[],
        type=requirement,
        metavar="REQ",
        help="as `nox -s matrix` has it",
    )
    parser.add_argument("--probes", type=folder, metavar="FOLDER", help="as `nox -s matrix` has it")
    add_environment(parser)


def planned(matrix: Matrix, options: argparse.Namespace) -> list[Planned]:
    """The plan of what the options choose, without cells that can't exist on a platform."""
    matrix = in_environment(matrix, options)
    wide = _in_all_builds(matrix) if options.all_builds else matrix
    found = chosen(wide, options)
    if options.since:
        found = since(matrix, found, options)
    run = Options(require=tuple(options.require), probes=options.probes)
    platforms: list[str] | list[None] = runners.chosen(matrix, options.platform) or [None]
    plans = [
        item
        for platform in platforms
        for item in plan.plan(matrix, found, run, platform=platform)
        if item.runner or not options.platform
    ]
    return sorted(plans, key=lambda item: item.sort_key)


def since(matrix: Matrix, found: list[Cell], options: argparse.Namespace) -> list[Cell]:
    """Those of some cells that a change since a commit touches."""
    commit = repository.checked(options.since)
    probes = options.probes or paths.ROOT / matrix.probes.path
    text = repository.text_at(commit, paths.MATRIX_TOML)
    if text is None or (probes.is_relative_to(paths.ROOT) and repository.changed(commit, probes)):
        return found
    try:
        before = in_environment(matrix_toml.parse(text), options)
    except ConfigError:
        return found  # written for another version of the engine: nothing can be compared
    if options.cells or options.selection not in before.selections:
        there = {cell for cell in found if cells.exists(before, cell)}
    else:
        there = set(cells.expand(before, before.selections[options.selection]))
    affected = set(plan.affected(before, matrix, found, existed=there.__contains__))
    edited = functools.cache(functools.partial(_edited, commit))
    needs = {cell: locks.requirements(matrix, cell, options.require) for cell in found}
    return [cell for cell in found if cell in affected or any(map(edited, needs[cell]))]


def _edited(commit: str, line: str) -> bool:
    """Return whether a requirement is a path of the project that has changed since a commit."""
    url = Requirement(line).url
    path = urls.to_path(url) if url and urls.is_file(url) else None
    return path is not None and path.is_relative_to(paths.ROOT) and repository.changed(commit, path)


def _in_all_builds(matrix: Matrix) -> Matrix:
    """The matrix with every selection in every build but the default index's, which repeats one of them."""
    builds = tuple(name for name in matrix.builds if name != DEFAULT_BUILD) or (DEFAULT_BUILD,)
    wide = {name: one.model_copy(update={"builds": builds}) for name, one in matrix.selections.items()}
    return matrix.model_copy(update={"selections": wide})
