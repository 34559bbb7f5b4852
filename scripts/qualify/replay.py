"""Repeat a qualification from its file, with the same wheels, locks, policy and date, and compare the verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scripts.config.cell import DEFAULT_BUILD
from scripts.config.model import Build, Matrix
from scripts.config.suite import Suite
from scripts.core import machine
from scripts.core.errors import UsageError
from scripts.core.urls import shown
from scripts.index import channels
from scripts.index.sources import Source
from scripts.qualify.candidates import WHEEL_BUILDS, from_wheels
from scripts.qualify.model import Qualification, Replay, Sample
from scripts.qualify.rounds import CellRequest, request
from scripts.qualify.runner import write_lock
from scripts.qualify.session import Plan, suite_digest
from scripts.run.locks import Lock


def prepare(matrix: Matrix, suite: Suite, earlier: Qualification, *, jobs: int | None) -> Plan:
    """Return the plan of an earlier qualification.

    Raises:
        UsageError: it belongs to another platform or suite, or its local wheels have changed.
    """
    if earlier.suite not in {None, suite.name}:
        raise UsageError(f"--replay: the file is of the suite {earlier.suite!r}; add --suite {earlier.suite}")
    if earlier.platform != machine.platform_name():
        raise UsageError(f"--replay: cannot repeat a run on {earlier.platform} on {machine.platform_name()}")
    serving = _matrix_of(matrix, earlier)
    suite = suite.with_env(earlier.env)
    accepted = {
        request(pair, "baseline"): pair.baseline[0]
        for pair in earlier.pairs
        if pair.baseline and pair.baseline[0].origin == "accepted"
    }
    return Plan(
        policy=earlier.policy,
        candidate=earlier.candidate,
        baseline=earlier.baseline,
        pairs=tuple(pair.model_copy(update={"candidate": (), "baseline": (), "note": None}) for pair in earlier.pairs),
        date=earlier.asked_on,
        suite=suite,
        suite_digest=suite_digest(suite),
        env=earlier.env,
        matrix=serving,
        known_builds=frozenset(matrix.builds),
        find_accepted=lambda pair, _candidate: accepted.get(request(pair, "baseline")),
        fresh=True,
        mutable=True,
        jobs=jobs,
        locks=_locks(serving, suite, earlier),
        lock_texts=dict(earlier.locks),
    )


def _matrix_of(matrix: Matrix, earlier: Qualification) -> Matrix:
    """Return matrix.toml with the builds that served the earlier candidate."""
    serving = channels.with_channels(matrix)
    if earlier.candidate.wheels:
        files = [Path(file) for file in earlier.candidate.wheels]
        candidate = from_wheels(serving, files, earlier.candidate.version, patterns=None, platform=earlier.platform)
        _check_unchanged(earlier, candidate.files)
        return candidate.matrix
    builds = dict(serving.builds)
    for pair in earlier.pairs:
        name = request(pair, "candidate").cell.build
        source = next((sample.source for sample in pair.candidate if sample.source), None)
        if name not in builds and source is not None:
            builds[name] = Build(releases=">=0", index=source)
    return serving.model_copy(update={"builds": builds})


def _check_unchanged(earlier: Qualification, files: Mapping[Path, str]) -> None:
    """Raise `UsageError` if a local wheel has changed."""
    for name, sha256 in earlier.candidate.wheels.items():
        if files.get(Path(name)) != sha256:
            raise UsageError(f"--replay: {name} has changed since; qualify it again")


def _locks(serving: Matrix, suite: Suite, earlier: Qualification) -> dict[CellRequest, Lock]:
    """Return the lock of each cell that was run."""
    locks: dict[CellRequest, Lock] = {}
    for pair in earlier.pairs:
        for key, side in ((request(pair, "candidate"), pair.candidate), (request(pair, "baseline"), pair.baseline)):
            for sample in side:
                if sample.lock in earlier.locks and key not in locks:
                    locks[key] = _lock(serving, suite, key, sample, earlier.locks)
    return locks


def _lock(serving: Matrix, suite: Suite, key: CellRequest, sample: Sample, texts: Mapping[str, str]) -> Lock:
    digest, wheel = sample.lock or "", sample.record.wheel
    name = wheel.index if wheel else DEFAULT_BUILD
    build = serving.builds.get(name)
    index = sample.source
    if build and build.index and (name.startswith(f"{WHEEL_BUILDS}.") or shown(build.index) == index):
        index = build.index  # the local folder, or the URL with this machine's credentials
    source = Source(
        build=name,
        index=index,
        gpu=bool(build and build.gpu),
        fallback=sample.fallback,
        companions=build.companion_index if build else None,
    )
    return write_lock(suite, key.cell, digest, texts[digest], source)


def compare(earlier: Qualification, now: Qualification, file: Path) -> Qualification:
    """Return the new qualification with its differences from the earlier one, which is in ``file``."""
    before, after = _sentences(earlier), _sentences(now)
    differences = [f"then only: {text}" for text in before if text not in after]
    differences += [f"now only: {text}" for text in after if text not in before]
    if earlier.suite_digest != now.suite_digest:
        differences.append("the test suite has changed since")
    replay = Replay(
        file=file.name,
        asked_on=earlier.asked_on,
        verdict=earlier.verdict,
        stands=earlier.verdict == now.verdict,
        differences=tuple(differences),
    )
    return now.model_copy(update={"replay": replay})


def _sentences(qualification: Qualification) -> list[str]:
    """Return a sentence for each finding but those about import times, which vary."""
    return [
        f"{finding.pair} {finding.name}: {finding.category}: {finding.change}"
        for finding in qualification.findings
        if finding.category != "newly slow to import"
    ]
