"""Merge the records of many machines into one folder. The order does not matter, and merging again changes nothing.

Of several records of one cell, a conclusive one is kept before one that is not, then the latest. Where two records
with the same inputs differ, both are shown, and the one that is not kept is written to conflicts/ below the output.
Files that are not records of this version and of the suite, are too large, or are links are refused and named; the
rest is merged.

Exit code 1: a conflict. 3: a file was refused. 4: there was nothing to merge.
"""

from __future__ import annotations

import argparse
import sys

from scripts.config import matrix_toml
from scripts.core.errors import Exit
from scripts.options import add_suite, chosen_suite, path
from scripts.records.merge import Merged
from scripts.records.merge_folders import merge_folders
from scripts.views import merge as views


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the folders to read and the folder to write."""
    add_suite(parser)
    parser.add_argument("folders", nargs="+", type=path, metavar="DIR", help="folders of records, searched recursively")
    parser.add_argument(
        "--output",
        type=path,
        metavar="DIR",
        help="folder to merge into, with what it holds (default: the suite's)",
    )


def run(options: argparse.Namespace) -> Exit:
    """Merge the folders; print conflicts to stdout, refused files and counts to stderr."""
    suite = chosen_suite(matrix_toml.load(), options)
    merged = merge_folders(options.folders, options.output or suite.paths.records, suite=suite.name)
    for refused in merged.refused:
        print(f"refused: {views.refused(refused)}", file=sys.stderr)
    for conflict in merged.conflicts:
        print(views.conflict(conflict))
    print(
        f"{len(merged.records)} records, {len(merged.conflicts)} conflicts, {len(merged.refused)} files refused",
        file=sys.stderr,
    )
    return verdict(merged)


def verdict(merged: Merged) -> Exit:
    """Return the exit code; where several apply, the most serious one."""
    if merged.conflicts:
        return Exit.UNEXPECTED
    if merged.refused:
        return Exit.MACHINERY
    return Exit.OK if merged.records else Exit.INCONCLUSIVE
