"""The history of files inside torch's wheels, without installing any.

Of each release one wheel is looked into: that of the newest Python which isn't free-threaded, since a file of
pure Python is the same in all. Only the wheel's table of contents and the files themselves come over the wire,
and what was read is kept in .matrix/wheels for good. A pattern's * goes across folders.

  nox -s scan -- torch/nn/utils/parametrize.py --grep "Cannot trace"
  nox -s scan -- torch/nn/utils/parametrize.py --diff 1.12.1 1.13.0
  nox -s scan -- "torch/jit/_*.py" --torch ">=2.9" --build cu130

What was read is read again from there: a second scan asks only for the index's page, and takes the last one where
the index is unreachable. Releases that the index has yanked are read too, and marked.

Exit code 3: the index can't be had, or gives no ranges of files (then --download). 4: no wheel could be read.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence

from scripts import machine
from scripts.commands.options import add_selecting
from scripts.errors import Exit, UsageError
from scripts.index import channels, checks, pages
from scripts.index.http import Web
from scripts.matrix import config, consistency
from scripts.matrix.cells import DEFAULT_BUILD, matches
from scripts.matrix.config import Matrix
from scripts.scanning import scan, scan_views
from scripts.sources import wheelfiles
from scripts.sources.wheelfiles import WheelFile
from scripts.sources.wheels import Reader
from scripts.text_layout import fenced


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Files, what to look for in them, and which wheels."""
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="a file in the wheel, or a pattern such as 'torch/jit/*.py'"
    )
    parser.add_argument("--grep", metavar="TEXT", help="tell the lines that hold this text")
    parser.add_argument("--diff", nargs=2, metavar=("A", "B"), help="the unified diff between two releases")
    add_selecting(parser)
    channel = parser.add_mutually_exclusive_group()
    channel.add_argument("--nightly", action="store_true", help="the nightly channel of the build's index")
    channel.add_argument("--pre", action="store_true", help="the test channel, which has release candidates")
    parser.add_argument("--index", metavar="URL", help="another index, with one page a project")
    parser.add_argument(
        "--platform",
        default=machine.platform_name(),
        metavar="NAME",
        help="such as linux-x86_64 (default: %(default)s)",
    )
    parser.add_argument("--download", action="store_true", help="fetch wheels whole, where a server gives no ranges")
    parser.add_argument("--format", choices=["text", "markdown", "json"], default="text")


def run(options: argparse.Namespace) -> Exit:
    """Read the wheels and show what became of the files."""
    matrix = config.load()
    started = time.monotonic()
    with Web() as web:
        index, chosen = choose(web, matrix, options)
        if options.diff:
            chosen = {name: _named(chosen, name) for name in options.diff}
        reader = Reader(web, download=options.download)
        scanned = scan.scan(reader, chosen, options.paths)
        _show(options, index, scanned)
        seconds = time.monotonic() - started
        print(scan_views.cost(len(scanned), reader.cached, web, seconds), file=sys.stderr)
    return Exit.INCONCLUSIVE if all(one.problem for one in scanned) else Exit.OK


def _show(options: argparse.Namespace, index: str, scanned: Sequence[scan.Scanned]) -> None:
    paths = scan.paths_of(scanned, options.paths)
    if options.diff:
        _show_diff(options, scanned, paths)
    elif options.format == "json":
        said = scan_views.as_json(scanned, paths, options.grep, index=index, platform=options.platform)
        print(json.dumps(said, indent=2))
    elif options.format == "markdown":
        print(scan_views.markdown(scanned, paths, options.grep, platform=options.platform), end="")
    else:
        scan_views.show(scanned, paths, options.grep, platform=options.platform)


def _show_diff(options: argparse.Namespace, scanned: Sequence[scan.Scanned], paths: Sequence[str]) -> None:
    before, after = scanned
    for one in scanned:
        if one.problem:
            print(f"{one.release}: {one.problem}", file=sys.stderr)
    diffs = {} if before.problem or after.problem else {path: scan.diff(before, after, path) for path in paths}
    if options.format == "json":
        print(json.dumps({"schema": 1, "before": before.release, "after": after.release, "diffs": diffs}, indent=2))
    elif options.format == "markdown":
        print(fenced("".join(diffs.values()).rstrip("\n"), "diff"))
    else:
        scan_views.show_diff("".join(diffs.values()))


def _named(chosen: Mapping[str, WheelFile], release: str) -> WheelFile:
    if release not in chosen:
        raise UsageError(
            f"--diff: no wheel of {release!r} among those chosen{consistency.nearest(release, list(chosen))}"
        )
    return chosen[release]


def choose(web: Web, matrix: Matrix, options: argparse.Namespace) -> tuple[str, dict[str, WheelFile]]:
    """One wheel of each release that the options allow, and the index they are from."""
    build = _build(matrix, options)
    index, build = _index(matrix, options, build)
    found = wheelfiles.of_build(pages.wheels(web, index, yanked=True), build)
    if not (options.nightly or options.pre):
        found = wheelfiles.stable(found)
    spec = options.torch or f">={matrix.releases[0]}"
    chosen = {
        release: wheel
        for release, wheel in wheelfiles.one_a_release(found, options.platform, options.python).items()
        if matches(release, spec)
    }
    if not chosen:
        raise UsageError(f"the index has no wheel of torch {spec} for {options.platform}, build {build}")
    return index, chosen


def _build(matrix: Matrix, options: argparse.Namespace) -> str:
    """The build to read: the default index's, but a channel is beside an index that a build names."""
    build: str = options.build or ("cpu" if options.nightly or options.pre else DEFAULT_BUILD)
    if build not in matrix.builds:
        raise UsageError(f"--build: unknown build {build!r}{consistency.nearest(build, list(matrix.builds))}")
    return build


def _index(matrix: Matrix, options: argparse.Namespace, build: str) -> tuple[str, str]:
    """The index to read and the build it serves; a fallback is told."""
    if options.index:
        return options.index, build
    named = matrix.builds[build].index
    if options.nightly or options.pre:
        if named is None:
            raise UsageError(f"--build: {build} has no index of its own, so no nightly or test channel")
        return channels.index_url(named, "nightly" if options.nightly else "test"), build
    try:
        source = checks.source(build, matrix.builds)
    except checks.NoSourceError as error:
        raise UsageError(f"--build: {error}") from error
    if source.fallback:
        print(f"note: {source.fallback}", file=sys.stderr)
    return source.index or pages.default_index(), source.build
