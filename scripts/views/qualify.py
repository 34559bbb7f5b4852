"""Render a qualification for a terminal, as Markdown, or as a self-contained HTML page."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import Final

from rich import box
from rich.console import Console, RenderableType
from rich.console import Group as Lines
from rich.table import Table
from rich.text import Text

from scripts.history.marks import ASCII
from scripts.qualify.model import Qualification
from scripts.views import templates
from scripts.views.qualify_page import Group, Page, page

_STYLES: Final = {"✗": "bold red", "!": "yellow", "✓": "green", "·": "dim", "?": "yellow"}
_ASCII: Final = {**ASCII, **str.maketrans({"→": "->", "•": "-", "…": "...", "─": "-"})}
#: Digits of a hash that are shown; the file has all.
_SHORT: Final = 12


def terminal(qualification: Qualification, file: str | None, console: Console) -> None:
    """Print the verdict, then its grounds."""
    shown = page(qualification, file)
    parts: list[RenderableType] = [_headline(shown), *(_group(group) for group in shown.groups)]
    if shown.rows:
        parts.append(_cells(shown))
    for heading, lines in (
        ("Not compared", [f"{pair}: {problem}" for pair, problem in shown.not_compared]),
        ("Notes", shown.notes),
    ):
        parts += [_listed(heading, lines)] if lines else []
    parts.append(_identity(shown))
    for number, part in enumerate(parts):
        if number:
            console.print()
        console.print(part)
    if shown.repeat:
        console.print()
        console.print(f"repeat: {shown.repeat}", soft_wrap=True)


def ascii_only(text: str) -> str:
    """Return a text for terminals whose encoding is limited to ASCII."""
    return text.translate(_ASCII).encode("ascii", "replace").decode()


def _headline(shown: Page) -> RenderableType:
    text = Text()
    text.append(f"{shown.mark} {shown.verdict.upper()}", style=_STYLES[shown.mark])
    text.append(f"  {shown.title}\n", style="bold")
    text.append("\n".join([*shown.because, *shown.replay]))
    return text


def _group(group: Group) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(group.mark, style=_STYLES[group.mark]), Text(f"{group.effect}: {group.title}", style="bold"))
    grid.add_row("", Text(group.change))
    for note in (*group.notes, *filter(None, [group.link])):
        grid.add_row("", Text(note, style="dim"))
    return grid


def _cells(shown: Page) -> RenderableType:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    for heading in ("cell", "candidate", "baseline", "same", "changed", "first import"):
        grid.add_column(heading, justify="right" if heading in {"same", "changed"} else "left")
    for row in shown.rows:
        grid.add_row(row.cell, row.candidate, row.baseline, row.same, row.changed, row.import_time)
    return grid


def _listed(heading: str, lines: Iterable[str]) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    for line in lines:
        grid.add_row("•", Text(line))
    return Lines(Text(heading, style="bold"), grid)


def _identity(shown: Page) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    for name, value in shown.identity:
        grid.add_row(Text(name, style="dim"), Text(value))
        wheels = [f"{wheel.sha256[:_SHORT]} {wheel.filename}" for wheel in shown.wheels if wheel.side == name]
        if wheels:
            grid.add_row(Text("  sha256", style="dim"), Text("\n".join(wheels)))
    return grid


def markdown(qualification: Qualification, file: str | None) -> str:
    """Return GitHub's Markdown, for an issue or a job's summary."""
    return templates.render("qualify/page.md", page=page(qualification, file))


def html(qualification: Qualification, file: str | None) -> str:
    """Return one HTML page that loads nothing; recorded text is escaped."""
    style = templates.source("page/base.css") + templates.source("qualify/page.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return templates.render("qualify/page.html", page=page(qualification, file), style=style, policy=policy)
