"""List the cells of a selection: what is current, and what would come.

`--format json` is for any machine. `--format github` is a job matrix of GitHub Actions: cells that share wheels are
grouped into jobs that cost alike, at most 256, each on the runner that matrix.toml names for it; cells that upstream
never published for a platform are left out. `--shard I/N` is for any other CI service: one of N shares, the same on
every machine.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import sys
from collections.abc import Sequence

from rich.table import Table

from scripts.commands.options import add_cells, add_selecting
from scripts.core.console import make_console
from scripts.errors import Exit, UsageError
from scripts.matrix import choosing
from scripts.matrix.config import Matrix, load
from scripts.plans import planning, simulating
from scripts.plans.planning import Job, Planned
from scripts.running.footprint import human


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Selection, shard and format."""
    add_cells(parser)
    add_selecting(parser)
    choosing.add_arguments(parser)
    parser.add_argument("--shard", type=_shard, metavar="I/N", help="only share I of N, counted from 1")
    parser.add_argument("--missing", action="store_true", help="only cells without an up-to-date record")
    parser.add_argument(
        "--jobs",
        type=_count,
        metavar="N",
        help=f"with --format github: at most N jobs (default: by their length; never more than {planning.MOST_JOBS})",
    )
    parser.add_argument(
        "--simulate", type=_counts, metavar="N,…", help="say how long the plan would take on so many machines"
    )
    parser.add_argument(
        "--setup", type=float, default=40.0, metavar="S", help="with --simulate: seconds before a job's first cell (40)"
    )
    parser.add_argument("--format", choices=["text", "json", "github"], default="text")


def run(options: argparse.Namespace) -> Exit:
    """Print the plan."""
    matrix = load()
    planned = choosing.planned(matrix, options)
    if options.shard:
        planned = planning.shard(planned, *options.shard)
    if options.missing:
        planned = [item for item in planned if not item.current]
    if options.simulate:
        _show_simulation(planned, options)
        return Exit.OK
    match options.format:
        case "json":
            print(json.dumps({"schema": 1, "cells": [_as_json(item) for item in planned]}, indent=2))
        case "github":
            print(json.dumps(as_github(matrix, planning.jobs(planned, options.jobs))))
            _tell_left_out(planned)
        case _:
            _show(planned)
    return Exit.OK


def as_github(matrix: Matrix, jobs: Sequence[Job]) -> dict[str, list[dict[str, object]]]:
    """The job matrix: for each job its name, its runner's labels, and its cells."""
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


def _tell_left_out(planned: Sequence[Planned]) -> None:
    without = [f"{item.cell.id} on {item.platform}" for item in planned if item.runner is None]
    if without:
        print(f"left out, with no wheel or no runner: {', '.join(without)}", file=sys.stderr)


def _as_json(item: Planned) -> dict[str, object]:
    return {"id": item.cell.id, **dataclasses.asdict(item.cell), **{k: v for k, v in vars(item).items() if k != "cell"}}


def _show_simulation(planned: Sequence[Planned], options: argparse.Namespace) -> None:
    there = [item for item in planned if item.runner]
    if not simulating.known(there):
        raise UsageError("--simulate: nothing is recorded here to take times from; run some cells first")
    platforms = ", ".join(dict.fromkeys(item.platform for item in there))
    print(f"{len(there)} cells on {platforms}; {simulating.known(there)} timed, the others as cells like them")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("machines", "jobs", "longest job", "time", "machine time"):
        table.add_column(name, justify="right", no_wrap=True)
    for machines in options.simulate:
        found = simulating.simulate(there, machines, setup=options.setup)
        times = (simulating.clock(seconds) for seconds in (found.longest, found.wall, found.work))
        table.add_row(str(machines), str(found.jobs), *times)
    make_console().print(table)


def _show(planned: Sequence[Planned]) -> None:
    several = len({item.platform for item in planned}) > 1
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("cell", *(["platform"] if several else []), "index"):
        table.add_column(name, no_wrap=name == "cell", overflow="fold")
    for name in ("wheels", "to come", "took", "record"):
        table.add_column(name, justify="right" if name != "record" else "left", no_wrap=True)
    for item in planned:
        table.add_row(
            item.cell.id,
            *([item.platform] if several else []),
            item.index.removeprefix("https://"),
            _size(item.wheels),
            "" if item.current else _size(item.to_come),
            f"{item.seconds:.0f} s" if item.seconds else "",
            "current" if item.current else "to run",
        )
    screen = make_console()
    screen.print(table)
    missing = [item for item in planned if not item.current]
    known = sum(item.to_come or 0 for item in missing)
    unknown = sum(item.to_come is None for item in missing)
    total = f"{len(planned)} cells, {len(planned) - len(missing)} current, {len(missing)} to run"
    if missing:
        total += f"; {human(known)} to come" + (
            f", and {unknown} cells whose size no lock knows yet" if unknown else ""
        )
    screen.print(total, soft_wrap=True)


def _size(size: int | None) -> str:
    return "" if size is None else human(size)


def _shard(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is no share; write I/N with 1 <= I <= N, such as 2/5")
    return int(match[1]), int(match[2])


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)


def _counts(text: str) -> list[int]:
    return [_count(part) for part in text.split(",")]
