"""A step of the workflows in .github/workflows. Its inputs are environment variables that start with CI_.

plan          which jobs there are to be, as outputs
lock          resolve the cells of a job, and name the cache of their wheels
cells         run the cells of a job
report DIR    merge what the jobs left, and report it
verdict       the conclusion, from what `report` found
issue DIR     open, update or close the issue whose text lies there
releases      run the cells of releases that matrix.toml lacks
pull-request DIR   add them, with their results, in a pull request
nightly       the last nightly against the last release
qualify       a candidate's verdict
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from scripts.ci import cells, keeping, plan, qualify, report, watch
from scripts.errors import Exit, UsageError

_ALONE: Final[Mapping[str, Callable[[], Exit]]] = {
    "plan": plan.run,
    "lock": cells.lock,
    "cells": cells.run,
    "verdict": report.verdict,
    "releases": watch.releases,
    "nightly": watch.nightly,
    "qualify": qualify.run,
}
_WITH_FOLDER: Final[Mapping[str, Callable[[Path], Exit]]] = {
    "report": report.run,
    "issue": keeping.issue,
    "pull-request": keeping.pull_request,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The step."""
    parser.add_argument("step", choices=[*_ALONE, *_WITH_FOLDER], metavar="STEP")
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="what earlier jobs left")


def run(options: argparse.Namespace) -> Exit:
    """Take the step."""
    if options.step in _ALONE:
        if options.folder:
            raise UsageError(f"{options.step} takes no folder")
        return _ALONE[options.step]()
    if options.folder is None:
        raise UsageError(f"{options.step} needs the folder of what earlier jobs left")
    options.folder.mkdir(parents=True, exist_ok=True)  # it isn't made where none left anything
    return _WITH_FOLDER[options.step](options.folder)
