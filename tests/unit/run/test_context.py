"""The queue in which cells install."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from scripts.config.cell import Cell
from scripts.run.context import Queue

CELLS = [Cell(torch=f"2.{minor}.0", build="cpu", python="3.11") for minor in range(4)]


def test_cells_install_in_order_whichever_asks_first() -> None:
    queue, all_submitted, installed = Queue(CELLS), Event(), list[Cell]()

    def install(cell: Cell) -> None:
        if cell == CELLS[0]:
            all_submitted.wait()
        with queue.in_order(cell):
            installed.append(cell)

    with ThreadPoolExecutor(len(CELLS)) as pool:
        waiting = [pool.submit(install, cell) for cell in reversed(CELLS)]
        all_submitted.set()
    assert all(future.done() for future in waiting)
    assert installed == CELLS


def test_a_cell_that_left_or_failed_does_not_block_the_queue() -> None:
    queue = Queue(CELLS)
    queue.leave(CELLS[0])
    with pytest.raises(OSError, match="full"), queue.in_order(CELLS[1]):
        raise OSError("full")
    with queue.in_order(CELLS[2]):
        pass


def test_a_cell_outside_the_queue_does_not_wait() -> None:
    with Queue([]).in_order(CELLS[0]), Queue(CELLS).in_order(Cell(torch="3.0.0", build="cpu", python="3.11")):
        pass
