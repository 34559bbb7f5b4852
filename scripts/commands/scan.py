"""The history of files inside torch's wheels, without installing any.

One wheel per release is read, that of the newest Python that is not free-threaded: Python files are the same in
all wheels of a release. Only the wheel's table of contents and the files themselves are downloaded, and cached in
.matrix/wheels without expiry. The * of a pattern matches across folders.

  nox -s scan -- torch/nn/utils/parametrize.py --grep "Cannot trace"
  nox -s scan -- torch/nn/utils/parametrize.py --diff 1.12.1 1.13.0
  nox -s scan -- "torch/jit/_*.py" --torch ">=2.9" --build cu130

A second scan requests only the index's page, and uses the cached one if the index is unreachable. Yanked releases
are included and marked.

Exit code 3: the index is unreachable, or does not support range requests (use --download). 4: no wheel could be read.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence

from scripts.config import matrix_toml
from scripts.config.cell import DEFAULT_BUILD
from scripts.config.model import Matrix
from scripts.config.versions import matches
from scripts.core import machine
from scripts.core.errors import Exit, UsageError, did_you_mean
from scripts.core.escaping import code_block
from scripts.explain import scan
from scripts.index import channels, listings, sources, wheel_files
from scripts.index.http import Web
from scripts.index.remote_wheels import Reader
from scripts.index.wheel_files import WheelFile
from scripts.options import add_selecting
from scripts.views import scan as scan_views


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options for files, texts and wheels."""
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="a file in the wheel, or a pattern such as 'torch/jit/*.py'"
    )
    parser.add_argument("--grep", metavar="TEXT", help="show the numbers of the lines that contain this text")
    parser.add_argument("--diff", nargs=2, metavar=("A", "B"), help="show the unified diff between two releases")
    add_selecting(parser)
    channel = parser.add_mutually_exclusive_group()
    channel.add_argument("--nightly", action="store_true", help="the nightly channel of the build's index")
    channel.add_argument("--pre", action="store_true", help="the test channel, which has release candidates")
    parser.add_argument("--index", metavar="URL", help="URL of another index (PEP 503)")
    parser.add_argument(
        "--platform",
        default=machine.platform_name(),
        metavar="NAME",
        help="such as linux-x86_64 (default: %(default)s)",
    )
    parser.add_argument(
        "--download", action="store_true", help="download whole wheels if the server does not support range requests"
    )
    parser.add_argument("--format", choices=["text", "markdown", "json"], default="text")


def run(options: argparse.Namespace) -> Exit:
    """Read the wheels and show the history of the files."""
    matrix = matrix_toml.load()
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
    return Exit.INCONCLUSIVE if all(release.problem for release in scanned) else Exit.OK


def _show(options: argparse.Namespace, index: str, scanned: Sequence[scan.Scanned]) -> None:
    paths = scan.paths_of(scanned, options.paths)
    if options.diff:
        _show_diff(options, scanned, paths)
    elif options.format == "json":
        data = scan_views.as_json(scanned, paths, options.grep, index=index, platform=options.platform)
        print(json.dumps(data, indent=2))
    elif options.format == "markdown":
        print(scan_views.markdown(scanned, paths, options.grep, platform=options.platform), end="")
    else:
        scan_views.show(scanned, paths, options.grep, platform=options.platform)


def _show_diff(options: argparse.Namespace, scanned: Sequence[scan.Scanned], paths: Sequence[str]) -> None:
    before, after = scanned
    for release in scanned:
        if release.problem:
            print(f"{release.release}: {release.problem}", file=sys.stderr)
    diffs = {} if before.problem or after.problem else {path: scan.diff(before, after, path) for path in paths}
    if options.format == "json":
        print(json.dumps({"schema": 1, "before": before.release, "after": after.release, "diffs": diffs}, indent=2))
    elif options.format == "markdown":
        print(code_block("".join(diffs.values()).rstrip("\n"), "diff"))
    else:
        scan_views.show_diff("".join(diffs.values()))


def _named(chosen: Mapping[str, WheelFile], release: str) -> WheelFile:
    if release not in chosen:
        raise UsageError(f"--diff: no wheel of {release!r} among those chosen{did_you_mean(release, list(chosen))}")
    return chosen[release]


def choose(web: Web, matrix: Matrix, options: argparse.Namespace) -> tuple[str, dict[str, WheelFile]]:
    """Return the index, and one wheel of each release that the options select."""
    build = _build(matrix, options)
    index, build = _index(matrix, options, build)
    found = wheel_files.of_build(listings.wheels(web, index, yanked=True), build)
    if not (options.nightly or options.pre):
        found = wheel_files.stable(found)
    spec = options.torch or f">={matrix.releases[0]}"
    chosen = {
        release: wheel
        for release, wheel in wheel_files.one_per_release(found, options.platform, options.python).items()
        if matches(release, spec)
    }
    if not chosen:
        raise UsageError(f"the index has no wheel of torch {spec} for {options.platform}, build {build}")
    return index, chosen


def _build(matrix: Matrix, options: argparse.Namespace) -> str:
    """Return the build to read: the default index's, or cpu for a channel, since channels belong to a build's index."""
    build: str = options.build or ("cpu" if options.nightly or options.pre else DEFAULT_BUILD)
    if build not in matrix.builds:
        raise UsageError(f"--build: unknown build {build!r}{did_you_mean(build, list(matrix.builds))}")
    return build


def _index(matrix: Matrix, options: argparse.Namespace, build: str) -> tuple[str, str]:
    """Return the index to read and the build it serves; a fallback is noted on stderr."""
    if options.index:
        return options.index, build
    named = matrix.builds[build].index
    if options.nightly or options.pre:
        if named is None:
            raise UsageError(f"--build: {build} has no index of its own, so no nightly or test channel")
        return channels.index_url(named, "nightly" if options.nightly else "test"), build
    try:
        source = sources.choose(build, matrix.builds)
    except sources.NoSourceError as error:
        raise UsageError(f"--build: {error}") from error
    if source.fallback:
        print(f"note: {source.fallback}", file=sys.stderr)
    return source.index or listings.default_index(), source.build
