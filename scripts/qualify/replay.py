"""Running a qualification again from its artefact: the same wheels, locks, policy and day; and whether it stands."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts import machine, paths
from scripts.bisecting import candidates
from scripts.core.urls import shown
from scripts.errors import UsageError
from scripts.index.checks import Source
from scripts.matrix.cells import DEFAULT_BUILD
from scripts.matrix.config import Build, Matrix
from scripts.qualify import cells, rounds
from scripts.qualify.candidates import LOCAL, of_wheels
from scripts.qualify.model import Finding, Qualification, Replay, Seen
from scripts.qualify.rounds import SIDES, Ask
from scripts.qualify.session import Prepared, runs_of
from scripts.running import harness
from scripts.running.locks import Lock


def prepare(matrix: Matrix, before: Qualification, options: argparse.Namespace) -> Prepared:
    """The same question again.

    Raises:
        UsageError: it was asked on another platform, or its local wheels are not what they were.
    """
    if before.platform != machine.platform_name():
        raise UsageError(f"--replay: it was run on {before.platform}, and this is {machine.platform_name()}")
    serving = _serving(matrix, before)
    runs = runs_of(serving, matrix, options, mutable=True)
    runs.fresh = True
    runs.pinned, runs.texts = _pinned(serving, before), dict(before.locks)
    accepted = {
        rounds.ask(lane, "baseline"): lane.baseline[0]
        for lane in before.lanes
        if lane.baseline and lane.baseline[0].origin == "accepted"
    }
    return Prepared(
        policy=before.policy,
        candidate=before.candidate,
        baseline=before.baseline,
        lanes=tuple(lane.model_copy(update={"candidate": (), "baseline": (), "note": None}) for lane in before.lanes),
        runs=runs,
        known=lambda lane, _: accepted.get(rounds.ask(lane, "baseline")),
        today=before.asked_on,
        probes=harness.digest(paths.ROOT / matrix.probes.path),
    )


def _serving(matrix: Matrix, before: Qualification) -> Matrix:
    """matrix.toml with the builds that served the candidate then."""
    serving = candidates.with_channels(matrix)
    if before.candidate.wheels:
        files = [Path(file) for file in before.candidate.wheels]
        offer = of_wheels(serving, files, before.candidate.version, patterns=None, platform=before.platform)
        _check_wheels(before, offer.files)
        return offer.matrix
    builds = dict(serving.builds)
    for lane in before.lanes:
        name = rounds.ask(lane, "candidate").cell.build
        source = next((seen.source for seen in lane.candidate if seen.source), None)
        if name not in builds and source is not None:
            builds[name] = Build(releases=">=0", index=source)
    return serving.model_copy(update={"builds": builds})


def _check_wheels(before: Qualification, files: Mapping[Path, str]) -> None:
    """Refuse other wheels under the same names."""
    for name, sha256 in before.candidate.wheels.items():
        if files.get(Path(name)) != sha256:
            raise UsageError(f"--replay: {name} is another file than it was; qualify it anew")


def _pinned(serving: Matrix, before: Qualification) -> dict[Ask, Lock]:
    """The locks of every cell that was run, as they were."""
    found: dict[Ask, Lock] = {}
    for lane in before.lanes:
        for side in SIDES:
            ask = rounds.ask(lane, side)
            runs: Sequence[Seen] = lane.candidate if side == "candidate" else lane.baseline
            for seen in runs:
                if seen.lock in before.locks and ask not in found:
                    found[ask] = _lock(serving, ask, seen, before.locks)
    return found


def _lock(serving: Matrix, ask: Ask, seen: Seen, texts: Mapping[str, str]) -> Lock:
    digest, wheel = seen.lock or "", seen.record.wheel
    name = wheel.index if wheel else DEFAULT_BUILD
    build = serving.builds.get(name)
    index = seen.source
    if build and build.index and (name.startswith(f"{LOCAL}.") or shown(build.index) == index):
        index = build.index  # as it is here, with its credentials
    source = Source(build=name, index=index, gpu=bool(build and build.gpu), fallback=seen.fallback)
    return cells.written(ask.cell, digest, texts[digest], source)


def compared(before: Qualification, now: Qualification, file: Path) -> Qualification:
    """The new qualification with what it says of the one before."""
    differences = [f"then only: {text}" for text in _told(before) if text not in _told(now)]
    differences += [f"now only: {text}" for text in _told(now) if text not in _told(before)]
    if before.probes != now.probes:
        differences.append("the probes are others than then")
    replay = Replay(
        file=file.name,
        asked_on=before.asked_on,
        verdict=before.verdict,
        stands=before.verdict == now.verdict,
        differences=tuple(differences),
    )
    return now.model_copy(update={"replay": replay})


def _told(one: Qualification) -> list[str]:
    return [_sentence(finding) for finding in one.findings if finding.category != "newly slow to import"]


def _sentence(finding: Finding) -> str:
    return f"{finding.lane} {finding.name}: {finding.category}: {finding.change}"
