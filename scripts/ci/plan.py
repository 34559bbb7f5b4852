"""The first job of the matrix: which jobs there are to be, and what the report has to wait for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from scripts import paths, printable
from scripts.ci import actions
from scripts.ci.inputs import Inputs
from scripts.commands.plan import as_github
from scripts.errors import Exit, SchemaError
from scripts.matrix import choosing, config
from scripts.plans import planning
from scripts.plans.planning import Planned
from scripts.results.records import Part, write_atomically

#: The plan as a file, which the report reads.
FILE: Final = paths.STATE / "plan" / "plan.json"


class Wanted(Part):
    """A cell that the report waits for."""

    platform: str
    id: str


class Plan(Part):
    """All cells of a run of the matrix, those with a current record included."""

    schema_: int = 1
    cells: tuple[Wanted, ...]


def load(path: Path) -> Plan:
    """A plan from its file. Raises `SchemaError` for what isn't one."""
    try:
        return Plan.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise SchemaError(f"{path}: no plan of this version: {error}") from None


def run() -> Exit:
    """Plan, and tell the jobs that follow."""
    inputs = Inputs.read()
    matrix = config.load()
    planned = choosing.planned(matrix, inputs.choice())
    there = [item for item in planned if item.runner]
    missing = [item for item in there if inputs.fresh or not item.current]
    jobs = planning.jobs(missing, inputs.jobs)
    wanted = Plan(cells=tuple(Wanted(platform=item.platform, id=item.cell.id) for item in there))
    write_atomically(FILE, wanted.model_dump_json(indent=1))
    actions.output({"matrix": json.dumps(as_github(matrix, jobs)), "jobs": len(jobs), "cells": len(missing)})
    actions.summary(_told(there, missing, len(jobs)))
    return Exit.OK


def _told(there: Sequence[Planned], missing: Sequence[Planned], jobs: int) -> str:
    platforms = ", ".join(dict.fromkeys(item.platform for item in there)) or "no platform"
    current = len(there) - len(missing)
    lines = [f"{len(there)} cells on {platforms}: {len(missing)} to run in {jobs} jobs, {current} recorded already."]
    if missing:
        names = "\n".join(f"{item.platform} {item.cell.id}" for item in missing)
        lines += ["", "<details><summary>Cells to run</summary>", "", printable.fenced(names), "", "</details>"]
    return "\n".join(lines)
