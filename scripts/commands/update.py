"""Releases that the index has and matrix.toml lacks: shown as a change of that file, and with --write made.

`--format json` tells the same to machines; `--format github` as lines for a job's outputs.
"""

from __future__ import annotations

import argparse
import difflib
import json
import logging
import sys
from collections.abc import Sequence

from scripts import paths
from scripts.errors import Exit, MatrixError
from scripts.index import pages, settings
from scripts.index.http import Web
from scripts.matrix import config, updating
from scripts.matrix.cells import python_key, version
from scripts.matrix.config import Matrix
from scripts.matrix.updating import News
from scripts.results.records import write_atomically
from scripts.sources import wheelfiles
from scripts.sources.wheelfiles import WheelFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whether to write, and how to tell."""
    parser.add_argument("--write", action="store_true", help="change matrix.toml, not only show how")
    parser.add_argument("--format", choices=["text", "json", "github"], default="text")


def run(options: argparse.Namespace) -> Exit:
    """Look, show, and write if told to."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    matrix = config.load()
    found = news(matrix)
    change = Change(found.releases)
    if options.write and found.releases:
        write_atomically(paths.MATRIX_TOML, change.after)
    match options.format:
        case "json":
            print(json.dumps({"schema": 1, "releases": found.releases, "pythons": found.pythons, "diff": change.diff}))
        case "github":
            print(f"releases={' '.join(found.releases)}\ncount={len(found.releases)}")
        case _:
            _show(found, change, written=options.write)
    return Exit.OK


def news(matrix: Matrix) -> News:
    """What the default index has and a matrix lacks."""
    with Web() as web:
        wheels = wheelfiles.stable(pages.wheels(web, pages.default_index()))
    releases = updating.missing(matrix.releases, (wheel.release for wheel in wheels))
    return News(releases=tuple(releases), pythons=tuple(_pythons(matrix, wheels)))


def _pythons(matrix: Matrix, wheels: list[WheelFile]) -> list[str]:
    """Pythons that the newest release has wheels for and the matrix lacks; free-threaded ones aside."""
    newest = max((wheel.release for wheel in wheels), key=version, default=None)
    offered = {python for wheel in wheels if wheel.release == newest for python in wheel.pythons}
    return sorted((p for p in offered - matrix.pythons.keys() if not p.endswith("t")), key=python_key)


class Change:
    """The change of matrix.toml, checked before anybody sees it."""

    def __init__(self, releases: Sequence[str]) -> None:
        self.before = paths.MATRIX_TOML.read_text("utf-8")
        try:
            self.after = updating.added(self.before, releases)
        except ValueError as error:
            raise MatrixError(f"{paths.MATRIX_TOML.name}: {error}") from error
        config.parse(self.after)

    @property
    def diff(self) -> str:
        """The change as a unified diff; empty if there is none."""
        name = paths.MATRIX_TOML.name
        before, after = (text.splitlines(keepends=True) for text in (self.before, self.after))
        return "".join(difflib.unified_diff(before, after, f"a/{name}", f"b/{name}"))


def _show(found: News, change: Change, *, written: bool) -> None:
    index = settings.default_index() or "the default index"
    print(change.diff, end="")
    if not found.releases:
        print(f"{index} has no release that {paths.MATRIX_TOML.name} lacks", file=sys.stderr)
    elif not written:
        print("not written; --write does that", file=sys.stderr)
    for python in found.pythons:
        print(f"note: the newest release has wheels for Python {python}, which [pythons] lacks", file=sys.stderr)
