"""A qualification from its question to its artefact: prepared, carried out, kept."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import importlib.metadata
import platform
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from scripts import machine, paths
from scripts.commands.options import selection_name
from scripts.errors import UsageError
from scripts.index import checks
from scripts.index.errors import WebError
from scripts.index.http import Web
from scripts.index.pages import default_index, wheels
from scripts.matrix.config import Matrix, Qualify, Selection
from scripts.qualify import lanes as qualify_plan
from scripts.qualify import model, rounds, verdict
from scripts.qualify.candidates import Offer, of_channel, of_index, of_wheels, released, wanted_builds
from scripts.qualify.cells import Accepted, Runs, hashes_of
from scripts.qualify.lanes import Baseline
from scripts.qualify.model import Lane, Qualification, Seen, Tested
from scripts.qualify.rounds import Bench
from scripts.running import harness
from scripts.running.progress import Display

#: Programs whose version can matter to what was seen.
_TOOLS: Final = ("uv", "nox")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """All that is needed to carry a qualification out."""

    policy: Qualify
    candidate: Tested
    baseline: Tested
    lanes: tuple[Lane, ...]
    runs: Runs
    known: Callable[[Lane, Seen | None], Seen | None]
    today: dt.date
    probes: str


def prepare(web: Web, matrix: Matrix, options: argparse.Namespace) -> Prepared:
    """What the options ask for, looked up. Raises `UsageError` where they don't fit what there is."""
    policy = matrix.qualify.model_copy(update={"with_": tuple(dict.fromkeys((*matrix.qualify.with_, *options.with_)))})
    matrix = matrix.model_copy(update={"qualify": policy})
    selection = matrix.selections[selection_name(matrix, options.selection)] if options.selection else None
    offer = _offer(web, matrix, options, selection)
    baseline, listing = _baseline(web, matrix, offer, options)
    planned = qualify_plan.lanes(offer.matrix, offer, baseline, python=options.python, selection=selection)
    return Prepared(
        policy=policy,
        candidate=Tested(
            version=offer.version,
            channel=offer.channel,
            where=offer.where,
            wheels={str(path): sha256 for path, sha256 in offer.files.items()},
            notes=offer.notes,
        ),
        baseline=Tested(version=baseline.version, channel="release", where="the usual index"),
        lanes=tuple(planned),
        runs=runs_of(offer.matrix, matrix, options, mutable=offer.channel in {"test", "nightly", "index"}),
        known=_known(matrix, options, listing),
        today=dt.datetime.now(dt.UTC).date(),
        probes=harness.digest(paths.ROOT / matrix.probes.path),
    )


def runs_of(serving: Matrix, matrix: Matrix, options: argparse.Namespace, *, mutable: bool) -> Runs:
    """The runner of a qualification."""
    return Runs(
        matrix=serving,
        known_builds=frozenset(matrix.builds),
        fresh=options.fresh,
        mutable=mutable,
        jobs=options.jobs,
        display=Display,
    )


def _offer(web: Web, matrix: Matrix, options: argparse.Namespace, selection: Selection | None) -> Offer:
    """The candidate, from wherever the options say that it is."""
    here = machine.platform_name()
    given = (options.build,) if options.build else selection.builds if selection else None
    if options.wheel:
        return of_wheels(matrix, options.wheel, options.candidate, patterns=given, platform=here)
    if options.candidate is None:
        raise UsageError("CANDIDATE: name the version to qualify, or give its wheels by --wheel")
    if options.index:
        return of_index(web, matrix, options.index, options.candidate, patterns=given, platform=here)
    patterns = given or matrix.selections["matrix"].builds
    if options.nightly or options.pre:
        builds = wanted_builds(matrix, patterns, None)
        channel: model.Channel = "nightly" if options.nightly else "test"
        return of_channel(web, matrix, channel, options.candidate, builds=builds, platform=here)
    version = _plain(options.candidate)
    builds = wanted_builds(matrix, patterns, version)
    if not builds:
        raise UsageError(f"--build: matrix.toml has no build {' or '.join(patterns)} for {version}")
    return released(web, matrix, version, builds=builds, platform=here)


def _plain(version: str) -> str:
    """A version of a release as it is written in cells. Raises `UsageError`."""
    if not re.fullmatch(r"\d+(\.\d+)*((a|b|rc|\.dev|\.post)\d+)*(\+[a-z0-9.]+)?", version):
        raise UsageError(f"CANDIDATE: {version!r} is no version of torch; one looks like 2.15.0")
    return version.partition("+")[0]


def _baseline(web: Web, matrix: Matrix, offer: Offer, options: argparse.Namespace) -> tuple[Baseline, dict[str, str]]:
    """What to compare with, and the hashes that its index tells now."""
    if options.baseline_build and options.baseline_build not in matrix.builds:
        raise UsageError(
            f"--baseline-build: unknown build {options.baseline_build!r}; known: {', '.join(matrix.builds)}"
        )
    known = {*matrix.releases, *(offer.before if offer.channel == "release" else ())}
    version = _plain(options.baseline) if options.baseline else qualify_plan.previous(known, offer.version)
    build = options.baseline_build
    builds = {build} if build else {qualify_plan.nearest_build(matrix, version, one) for one in offer.builds}
    try:
        found = released(web, matrix, version, builds=sorted(builds), platform=machine.platform_name())
    except UsageError as error:
        raise UsageError(str(error).replace("CANDIDATE", "--baseline", 1)) from None
    return Baseline(version=version, build=build, pythons=found.pythons), _hashes(web, matrix, sorted(builds))


def _hashes(web: Web, matrix: Matrix, builds: list[str]) -> dict[str, str]:
    """The sha256 of every wheel of some builds, as far as their indexes can be read."""
    found: dict[str, str] = {}
    for build in builds:
        try:
            source = checks.source(build, matrix.builds)
            listed = wheels(web, source.index or default_index())
        except WebError:
            continue
        found |= hashes_of((wheel.filename, wheel.sha256) for wheel in listed)
    return found


def _known(
    matrix: Matrix, options: argparse.Namespace, listing: Mapping[str, str]
) -> Callable[[Lane, Seen | None], Seen | None]:
    if options.fresh:
        return lambda _lane, _seen: None
    return Accepted(matrix=matrix, platform=machine.platform_name(), hashes=listing)


def carry_out(prepared: Prepared) -> Qualification:
    """Run what has to be run, and judge it."""
    bench = Bench(
        probe=prepared.runs,
        policy=prepared.policy,
        known=prepared.known,
        time=prepared.runs.time,
        tell=lambda text: print(text, file=sys.stderr),
    )
    lanes = rounds.qualify(prepared.lanes, bench)
    judged = verdict.judge(
        lanes,
        prepared.policy,
        candidate=prepared.candidate.version,
        baseline=prepared.baseline.version,
        today=prepared.today,
    )
    used = {seen.lock for lane in lanes for seen in (*lane.candidate, *lane.baseline)}
    return Qualification(
        **vars(judged),
        candidate=prepared.candidate,
        baseline=prepared.baseline,
        asked_on=prepared.today,
        platform=machine.platform_name(),
        machine=f"{platform.platform()}, {machine.cores()} cores",
        probes=prepared.probes,
        tools={"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in _TOOLS}},
        policy=prepared.policy,
        lanes=lanes,
        locks={digest: text for digest, text in prepared.runs.texts.items() if digest in used},
    )


def keep(one: Qualification) -> Path:
    """Keep a qualification under a name that tells what it is of, and when it was made."""
    when = f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}"
    path = paths.QUALIFY / f"{one.candidate.version}-against-{one.baseline.version}-{when}.json"
    model.FORMAT.write(path, one)
    return path
