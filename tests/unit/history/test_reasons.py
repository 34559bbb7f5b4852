"""Reasons of cells without observations: one for each group, with the whole message where that is one line."""

from __future__ import annotations

import dataclasses

from scripts.history.reasons import shared
from scripts.records.model import Reason

PATH = "/home/somebody/" + "/".join(["a-long-folder"] * 12)
FOLDER = f"[Errno 21] a folder has the name of this file; remove it: '{PATH}'"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    id: str
    message: str
    asked: str | None = None
    platform: str = "linux"
    status: str = "error"

    @property
    def reason(self) -> Reason:
        return Reason(stage="install", kind="system error", message=self.message)


def messages(*cells: Cell) -> list[tuple[str | None, int]]:
    return [(reason.message, len(reason.cells)) for reason in shared(cells)]


def test_a_line_that_all_cells_share_is_whole() -> None:
    assert messages(Cell(id="1", message=FOLDER), Cell(id="2", message=FOLDER)) == [(FOLDER, 2)]


def test_lines_that_differ_at_their_ends_are_one_reason_in_short() -> None:
    ((message, count),) = messages(Cell(id="1", message=f"{FOLDER}1"), Cell(id="2", message=f"{FOLDER}2"))
    assert (count, message) == (2, "[Errno 21] a folder has the name of this file; remove it:…")


def test_very_long_and_many_lines_are_shortened() -> None:
    (first, _), (second, _) = messages(Cell(id="1", message="word " * 100), Cell(id="2", message="one\n" * 100))
    assert first is not None
    assert (len(first) < 200, first[-1], second) == (True, "…", "one…")
