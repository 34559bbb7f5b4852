"""Run a step of the workflows in .github/workflows. Its inputs are environment variables that start with CI_.

plan               plan the jobs, and output them as a job matrix
lock               resolve the cells of a job, and name the cache of their wheels
cells              run the cells of a job
report DIR         merge the records that the jobs left in DIR, and report them
verdict            end with the exit code that follows from what `report` found
issue DIR          open, update or close the issue whose text lies in DIR
releases           run the cells of releases that matrix.toml lacks
pull-request DIR   open a pull request that adds these releases with their results
nightly            compare the last nightly with the last release
qualify            qualify a candidate
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from scripts.ci import cells, plan, publish, qualify, report, watch
from scripts.core.errors import Exit, UsageError
from scripts.options import path

_WITHOUT_FOLDER: Final[Mapping[str, Callable[[], Exit]]] = {
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
    "issue": publish.issue,
    "pull-request": publish.pull_request,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the step and its folder."""
    parser.add_argument("step", choices=[*_WITHOUT_FOLDER, *_WITH_FOLDER], metavar="STEP")
    parser.add_argument("folder", nargs="?", type=path, metavar="DIR", help="the artifacts of earlier jobs")


def run(options: argparse.Namespace) -> Exit:
    """Run the step."""
    if options.step in _WITHOUT_FOLDER:
        if options.folder:
            raise UsageError(f"{options.step}: does not take a folder")
        return _WITHOUT_FOLDER[options.step]()
    if options.folder is None:
        raise UsageError(f"{options.step}: requires the folder of earlier jobs' artifacts")
    options.folder.mkdir(parents=True, exist_ok=True)  # absent if no job uploaded an artifact
    return _WITH_FOLDER[options.step](options.folder)
