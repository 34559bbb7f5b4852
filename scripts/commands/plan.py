"""List the cells of a selection: what is current, and what would come.

`--format json` is for any machine; `--format github` is the job matrix of GitHub Actions. `--shard I/N` takes
one of N shares that are alike in cost, the same on every machine.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from scripts import config, planning
from scripts.commands.options import add_cells, add_selecting, chosen
from scripts.errors import Exit
from scripts.footprint import human
from scripts.planning import Planned
from scripts.workshop import Options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Selection, shard and format."""
    add_cells(parser)
    add_selecting(parser)
    parser.add_argument("--shard", type=_shard, metavar="I/N", help="only share I of N, counted from 1")
    parser.add_argument("--missing", action="store_true", help="only cells without an up-to-date record")
    parser.add_argument("--format", choices=["text", "json", "github"], default="text")


def run(options: argparse.Namespace) -> Exit:
    """Print the plan."""
    matrix = config.load()
    planned = planning.plan(matrix, chosen(matrix, options), Options())
    if options.shard:
        planned = planning.shard(planned, *options.shard)
    if options.missing:
        planned = [item for item in planned if not item.current]
    match options.format:
        case "json":
            print(json.dumps({"schema": 1, "cells": [_as_json(item) for item in planned]}, indent=2))
        case "github":
            print(json.dumps({"include": [{**dataclasses.asdict(i.cell), "id": i.cell.id} for i in planned]}))
        case _:
            _show(planned)
    return Exit.OK


def _as_json(item: Planned) -> dict[str, object]:
    return {"id": item.cell.id, **dataclasses.asdict(item.cell), **{k: v for k, v in vars(item).items() if k != "cell"}}


def _show(planned: Sequence[Planned]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("cell", "index"):
        table.add_column(name, no_wrap=name == "cell", overflow="fold")
    for name in ("wheels", "to come", "took", "record"):
        table.add_column(name, justify="right" if name != "record" else "left", no_wrap=True)
    for item in planned:
        table.add_row(
            item.cell.id,
            item.index.removeprefix("https://"),
            _size(item.wheels),
            "" if item.current else _size(item.to_come),
            f"{item.seconds:.0f} s" if item.seconds else "",
            "current" if item.current else "to run",
        )
    console = Console()
    console.print(table)
    missing = [item for item in planned if not item.current]
    known = sum(item.to_come or 0 for item in missing)
    unknown = sum(item.to_come is None for item in missing)
    total = f"{len(planned)} cells, {len(planned) - len(missing)} current, {len(missing)} to run"
    if missing:
        total += f"; {human(known)} to come" + (
            f", and {unknown} cells whose size no lock knows yet" if unknown else ""
        )
    console.print(total, soft_wrap=True)


def _size(size: int | None) -> str:
    return "" if size is None else human(size)


def _shard(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is no share; write I/N with 1 <= I <= N, such as 2/5")
    return int(match[1]), int(match[2])
