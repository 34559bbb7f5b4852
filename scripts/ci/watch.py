"""The jobs that look for news: releases that matrix.toml lacks, and nightlies that behave otherwise."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from pathlib import Path

from scripts import cli, machine, paths
from scripts.bisecting import candidates
from scripts.ci import actions, issues
from scripts.ci.report import ISSUE
from scripts.commands import update
from scripts.commands.run import broken
from scripts.errors import Exit, MatrixError
from scripts.index import pages
from scripts.index.http import Web
from scripts.matrix import cells, config
from scripts.matrix.cells import Cell
from scripts.matrix.config import Matrix
from scripts.results.records import FreshRecord, write_atomically
from scripts.results.signature import classify, describe_change, signatures
from scripts.running import runner
from scripts.running.workshop import Options
from scripts.sources import wheelfiles

#: The build whose nightlies are run: the smallest wheels.
_BUILD = "cpu"

#: Where the nightly's findings go.
FOLDER: Path = paths.REPORTS / "nightly"


def releases() -> Exit:
    """Say which releases are new, and run the cells that they make in the default selection."""
    matrix = config.load()
    new = update.news(matrix).releases
    actions.output({"releases": " ".join(new), "count": len(new)})
    if not new:
        actions.summary("No release that matrix.toml lacks.")
        return Exit.OK
    actions.summary(f"New: {', '.join(new)}.")
    wanted = new_cells(matrix, new)
    code = cli.run_command("run", ["--", *(cell.id for cell in wanted)], program="python -m scripts run")
    return Exit.OK if code == Exit.UNEXPECTED else Exit(code)


def new_cells(matrix: Matrix, new: tuple[str, ...]) -> list[Cell]:
    """Return the cells of the default selection that new releases add, and of each the neighbor before it.

    Without a neighbor on the same Python and build, a change could not be attributed to torch.
    """
    known = [*matrix.releases, *new]
    wider = matrix.model_copy(update={"releases": tuple(sorted(known, key=cells.version))})
    selection = wider.selections["matrix"]
    mine = [
        Cell(torch=release, build=build, python=python)
        for release in new
        if (python := cells.python_for(selection.pythons, release))
        for build in cells.selected_builds(wider, selection, release)
    ]
    neighbors = (_neighbor(wider, cell) for cell in mine)
    return sorted({*mine, *(cell for cell in neighbors if cell)}, key=lambda cell: cell.sort_key)


def _neighbor(matrix: Matrix, cell: Cell) -> Cell | None:
    """Return the same cell of the newest release before it that has one."""
    before = [release for release in matrix.releases if cells.version(release) < cells.version(cell.torch)]
    same = (dataclasses.replace(cell, torch=release) for release in sorted(before, key=cells.version, reverse=True))
    return next((other for other in same if cells.exists(matrix, other)), None)


def nightly() -> Exit:
    """Run the last nightly and the last release alike; where they differ, find the day."""
    matrix = candidates.with_channels(config.load())
    nights = _nights(matrix)
    pair = _pair(matrix, nights[-1])
    night, release = _records(matrix, pair)
    changes = differences(release, night)
    print("\n".join(changes) or f"{pair[0].torch} behaves like {pair[1].torch}")
    bisected = _bisected(pair[0].python, nights) if changes else ""
    text = issues.nightly(release=pair[1].torch, night=pair[0].torch, changes=changes, bisected=bisected)
    write_atomically(FOLDER / ISSUE, text.model_dump_json(indent=1) + "\n")
    actions.output({"night": pair[0].torch, "changes": len(changes)})
    actions.summary(text.body or f"{pair[0].torch} behaves like {pair[1].torch}.")
    return Exit.OK


def _nights(matrix: Matrix) -> list[str]:
    """The nightlies that the index has for this platform, in order. Raises `MatrixError` where it has none."""
    index = matrix.builds[candidates.channel_build(candidates.NIGHTLY, _BUILD)].index or ""
    with Web() as web:
        wheels = wheelfiles.of_build(pages.wheels(web, index), _BUILD)
    found = list(wheelfiles.one_a_release(wheels, machine.platform_name()))
    if not found:
        raise MatrixError(f"{index} has no nightly for {machine.platform_name()}")
    return found


def _pair(matrix: Matrix, night: str) -> tuple[Cell, Cell]:
    """The cells of the last nightly and the last release, on the Python that the default selection gives both."""
    last = matrix.releases[-1]
    python = cells.python_for(matrix.selections["matrix"].pythons, last) or list(matrix.pythons)[-1]
    build = candidates.channel_build(candidates.NIGHTLY, _BUILD)
    return Cell(torch=night, build=build, python=python), Cell(torch=last, build=_BUILD, python=python)


def _records(matrix: Matrix, pair: tuple[Cell, Cell]) -> tuple[FreshRecord, FreshRecord]:
    """The records of two cells. Raises `MatrixError` where one couldn't be had, which tells nothing of torch."""
    found = runner.run(matrix, pair, Options(upgrade=True))
    for cell, record in found.items():
        if not record.tells or broken(record):
            why = record.reason.message if record.reason else record.status
            raise MatrixError(f"{cell.id} couldn't be run: {why}")
    return found[pair[0]], found[pair[1]]


def differences(release: FreshRecord, night: FreshRecord) -> list[str]:
    """What a nightly does otherwise than the release, a sentence each."""
    if release.status != night.status:
        return [f"{night.cell.torch} is {night.status}, {release.cell.torch} is {release.status}"]
    before, after = signatures(release), signatures(night)
    return [
        f"{name}, {classify(old, after[name])}: {describe_change(old, after[name])}"
        for name, old in before.items()
        if name in after and after[name] != old
    ]


def _bisected(python: str, nights: list[str]) -> str:
    """What a bisection of all nightlies that there are finds, as Markdown."""
    options = ["--all", "--nightly", f"--build={_BUILD}", f"--python={python}", "--format=markdown", "--no-evidence"]
    ends = [f"--good={nights[0]}", f"--bad={nights[-1]}"]
    if len(nights) == 1:
        return f"The index has no nightly before {nights[0]}."
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        code = cli.run_command("bisect", [*options, *ends], program="python -m scripts bisect")
    if not told.getvalue().strip():
        return f"The bisection of {nights[0]} to {nights[-1]} found nothing (exit code {code})."
    return told.getvalue()
