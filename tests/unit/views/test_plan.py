"""The view of a plan."""

from __future__ import annotations

import io

import pytest

from scripts.config.cell import Cell
from scripts.core.console import make_console
from scripts.run.plan import Planned
from scripts.views.plan import duration, show


@pytest.mark.parametrize(
    ("seconds", "text"), [(40.4, "40 s"), (61, "1 min"), (3600, "1 h 00 min"), (7500, "2 h 05 min")]
)
def test_durations_are_readable(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("width", "beside"), [(80, False), (120, True)])
def test_no_index_is_cut_or_broken_at_any_width(width: int, beside: bool) -> None:
    index = "https://download.example.org/whl/nightly/cu130"
    planned = [
        Planned(
            cell=Cell(torch=f"2.{n}.1", build="cu130", python="3.13t"),
            platform="linux-x86_64",
            runner=None,
            index=index,
            wheels=None,
            to_come=None,
            current=False,
            seconds=None,
        )
        for n in range(2)
    ]
    screen = make_console(width=width, file=io.StringIO())
    with screen.capture() as captured:
        show(planned, screen)
    text = captured.get()
    shown = index.removeprefix("https://")
    assert text.count(shown) == (2 if beside else 1)
    assert (f"cu130: {shown}\n" in text) is not beside
    assert "2.1.1-cu130-py3.13t" in text
