"""The scheduled jobs: find releases that matrix.toml lacks, and nightlies that behave differently."""

from __future__ import annotations

import contextlib
import dataclasses
import io

from scripts import cli
from scripts.ci import actions, issues
from scripts.ci.inputs import declared_suite
from scripts.ci.report import ISSUE, as_file
from scripts.config import cells, matrix_toml, versions
from scripts.config.cell import Cell
from scripts.config.model import Matrix
from scripts.config.suite import Suite
from scripts.core import machine
from scripts.core.errors import Exit, MatrixError
from scripts.core.files import write_atomically
from scripts.index import channels, listings, new_releases, wheel_files
from scripts.index.http import Web
from scripts.records.drift import broken
from scripts.records.model import FreshRecord
from scripts.records.signature import describe_change, shown_kind, signatures
from scripts.run import scheduler
from scripts.run.context import Options

#: The build whose nightlies are run; its wheels are the smallest.
_BUILD = "cpu"


def releases() -> Exit:
    """Find new releases, and run the cells that they add to the default selection, with a neighbour of each."""
    matrix = matrix_toml.load()
    new = new_releases.find(matrix).releases
    actions.output({"releases": " ".join(new), "count": len(new)})
    if not new:
        actions.summary("matrix.toml has all releases of the index.")
        return Exit.OK
    actions.summary(f"New releases: {', '.join(new)}.")
    cells = [cell.id for cell in new_cells(matrix, new)]
    suite = f"--suite={declared_suite(matrix).name}"
    code = cli.run_command("run", [suite, "--", *cells], program="python -m scripts run")
    return Exit.OK if code == Exit.UNEXPECTED else Exit(code)


def new_cells(matrix: Matrix, new: tuple[str, ...]) -> list[Cell]:
    """Return the cells that new releases add to the default selection, and for each the same cell of an older release.

    Without such a neighbour on the same Python and build, a change could not be attributed to torch.
    """
    known = [*matrix.releases, *new]
    wider = matrix.model_copy(update={"releases": tuple(sorted(known, key=versions.version))})
    selection = wider.selections["matrix"]
    added = [
        Cell(torch=release, build=build, python=python)
        for release in new
        if (python := cells.python_for(selection.pythons, release))
        for build in cells.selected_builds(wider, selection, release)
    ]
    neighbours = (_neighbour(wider, cell) for cell in added)
    return sorted({*added, *(cell for cell in neighbours if cell)}, key=lambda cell: cell.sort_key)


def _neighbour(matrix: Matrix, cell: Cell) -> Cell | None:
    """Return the same cell of the newest earlier release that has one."""
    earlier = [release for release in matrix.releases if versions.version(release) < versions.version(cell.torch)]
    same = (dataclasses.replace(cell, torch=release) for release in sorted(earlier, key=versions.version, reverse=True))
    return next((candidate for candidate in same if cells.exists(matrix, candidate)), None)


def nightly() -> Exit:
    """Run the last nightly and the last release; where they differ, bisect the nightlies and write an issue's text."""
    matrix = channels.with_channels(matrix_toml.load())
    nights = _nights(matrix)
    pair = _pair(matrix, nights[-1])
    suite = declared_suite(matrix)
    night, release = _records(matrix, suite, pair)
    changes = differences(release, night)
    print("\n".join(changes) or f"{pair[0].torch} behaves like {pair[1].torch}")
    bisected = _bisect(suite, pair[0].python, nights) if changes else ""
    text = issues.nightly(release=pair[1].torch, night=pair[0].torch, changes=changes, bisected=bisected)
    write_atomically(suite.paths.reports / "nightly" / ISSUE, as_file(text))
    actions.output({"night": pair[0].torch, "changes": len(changes)})
    actions.summary(text.body or f"{pair[0].torch} behaves like {pair[1].torch}.")
    return Exit.OK


def _nights(matrix: Matrix) -> list[str]:
    """Return the nightlies that the index has for this platform, oldest first.

    Raises:
        MatrixError: there are none.
    """
    index = matrix.builds[channels.build_name(channels.NIGHTLY, _BUILD)].index or ""
    with Web() as web:
        wheels = wheel_files.of_build(listings.wheels(web, index), _BUILD)
    found = list(wheel_files.one_per_release(wheels, machine.platform_name()))
    if not found:
        raise MatrixError(f"{index} has no nightly for {machine.platform_name()}")
    return found


def _pair(matrix: Matrix, night: str) -> tuple[Cell, Cell]:
    """Return the cells of a nightly and of the last release, on that release's Python in the default selection."""
    last = matrix.releases[-1]
    python = cells.python_for(matrix.selections["matrix"].pythons, last) or list(matrix.pythons)[-1]
    build = channels.build_name(channels.NIGHTLY, _BUILD)
    return Cell(torch=night, build=build, python=python), Cell(torch=last, build=_BUILD, python=python)


def _records(matrix: Matrix, suite: Suite, pair: tuple[Cell, Cell]) -> tuple[FreshRecord, FreshRecord]:
    """Run two cells and return their records.

    Raises:
        MatrixError: one of them is inconclusive.
    """
    found = scheduler.run(matrix, pair, Options(suite=suite, upgrade=True))
    for cell, record in found.items():
        if not record.is_conclusive or broken(record):
            reason = record.reason.message if record.reason else record.status
            raise MatrixError(f"{cell.id} could not be run: {reason}")
    return found[pair[0]], found[pair[1]]


def differences(release: FreshRecord, night: FreshRecord) -> list[str]:
    """Return the differences in behaviour between a release and a nightly, a sentence each."""
    if release.status != night.status:
        return [f"{night.cell.torch} is {night.status}, {release.cell.torch} is {release.status}"]
    before, after = signatures(release), signatures(night)
    return [
        f"{name}, {shown_kind(old, after[name])}: {describe_change(old, after[name])}"
        for name, old in before.items()
        if name in after and after[name] != old
    ]


def _bisect(suite: Suite, python: str, nights: list[str]) -> str:
    """Bisect all nightlies of the index, and return the findings as Markdown."""
    options = [f"--suite={suite.name}", "--all", "--nightly", f"--build={_BUILD}", f"--python={python}"]
    options += ["--format=markdown", "--no-evidence"]
    ends = [f"--good={nights[0]}", f"--bad={nights[-1]}"]
    if len(nights) == 1:
        return f"The index has no nightly before {nights[0]}."
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = cli.run_command("bisect", [*options, *ends], program="python -m scripts bisect")
    if not output.getvalue().strip():
        return f"The bisection of {nights[0]} to {nights[-1]} found nothing (exit code {code})."
    return output.getvalue()
