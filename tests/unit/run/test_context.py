"""What the cells of a run share: their turns."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from scripts.config.cell import Cell
from scripts.run.context import Queue

CELLS = [Cell(torch=f"2.{minor}.0", build="cpu", python="3.11") for minor in range(4)]


def test_turns_come_in_order_whoever_asks_first() -> None:
    queue, asked, had = Queue(CELLS), Event(), list[Cell]()

    def turn(cell: Cell) -> None:
        if cell == CELLS[0]:
            asked.wait()
        with queue.turn(cell):
            had.append(cell)

    with ThreadPoolExecutor(len(CELLS)) as pool:
        waiting = [pool.submit(turn, cell) for cell in reversed(CELLS)]
        asked.set()
    assert all(one.done() for one in waiting)
    assert had == CELLS


def test_a_cell_that_left_or_failed_in_its_turn_holds_nobody_up() -> None:
    queue = Queue(CELLS)
    queue.leave(CELLS[0])
    with pytest.raises(OSError, match="full"), queue.turn(CELLS[1]):
        raise OSError("full")
    with queue.turn(CELLS[2]):
        pass


def test_a_cell_that_nobody_waits_for_goes_at_once() -> None:
    with Queue([]).turn(CELLS[0]), Queue(CELLS).turn(Cell(torch="3.0.0", build="cpu", python="3.11")):
        pass
