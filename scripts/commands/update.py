"""Find releases that the index has and matrix.toml lacks, and show the edit that adds them; --write makes it.

`--format json` prints the same for other programs; `--format github` as lines for a job's outputs.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys

from scripts.config import matrix_toml
from scripts.config.edits import News
from scripts.core import paths
from scripts.core.errors import Exit
from scripts.core.files import write_atomically
from scripts.index import new_releases, settings
from scripts.index.new_releases import MatrixEdit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--write`` and the output format."""
    parser.add_argument("--write", action="store_true", help="write matrix.toml (default: only show the edit)")
    parser.add_argument("--format", choices=["text", "json", "github"], default="text")


def run(options: argparse.Namespace) -> Exit:
    """Look for new releases, print them, and with ``--write`` add them to matrix.toml."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    matrix = matrix_toml.load()
    found = new_releases.find(matrix)
    edit = MatrixEdit(found.releases)
    if options.write and found.releases:
        write_atomically(paths.MATRIX_TOML, edit.after)
    match options.format:
        case "json":
            print(json.dumps({"schema": 1, "releases": found.releases, "pythons": found.pythons, "diff": edit.diff}))
        case "github":
            print(f"releases={' '.join(found.releases)}\ncount={len(found.releases)}")
        case _:
            _show(found, edit, written=options.write)
    return Exit.OK


def _show(found: News, edit: MatrixEdit, *, written: bool) -> None:
    index = settings.default_index() or "the default index"
    print(edit.diff, end="")
    if not found.releases:
        print(f"{index} has no release that {paths.MATRIX_TOML.name} lacks", file=sys.stderr)
    elif not written:
        print("not written; pass --write to write it", file=sys.stderr)
    for python in found.pythons:
        print(f"note: the newest release has wheels for Python {python}, which [pythons] lacks", file=sys.stderr)
