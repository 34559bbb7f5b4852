"""Render a plan: as a table for a terminal, as JSON, or as a job matrix of GitHub Actions."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from scripts.config.model import Matrix
from scripts.core.files import human_size
from scripts.run import jobs as scheduling
from scripts.run.jobs import Job
from scripts.run.plan import Planned

_ENDLESS: Final = 10_000


def as_json(planned: Iterable[Planned]) -> dict[str, object]:
    """Return a plan as a JSON document with a schema number."""
    return {"schema": 1, "cells": [_cell(item) for item in planned]}


def _cell(item: Planned) -> dict[str, object]:
    fields = {name: value for name, value in vars(item).items() if name != "cell"}
    return {"id": item.cell.id, **dataclasses.asdict(item.cell), **fields}


def as_github(matrix: Matrix, jobs: Iterable[Job]) -> dict[str, list[dict[str, object]]]:
    """Return jobs as a job matrix of GitHub Actions: the name, the runner's labels and the cells of each."""
    return {
        "include": [
            {
                "name": job.name,
                "runner": list(matrix.runners[job.runner].labels),
                "cells": " ".join(item.cell.id for item in job.cells),
            }
            for job in jobs
        ]
    }


def show(planned: Sequence[Planned], console: Console) -> None:
    """Print the cells of a plan, and below them how many are to run and what is to be downloaded.

    If the addresses of the indexes do not fit the width, they follow the table: no name is cut or broken.
    """
    table = _table(planned, with_index=True)
    beside = console.measure(table, options=console.options.update(width=_ENDLESS)).maximum <= console.width
    console.print(table if beside else _table(planned, with_index=False))
    if not beside:
        for index, builds in _indexes(planned).items():
            console.print(f"{', '.join(builds)}: {index}", soft_wrap=True)
    console.print(_totals(planned), soft_wrap=True)


def _table(planned: Sequence[Planned], *, with_index: bool) -> Table:
    several_platforms = len({item.platform for item in planned}) > 1
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("cell", *(["platform"] if several_platforms else []), *(["index"] if with_index else [])):
        table.add_column(heading, no_wrap=True)
    for heading in ("wheels", "download", "took", "record"):
        table.add_column(heading, justify="right" if heading != "record" else "left", no_wrap=True)
    for item in planned:
        table.add_row(
            item.cell.id,
            *([item.platform] if several_platforms else []),
            *([item.index.removeprefix("https://")] if with_index else []),
            _size(item.wheels),
            "" if item.current else _size(item.to_come),
            f"{item.seconds:.0f} s" if item.seconds else "",
            "current" if item.current else "to run",
        )
    return table


def _indexes(planned: Sequence[Planned]) -> dict[str, list[str]]:
    """Return the builds whose torch comes from each index."""
    found: dict[str, dict[str, None]] = {}
    for item in planned:
        found.setdefault(item.index.removeprefix("https://"), {}).setdefault(item.cell.build)
    return {index: list(builds) for index, builds in found.items()}


def _totals(planned: Sequence[Planned]) -> str:
    to_run = [item for item in planned if not item.current]
    text = f"{len(planned)} cells, {len(planned) - len(to_run)} current, {len(to_run)} to run"
    if to_run:
        text += f"; {human_size(sum(item.to_come or 0 for item in to_run))} to download"
        if unlocked := sum(item.to_come is None for item in to_run):
            text += f", and {unlocked} cells of unknown size (not locked yet)"
    return text


def show_simulation(planned: Sequence[Planned], machines: Iterable[int], setup: float, console: Console) -> None:
    """Print how long a plan takes on each number of machines; ``setup`` is in seconds a job."""
    platforms = ", ".join(dict.fromkeys(item.platform for item in planned))
    timed = scheduling.timed(planned)
    print(f"{len(planned)} cells on {platforms}; {timed} timed, the others estimated from cells like them")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("machines", "jobs", "longest job", "time", "machine time"):
        table.add_column(heading, justify="right", no_wrap=True)
    for count in machines:
        found = scheduling.simulate(planned, count, setup=setup)
        times = (duration(seconds) for seconds in (found.longest, found.wall, found.work))
        table.add_row(str(count), str(found.jobs), *times)
    console.print(table)


def duration(seconds: float) -> str:
    """Return a duration in readable units: ``2 h 05 min``, ``7 min``, ``40 s``."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"  # noqa: PLR2004 - an hour


def _size(size: int | None) -> str:
    return "" if size is None else human_size(size)
