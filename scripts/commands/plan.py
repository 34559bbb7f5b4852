"""List the cells of a selection: which have a current record, and what a run would download.

`--format json` is for other programs. `--format github` is a job matrix of GitHub Actions: cells that share wheels are
grouped into at most 256 jobs of similar cost, each on the runner that matrix.toml names for it; cells that upstream
never published for a platform are left out. `--shard I/N` is for any other CI service: one of N shares, the same on
every machine.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence

from scripts import plan_options
from scripts.config.matrix_toml import load
from scripts.core.console import make_console
from scripts.core.errors import Exit, UsageError
from scripts.options import add_cells, add_selecting, positive_int
from scripts.run import jobs as scheduling
from scripts.run.plan import Planned
from scripts.views import plan as views


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the selection, the shard and the format."""
    add_cells(parser)
    add_selecting(parser)
    plan_options.add_arguments(parser)
    parser.add_argument("--shard", type=_shard, metavar="I/N", help="only share I of N, counted from 1")
    parser.add_argument("--missing", action="store_true", help="only cells without a current record")
    parser.add_argument(
        "--jobs",
        type=positive_int,
        metavar="N",
        help=f"with --format github: at most N jobs (default: by duration; never more than {scheduling.MOST_JOBS})",
    )
    parser.add_argument(
        "--simulate", type=_counts, metavar="N,…", help="estimate how long the plan takes on N machines"
    )
    parser.add_argument(
        "--setup", type=float, default=40.0, metavar="S", help="with --simulate: seconds before a job's first cell (40)"
    )
    parser.add_argument("--format", choices=["text", "json", "github"], default="text")


def run(options: argparse.Namespace) -> Exit:
    """Print the plan."""
    matrix = load()
    planned = plan_options.planned(matrix, options)
    if options.shard:
        planned = scheduling.shard(planned, *options.shard)
    if options.missing:
        planned = [item for item in planned if not item.current]
    if options.simulate:
        _simulate(planned, options)
        return Exit.OK
    match options.format:
        case "json":
            print(json.dumps(views.as_json(planned), indent=2))
        case "github":
            print(json.dumps(views.as_github(matrix, scheduling.jobs(planned, options.jobs))))
            _warn_left_out(planned)
        case _:
            views.show(planned, make_console())
    return Exit.OK


def _warn_left_out(planned: Sequence[Planned]) -> None:
    left_out = [f"{item.cell.id} on {item.platform}" for item in planned if item.runner is None]
    if left_out:
        print(f"left out, without a wheel or a runner: {', '.join(left_out)}", file=sys.stderr)


def _simulate(planned: Sequence[Planned], options: argparse.Namespace) -> None:
    runnable = [item for item in planned if item.runner]
    if not scheduling.timed(runnable):
        raise UsageError("--simulate: no cell has been timed on this machine; run some cells first")
    views.show_simulation(runnable, options.simulate, options.setup, make_console())


def _shard(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"not a share: {text!r}; write I/N with 1 <= I <= N, such as 2/5")
    return int(match[1]), int(match[2])


def _counts(text: str) -> list[int]:
    return [positive_int(part) for part in text.split(",")]
