"""Render a scan: tables for a terminal, Markdown for issues, JSON for machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from scripts.config.versions import python_key
from scripts.core import escaping
from scripts.core.console import make_console
from scripts.core.files import human_size
from scripts.core.layout import inline_code
from scripts.core.urls import shown
from scripts.explain import scan
from scripts.explain.scan import Entry, Scanned
from scripts.index import torch_version
from scripts.index.http import Web
from scripts.index.wheel_files import WheelFile

SCHEMA: Final = 1

_MARKS: Final[Mapping[str, str]] = {
    "first": "first",
    "same": "=",
    "changed": "[bold yellow]changed[/]",
    "absent": "[dim]absent[/]",
    "unknown": "[red]not read[/]",
}


def show(scanned: Sequence[Scanned], paths: Sequence[str], grep: str | None, *, platform: str) -> None:
    """Print each file's history, then links to the commits between releases where it changed."""
    console = make_console(markup=True)
    for path in paths:
        entries = scan.history(scanned, path)
        console.print(f"[bold]{escape(path)}[/]{escape(_search_label(grep))}", soft_wrap=True)
        console.print(_table(entries, grep))
        _show_moved(console, entries)
        console.print()
    console.print(f"One wheel a release, for {platform}: {_pythons(scanned)}.", soft_wrap=True)
    for yanked in _yanked(scanned):
        console.print(f"[yellow]yanked[/]  {escape(yanked)}", soft_wrap=True)
    for problem in _problems(scanned):
        console.print(f"[red]not read[/]  {escape(problem)}", soft_wrap=True)


def markdown(scanned: Sequence[Scanned], paths: Sequence[str], grep: str | None, *, platform: str) -> str:
    """Return the same as Markdown, for an issue."""
    blocks = []
    for path in paths:
        entries = scan.history(scanned, path)
        heads = ["release", "commit", "CUDA", "sha256", "bytes", "file", *(["lines"] if grep is not None else [])]
        rows = [heads, ["---:" if head == "bytes" else "---" for head in heads]]
        rows += [[Text.from_markup(cell).plain for cell in _row(entry, grep)] for entry in entries]
        blocks.append(f"#### {inline_code(path)}" + (f", lines with {inline_code(grep)}" if grep else ""))
        blocks.append("\n".join(f"| {' | '.join(row)} |" for row in rows))
        blocks.append("\n".join(f"- {_moved(*pair)}" for pair in scan.moved(entries)))
    blocks.append(f"One wheel a release, for {platform}: {_pythons(scanned)}.")
    blocks.append("\n".join(f"- yanked: {inline_code(yanked)}" for yanked in _yanked(scanned)))
    blocks.append("\n".join(f"- not read: {inline_code(problem)}" for problem in _problems(scanned)))
    return "\n\n".join(filter(None, blocks)) + "\n"


def _search_label(grep: str | None) -> str:
    return "" if grep is None else f", lines with {grep!r}"


def _problems(scanned: Sequence[Scanned]) -> list[str]:
    return list(dict.fromkeys(f"{release.release}: {release.problem}" for release in scanned if release.problem))


def _yanked(scanned: Sequence[Scanned]) -> list[str]:
    """Return the releases that their index has withdrawn, with its reasons."""
    reasons = {found.release: found.wheel.yanked for found in scanned if found.wheel.yanked is not None}
    return [f"{release}: {escaping.line(reason) or 'no reason given'}" for release, reason in reasons.items()]


def _table(entries: Sequence[Entry], grep: str | None) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("release", "commit", "CUDA", "sha256"):
        table.add_column(name, no_wrap=True)
    table.add_column("bytes", justify="right", no_wrap=True)
    table.add_column("file", no_wrap=True)
    if grep is not None:
        table.add_column("lines", overflow="fold")
    for entry in entries:
        table.add_row(*_row(entry, grep))
    return table


def _row(entry: Entry, grep: str | None) -> list[str]:
    torch, text = entry.scanned.torch, entry.text
    cells = [
        entry.scanned.release + (" (yanked)" if entry.scanned.wheel.yanked is not None else ""),
        (torch.git_version or "")[:12] if torch else "",
        (torch.cuda or "-") if torch else "",
        text.sha256[:12] if text else "",
        f"{text.size:,}" if text else "",
        _MARKS[entry.state],
    ]
    if grep is not None:
        cells.append(", ".join(map(str, text.find(grep))) or "-" if text else "")
    return cells


def _show_moved(console: Console, entries: Sequence[Entry]) -> None:
    for pair in scan.moved(entries):
        console.print(_moved(*pair), soft_wrap=True)


def _moved(before: Scanned, after: Scanned) -> str:
    link = torch_version.compare_link(before.torch, after.torch)
    return f"{before.release} → {after.release}  {link or 'commits unknown'}"


def _pythons(scanned: Sequence[Scanned]) -> str:
    """Name the Pythons whose wheels were read."""
    newest = {max(found.wheel.pythons, key=python_key) for found in scanned if found.wheel.pythons}
    taken = sorted(newest, key=python_key)
    return f"the newest Python's (here {', '.join(taken)}), not free-threaded" if taken else "for any Python"


def show_diff(text: str) -> None:
    """Print a diff, in colour on a terminal and byte for byte elsewhere."""
    console = make_console()
    if console.is_terminal and not console.no_color:
        console.print(Syntax(text, "diff", background_color="default"))
    else:
        console.file.write(text)


def cost(wheels: int, cached: int, web: Web, seconds: float) -> str:
    """Return the requests, bytes and seconds of a scan, as a line of text."""
    source = f"{wheels} wheels ({cached} from the cache)"
    return f"{source}, {web.requests} requests, {human_size(web.bytes)} read, {seconds:.1f} s"


def as_json(
    scanned: Sequence[Scanned], paths: Sequence[str], grep: str | None, *, index: str, platform: str
) -> dict[str, Any]:
    """Return the scan for machines. An absent file is null; an unreadable wheel has a problem and no files."""
    histories = {path: scan.history(scanned, path) for path in paths}
    return {
        "schema": SCHEMA,
        "index": shown(index),
        "platform": platform,
        "grep": grep,
        "releases": [
            {
                "release": found.release,
                "wheel": _wheel(found.wheel),
                "torch": found.torch.model_dump() if found.torch else None,
                "problem": found.problem,
                "files": {path: _file(histories[path][number], grep) for path in paths},
            }
            for number, found in enumerate(scanned)
        ],
        "changes": {path: [_move(*pair) for pair in scan.moved(entries)] for path, entries in histories.items()},
    }


def _wheel(wheel: WheelFile) -> dict[str, Any]:
    return {"filename": wheel.filename, "sha256": wheel.sha256, "size": wheel.size, "yanked": wheel.yanked}


def _file(entry: Entry, grep: str | None) -> dict[str, Any]:
    text = entry.text
    data: dict[str, Any] = {"state": entry.state, "sha256": text.sha256 if text else None}
    data["size"] = text.size if text else None
    if grep is not None:
        data["lines"] = list(text.find(grep)) if text else None
    return data


def _move(before: Scanned, after: Scanned) -> dict[str, Any]:
    link = torch_version.compare_link(before.torch, after.torch)
    return {"before": before.release, "after": after.release, "compare": link}
