"""The progress of a run: lines in a log, and a table at the bottom of a terminal with 80 columns."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from scripts.config.cell import Cell
from scripts.records import model
from scripts.records.model import EXCLUDED, CellKey, FreshRecord, Reason, Run, Timings
from scripts.run.context import Progress
from scripts.views.progress import Display

CELLS = [Cell(torch=torch, build="cpu", python="3.11") for torch in ("1.13.1", "2.0.1", "2.5.1", "2.15.0")]
FALLBACK = "index 'cpu' is unreachable (down); using 'default'"


def record(cell: Cell, *, reason: Reason | None = None, build: str = "cu124") -> FreshRecord:
    return FreshRecord(
        cell=CellKey(torch=cell.torch, build=build, python=cell.python, platform="linux-x86_64"),
        status="unavailable" if reason else "recorded",
        reason=reason,
        run=Run(
            asked=cell.id,
            fallback=FALLBACK,
            inputs="",
            recorded_at="2026-11-24T00:00:00+00:00",
            machine="this",
            timings=Timings(total=12.34),
        ),
    )


def lines(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.fixture
def log() -> Console:
    return Console(file=io.StringIO(), width=80, highlight=False)


@pytest.fixture
def terminal() -> Console:
    return Console(file=io.StringIO(), width=80, highlight=False, force_terminal=True, color_system="standard")


def half_way(display: Display) -> None:
    """Report one current cell, one that is done, and two in progress."""
    display(Progress(cell=CELLS[0], stage="current"))
    for stage in ("resolve", "wait", "install", "probes"):
        display(Progress(cell=CELLS[1], stage=stage, size=10))
    display(Progress(cell=CELLS[1], stage="done", record=record(CELLS[1])))
    display(Progress(cell=CELLS[2], stage="install", size=3_000_000_000))
    display(Progress(cell=CELLS[3], stage="wait", size=2_600_000_000))


def test_a_suite_without_observations_counts_its_tests(log: Console) -> None:
    with Display(2, log) as display:
        passed = record(CELLS[0]).model_copy(update={"tests": {name: model.Test(outcome="passed") for name in "ab"}})
        display(Progress(cell=CELLS[0], stage="done", record=passed))
        excludes = Reason(stage="resolve", kind=EXCLUDED, message="excluded by mylib's `torch>=2`")
        display(Progress(cell=CELLS[1], stage="done", record=record(CELLS[1], reason=excludes)))
    assert [line for line in lines(log) if "note: " not in line] == [
        "    [1/2] 1.13.1-cpu-py3.11  cu124, 2 tests, 12.3 s"
    ]


def test_a_log_has_a_line_for_each_cell_and_names_a_fallback_once(log: Console) -> None:
    with Display(4, log) as display:
        half_way(display)
        reason = Reason(stage="install", kind="over the disk budget", message="needs 7.1GB, 3.2GB free")
        display(Progress(cell=CELLS[3], stage="done", record=record(CELLS[3], reason=reason)))
    assert lines(log) == [
        f"note: {FALLBACK}",
        "    [2/4] 2.0.1-cpu-py3.11  cu124, 0 observations, 12.3 s",
        "    [3/4] 2.15.0-cpu-py3.11  unavailable: over the disk budget (install), 12.3 s",
    ]


def test_a_terminal_shows_running_cells_and_remaining_downloads(terminal: Console, log: Console) -> None:
    with Display(4, terminal) as display:
        half_way(display)
        log.print(display._renderable())
    table = lines(log)
    assert table[0].split() == ["2.5.1-cpu-py3.11", "installing", "3.0GB", "0", "s"]
    assert table[1].split() == ["2.15.0-cpu-py3.11", "waiting", "0", "s"]
    assert table[2].startswith("2 of 4 cells, 2 to go, 5.6GB to come, about ")
    assert all(len(line) <= 80 for line in table)


def test_no_markup_is_shown_as_text(terminal: Console) -> None:
    """Lines that are printed above the live table redraw it."""
    with Display(4, terminal) as display:
        half_way(display)
    assert not any("[bold]" in line or "[/]" in line for line in lines(terminal))
