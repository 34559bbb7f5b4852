"""Printed lines are like those of Rich, without trailing spaces."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from scripts.core.console import Trimmed, make_console

WORDS = st.text(st.sampled_from("ab é✓\n"), max_size=30)


def plain(text: str) -> str:
    """Return a text without the codes for colour and cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def table(cells: list[tuple[str, str]]) -> Table:
    grid = Table("one", "another", title="title", header_style="bold")
    for left, right in cells:
        grid.add_row(Text(left, style="red"), right)
    return grid


def printed(renderable: RenderableType, console: Console) -> str:
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


@given(st.lists(st.tuples(WORDS, WORDS), max_size=4), st.sampled_from([20, 80, 120]))
def test_lines_equal_those_of_rich_without_trailing_spaces(cells: list[tuple[str, str]], width: int) -> None:
    parts = Group(table(cells), Padding("text", (1, 6)), Text("a  "), Syntax("-a\n+b", "diff"))
    trimmed = printed(parts, make_console(width=width, file=io.StringIO()))
    padded = printed(parts, Console(width=width, file=io.StringIO(), highlight=False, emoji=False, markup=False))
    assert trimmed.split("\n") == [line.rstrip(" ") for line in padded.split("\n")]


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_gets_colours_without_trailing_spaces(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    text = printed(table([("left", "right"), ("a", "b")]), make_console(width=width))
    assert "\x1b[31mleft" in text
    assert [line for line in plain(text).split("\n") if line != line.rstrip()] == []


def test_a_live_display_has_no_trailing_spaces() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, color_system=None)
    with Live(Trimmed(table([("left", "right")])), console=console):
        pass
    assert "right" in file.getvalue()
    assert [line for line in plain(file.getvalue()).split("\n") if line != line.rstrip()] == []


def test_spaces_within_a_line_are_kept() -> None:
    console = make_console(width=80, file=io.StringIO())
    with console.capture() as captured:
        console.print("a  ", end="")
        console.print("b", Text("  "), "c  ")
    assert captured.get() == "a  b    c\n"


def test_a_file_gets_no_colour_despite_force_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    file = io.StringIO()
    make_console(file=file, width=80).print(Text("bold", style="bold red"))
    assert file.getvalue() == "bold\n"


def test_markup_is_off_by_default() -> None:
    assert printed("[bold]a[/] :smile:", make_console(width=80, file=io.StringIO())) == "[bold]a[/] :smile:\n"
