"""The first job of the matrix: plan the jobs, and write down the cells that the report expects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final, Literal

from pydantic import Field

from scripts import plan_options
from scripts.ci import actions
from scripts.ci.inputs import Inputs
from scripts.config import matrix_toml
from scripts.core import escaping, paths
from scripts.core.documents import Format, StrictModel
from scripts.core.errors import Exit
from scripts.run import jobs as scheduling
from scripts.run.plan import Planned
from scripts.views.plan import as_github

#: The plan's file, which the report reads.
FILE: Final = paths.PLAN / "plan.json"


class ExpectedCell(StrictModel):
    """A cell that the report expects a record of."""

    platform: str
    id: str


class Plan(StrictModel):
    """All cells of a run of the matrix, including those with a current record."""

    schema_: Literal[1] = Field(1, alias="schema")
    cells: tuple[ExpectedCell, ...]


FORMAT: Final = Format(name="plan", model=Plan, schema=1, remedy="run the job `plan` again", indent=1)


def run() -> Exit:
    """Plan the cells that are not recorded yet; output the job matrix and its size."""
    inputs = Inputs.read()
    matrix = matrix_toml.load()
    planned = plan_options.planned(matrix, inputs.plan_options())
    runnable = [item for item in planned if item.runner]
    to_run = [item for item in runnable if inputs.fresh or not item.current]
    jobs = scheduling.jobs(to_run, inputs.jobs)
    expected = Plan(cells=tuple(ExpectedCell(platform=item.platform, id=item.cell.id) for item in runnable))
    FORMAT.write(FILE, expected)
    actions.output({"matrix": json.dumps(as_github(matrix, jobs)), "jobs": len(jobs), "cells": len(to_run)})
    actions.summary(_summary(runnable, to_run, len(jobs)))
    return Exit.OK


def _summary(runnable: Sequence[Planned], to_run: Sequence[Planned], jobs: int) -> str:
    platforms = ", ".join(dict.fromkeys(item.platform for item in runnable)) or "no platform"
    current = len(runnable) - len(to_run)
    lines = [f"{len(runnable)} cells on {platforms}: {len(to_run)} to run in {jobs} jobs, {current} already recorded."]
    if to_run:
        names = "\n".join(f"{item.platform} {item.cell.id}" for item in to_run)
        lines += ["", "<details><summary>Cells to run</summary>", "", escaping.fenced(names), "", "</details>"]
    return "\n".join(lines)
