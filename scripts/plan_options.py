"""The options of a plan, and the cells that they select: on some platforms, or affected by a change."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Sequence

from packaging.requirements import Requirement

from scripts.config import cells, matrix_toml, runners
from scripts.config import suite as suites
from scripts.config.cell import DEFAULT_BUILD, Cell
from scripts.config.model import Matrix
from scripts.config.suite import Suite
from scripts.core import paths, repository, urls
from scripts.core.errors import ConfigError
from scripts.options import add_inputs, add_suite, chosen, chosen_suite, in_environment
from scripts.run import locks, plan
from scripts.run.context import Options
from scripts.run.plan import Inputs, Planned


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `planned` besides cells and selecting options."""
    parser.add_argument(
        "--platform",
        action="append",
        default=[],
        metavar="NAME",
        help="a platform of matrix.toml's [runners], or all (default: this machine's)",
    )
    parser.add_argument(
        "--since", metavar="REF", help="only cells affected by changes of matrix.toml or the tests since this commit"
    )
    parser.add_argument("--all-builds", action="store_true", help="all builds, not only the selection's")
    add_suite(parser)
    add_inputs(parser)


def planned(matrix: Matrix, options: argparse.Namespace) -> list[Planned]:
    """Return the plan of the selected cells, without cells that can't exist on a requested platform."""
    matrix, suite = in_environment(matrix, options), chosen_suite(matrix, options)
    selected = chosen(_in_all_builds(matrix) if options.all_builds else matrix, options)
    selected = _not_excluded(suite, selected)
    if options.since:
        selected = _affected(Inputs(matrix=matrix, suite=suite), selected, options)
    run = Options(suite=suite, require=tuple(options.require))
    platforms: list[str] | list[None] = runners.chosen(matrix, options.platform) or [None]
    plans = [
        item
        for platform in platforms
        for item in plan.plan(matrix, selected, run, platform=platform)
        if item.runner or not options.platform
    ]
    return sorted(plans, key=lambda item: item.sort_key)


def _not_excluded(suite: Suite, selected: Sequence[Cell]) -> list[Cell]:
    """Return the cells that the project, if the suite is one, does not exclude; tell which releases it does."""
    reasons = {cell: suite.project.excludes(cell) if suite.project else None for cell in selected}
    for reason in dict.fromkeys(filter(None, reasons.values())):
        releases = list(dict.fromkeys(cell.torch for cell in selected if reasons[cell] == reason))
        shown = releases[0] if len(releases) == 1 else f"{releases[0]} – {releases[-1]}"
        print(f"{shown}: {reason}", file=sys.stderr)
    return [cell for cell in selected if not reasons[cell]]


def _affected(now: Inputs, selected: list[Cell], options: argparse.Namespace) -> list[Cell]:
    """Return the cells whose records may change because of what changed since the commit ``--since``."""
    commit = repository.commit_of(options.since)
    matrix, suite = now.matrix, now.suite
    text = repository.text_at(commit, paths.MATRIX_TOML)
    tests = [folder for folder in (suite.folder, paths.RECORDER) if folder.is_relative_to(paths.ROOT)]
    if text is None or any(repository.changed(commit, folder) for folder in tests):
        return selected
    try:
        before = in_environment(matrix_toml.parse(text), options)
    except ConfigError:
        return selected  # written for another version of the engine, so it can't be compared
    if suite.declared and suite.name not in before.suites:
        return selected
    earlier = suites.named(before, suite.name).with_env(dict(options.env)) if suite.declared else suite
    if options.cells or options.selection not in before.selections:
        existing = {cell for cell in selected if cells.exists(before, cell)}
    else:
        existing = set(cells.expand(before, before.selections[options.selection]))
    affected = set(plan.affected(Inputs(matrix=before, suite=earlier), now, selected, existed=existing.__contains__))
    edited = functools.cache(functools.partial(_is_edited, commit))
    requirements = {cell: locks.requirements(matrix, suite, cell, options.require) for cell in selected}
    return [cell for cell in selected if cell in affected or any(map(edited, requirements[cell]))]


def _is_edited(commit: str, line: str) -> bool:
    """Return whether a requirement is a path in the project whose files changed since a commit."""
    url = Requirement(line).url
    path = urls.to_path(url) if url and urls.is_file(url) else None
    return path is not None and path.is_relative_to(paths.ROOT) and repository.changed(commit, path)


def _in_all_builds(matrix: Matrix) -> Matrix:
    """Return the matrix with all builds in every selection, except the default index's, which repeats one of them."""
    builds = tuple(name for name in matrix.builds if name != DEFAULT_BUILD) or (DEFAULT_BUILD,)
    selections = {name: item.model_copy(update={"builds": builds}) for name, item in matrix.selections.items()}
    return matrix.model_copy(update={"selections": selections})
