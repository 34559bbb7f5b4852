"""Check what this machine can run, without downloading anything.

Shows interpreters, indexes and their response times, disk space and budget, GPUs, and the cells of a selection that
would be unavailable, with the reason. Exit code 4: no cell is available.
"""

from __future__ import annotations

import argparse
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from rich.console import Console
from rich.markup import escape

from scripts.config import matrix_toml
from scripts.config.cell import Cell
from scripts.config.cells import exists
from scripts.config.model import Matrix
from scripts.core import machine, paths, processes
from scripts.core.console import make_console
from scripts.core.errors import Exit
from scripts.core.files import human_size
from scripts.core.urls import shown
from scripts.index import listings, settings, sources
from scripts.index.errors import UnreachableError
from scripts.options import add_cells, add_selecting, chosen
from scripts.run import interpreters
from scripts.run.context import default_jobs
from scripts.run.unpack import fast_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the selection to check."""
    add_cells(parser)
    add_selecting(parser)


def run(options: argparse.Namespace) -> Exit:
    """Check and print the results."""
    matrix = matrix_toml.load()
    cells = chosen(matrix, options)
    console = make_console(markup=True)
    console.print(f"[bold]matrix.toml[/] is valid: {len(matrix.releases)} releases, {len(cells)} cells selected")
    _show_machine(console, matrix)
    _show_indexes(console, matrix, cells)
    _show_interpreters(console, matrix)
    problems = {cell: problem for cell in cells if (problem := _problem(matrix, cell))}
    _show_cells(console, cells, problems)
    return Exit.INCONCLUSIVE if len(problems) == len(cells) else Exit.OK


def _show_machine(console: Console, matrix: Matrix) -> None:
    memory, free, budget = machine.memory_bytes(), machine.free_bytes(paths.STATE), int(matrix.budget.disk)
    console.print(
        f"[bold]machine[/]     {machine.platform_name()}, {machine.cores()} cores, "
        f"{human_size(memory) if memory else 'unknown'} memory; {matrix.budget.jobs or default_jobs()} cells at once"
    )
    enough = (
        "enough" if free >= budget else "[yellow]less than the budget: cells that do not fit will be unavailable[/]"
    )
    console.print(f"[bold]disk[/]        {human_size(free)} free, budget {human_size(budget)}: {enough}")
    if matrix.held:
        held = (
            "files in [[held]] are replaced by placeholders"
            if fast_path.can_watch()
            else "no inotify: all files are unpacked"
        )
        console.print(f"             {escape(held)}")
    console.print(f"[bold]GPU[/]         {_gpus() or 'none; tests run on the CPU'}")


def _gpus() -> str | None:
    """Return the GPUs that nvidia-smi lists, or None."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    listed = processes.capture([tool, "-L"])
    return "; ".join(listed.stdout.splitlines()) if listed.returncode == 0 else None


def _show_indexes(console: Console, matrix: Matrix, cells: list[Cell]) -> None:
    """Show the response time of each index that the cells need, or its problem."""
    urls = {name: matrix.builds[name].index for name in dict.fromkeys(cell.build for cell in cells)}
    own = settings.default_index()
    default = own or listings.default_index()
    with ThreadPoolExecutor(8) as pool:
        wanted = dict.fromkeys([default, *(url for url in urls.values() if url)])
        answers = dict(zip(wanted, pool.map(_answer, wanted), strict=True))
    name = shown(own) if own else "of pip and uv"
    console.print(f"[bold]indexes[/]     default: {escape(name)} {answers[default]}", soft_wrap=True)
    if further := settings.further_sources():
        console.print(f"             further: {escape(', '.join(map(shown, further)))}", soft_wrap=True)
    if note := settings.read().note:
        console.print(f"             [yellow]{escape(note)}[/]", soft_wrap=True)
    for name, url in urls.items():
        if url:
            fallback = matrix.builds[name].fallback
            instead = f"; using its fallback {fallback!r}" if fallback and _unreachable(url) else ""
            console.print(f"             {name}: {escape(shown(url))} {answers[url]}{instead}", soft_wrap=True)


def _answer(url: str) -> str:
    """Return the response time of an index or its problem, as markup."""
    reach = sources.SHARED(url)
    unreachable = "unreachable: " if _unreachable(url) else ""
    problem = f"{unreachable}{reach.error}" if reach.error else sources.files_problem(reach)
    return f"[yellow]({escape(problem)})[/]" if problem else f"({reach.seconds:.2f} s)"


def _unreachable(url: str) -> bool:
    return isinstance(sources.SHARED(url).error, UnreachableError)


def _show_interpreters(console: Console, matrix: Matrix) -> None:
    console.print("[bold]interpreters[/]")
    width = max(map(len, matrix.pythons), default=0)
    with ThreadPoolExecutor(8) as pool:
        for python, text in zip(matrix.pythons, pool.map(_interpreter, matrix.pythons), strict=True):
            console.print(f"{python:<{width}} {text}", soft_wrap=True)


def _interpreter(python: str) -> str:
    """Return the path of an interpreter, or where it would come from and if that can be reached, as markup."""
    found = interpreters.find(python)
    if found:
        return escape(str(found))
    if not interpreters.downloads_allowed():
        return "[yellow]not installed, and downloads are switched off[/]"
    source = interpreters.download(python)
    if source.problem:
        return f"[yellow]not installed; unreachable: {escape(source.problem)}[/]"
    return f"[yellow]not installed; uv would download it from {escape(source.host)}[/] ({source.seconds:.2f} s)"


def _problem(matrix: Matrix, cell: Cell) -> str | None:
    """Return why a cell would be unavailable, as far as known without resolving, or None."""
    if not exists(matrix, cell):
        return f"no wheel of {cell.torch} for {cell.build} and Python {cell.python}"
    try:
        sources.choose(cell.build, matrix.builds)
    except sources.NoSourceError as error:
        return str(error)
    return interpreters.problem(cell.python)


def _show_cells(console: Console, cells: list[Cell], problems: dict[Cell, str]) -> None:
    console.print(f"[bold]cells[/]       {len(cells) - len(problems)} of {len(cells)} available here")
    for problem, count in Counter(problems.values()).most_common():
        names = ", ".join(cell.id for cell, reason in problems.items() if reason == problem)
        console.print(f"             {count} unavailable: {problem} ({names})", soft_wrap=True)
