"""A qualification from question to file: `prepare` it, `carry_out` its rounds and judge them, `save` it.

Rounds are a module of their own, as they are pure: what runs again depends on what was seen, and is tested without
running anything.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import importlib.metadata
import platform
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from scripts.config.model import Matrix, Qualify, Selection
from scripts.config.suite import Suite
from scripts.core import machine
from scripts.core.errors import UsageError
from scripts.index import sources
from scripts.index.errors import WebError
from scripts.index.http import Web
from scripts.index.listings import default_index, wheels
from scripts.qualify import candidates, model, verdict
from scripts.qualify.accepted import AcceptedResults
from scripts.qualify.candidates import AvailableVersion
from scripts.qualify.model import CellPair, Channel, Qualification, TorchSource
from scripts.qualify.pairs import Baseline, nearest_build, pairs, previous
from scripts.qualify.rounds import CellRequest, run_rounds
from scripts.qualify.runner import CellRunner, Display, FindAccepted
from scripts.run import harness
from scripts.run.locks import Lock

#: Programs whose version may influence a record.
_TOOLS: Final = ("uv", "nox")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """A candidate to qualify, and the options of the comparison.

    Attributes:
        candidate: its version; None for that of its local wheels.
        channel: where it is.
        suite: the tests to compare, with the variables of ``env``.
        index: its index, for the channel ``index``.
        wheels: files or folders, for the channel ``wheels``.
        baseline: version to compare with; None for the stable release before.
        baseline_build: build to compare with; None for the candidate's.
        selection: builds and Pythons.
        build: only this build, or a pattern.
        python: only this Python.
        pins: requirements that are each tried in place of the usual pins.
        env: variables for the tests, besides those of matrix.toml.
        exclude_newer: timestamp from which files of the index are left out.
        fresh: whether cells run although they are recorded or accepted.
        jobs: number of cells at once; None to derive it from the machine.
    """

    candidate: str | None
    channel: Channel
    suite: Suite
    index: str | None = None
    wheels: tuple[Path, ...] = ()
    baseline: str | None = None
    baseline_build: str | None = None
    selection: Selection | None = None
    build: str | None = None
    python: str | None = None
    pins: tuple[str, ...] = ()
    env: dict[str, str] = dataclasses.field(default_factory=dict)
    exclude_newer: str | None = None
    fresh: bool = False
    jobs: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """A prepared qualification: the cells to run, and how to run and judge them."""

    policy: Qualify
    candidate: TorchSource
    baseline: TorchSource
    pairs: tuple[CellPair, ...]
    date: dt.date
    suite: Suite
    suite_digest: str
    env: dict[str, str]
    matrix: Matrix  # with the builds that serve the candidate
    known_builds: frozenset[str]  # those of matrix.toml
    find_accepted: FindAccepted
    fresh: bool
    mutable: bool  # whether the candidate's index may replace its wheel
    jobs: int | None
    locks: dict[CellRequest, Lock] = dataclasses.field(default_factory=dict)  # to run from, instead of resolving
    lock_texts: dict[str, str] = dataclasses.field(default_factory=dict)  # by digest


# --- prepare ------------------------------------------------------------------------------------------------------


def prepare(web: Web, matrix: Matrix, question: Question) -> Plan:
    """Look up candidate and baseline, and pair their cells. Raises `UsageError` if the question cannot be answered."""
    pins = tuple(dict.fromkeys((*matrix.qualify.with_, *question.pins)))
    matrix = matrix.with_exclude_newer(question.exclude_newer)
    matrix = matrix.model_copy(update={"qualify": matrix.qualify.model_copy(update={"with_": pins})})
    candidate = _candidate(web, matrix, question)
    baseline = _baseline(web, matrix, candidate, question)
    return Plan(
        policy=matrix.qualify,
        candidate=TorchSource(
            version=candidate.version,
            channel=candidate.channel,
            where=candidate.where,
            wheels={str(path): sha256 for path, sha256 in candidate.files.items()},
            notes=candidate.notes,
        ),
        baseline=TorchSource(version=baseline.version, channel="release", where="the usual index"),
        pairs=tuple(pairs(candidate.matrix, candidate, baseline, python=question.python, selection=question.selection)),
        date=dt.datetime.now(dt.UTC).date(),
        suite=question.suite,
        suite_digest=suite_digest(question.suite),
        env=question.env,
        matrix=candidate.matrix,
        known_builds=frozenset(matrix.builds),
        find_accepted=_find_accepted(web, matrix, baseline, question),
        fresh=question.fresh,
        mutable=candidate.channel in {"test", "nightly", "index"},
        jobs=question.jobs,
    )


def suite_digest(suite: Suite) -> str:
    """Return the digest of the files of a suite."""
    return harness.suite_files(suite).snapshot().digest


def _candidate(web: Web, matrix: Matrix, question: Question) -> AvailableVersion:
    """Look up the candidate at the place that the question names."""
    here = machine.platform_name()
    given = (question.build,) if question.build else question.selection.builds if question.selection else None
    if question.channel == "wheels":
        return candidates.from_wheels(matrix, question.wheels, question.candidate, patterns=given, platform=here)
    if question.candidate is None:
        raise UsageError("CANDIDATE: name the version to qualify, or pass its wheels with --wheel")
    if question.index is not None:
        return candidates.from_index(web, matrix, question.index, question.candidate, patterns=given, platform=here)
    patterns = given or matrix.selections["matrix"].builds
    if question.channel != "release":
        builds = candidates.published_builds(matrix, patterns, None)
        return candidates.from_channel(web, matrix, question.channel, question.candidate, builds=builds, platform=here)
    version = _without_label(question.candidate)
    builds = candidates.published_builds(matrix, patterns, version)
    if not builds:
        raise UsageError(f"--build: matrix.toml has no build {' or '.join(patterns)} for {version}")
    return candidates.from_release(web, matrix, version, builds=builds, platform=here)


def _without_label(version: str) -> str:
    """Return a release's version without its local label. Raises `UsageError` for another text."""
    if not re.fullmatch(r"\d+(\.\d+)*((a|b|rc|\.dev|\.post)\d+)*(\+[a-z0-9.]+)?", version):
        raise UsageError(f"CANDIDATE: not a torch version: {version!r}; example: 2.15.0")
    return version.partition("+")[0]


def _baseline(web: Web, matrix: Matrix, candidate: AvailableVersion, question: Question) -> Baseline:
    """Look up the version to compare the candidate with."""
    build = question.baseline_build
    if build and build not in matrix.builds:
        raise UsageError(f"--baseline-build: unknown build {build!r}; known: {', '.join(matrix.builds)}")
    known = {*matrix.releases, *(candidate.stable_releases if candidate.channel == "release" else ())}
    version = _without_label(question.baseline) if question.baseline else previous(known, candidate.version)
    builds = {build} if build else {nearest_build(matrix, version, name) for name in candidate.builds}
    try:
        available = candidates.from_release(
            web, matrix, version, builds=sorted(builds), platform=machine.platform_name()
        )
    except UsageError as error:
        raise UsageError(str(error).replace("CANDIDATE", "--baseline", 1)) from None
    return Baseline(version=version, build=build, pythons=available.pythons)


def _find_accepted(web: Web, matrix: Matrix, baseline: Baseline, question: Question) -> FindAccepted:
    if question.fresh or question.env or question.exclude_newer:  # nothing was accepted in such an environment
        return lambda _pair, _candidate: None
    hashes = _hashes(web, matrix, sorted(baseline.pythons))
    return AcceptedResults(matrix=matrix, suite=question.suite, platform=machine.platform_name(), hashes=hashes)


def _hashes(web: Web, matrix: Matrix, builds: list[str]) -> dict[str, str]:
    """Return the sha256 of every wheel of some builds by file name, as far as their indexes can be read."""
    hashes: dict[str, str] = {}
    for build in builds:
        try:
            source = sources.choose(build, matrix.builds)
            listed = wheels(web, source.index or default_index())
        except WebError:
            continue
        hashes |= {wheel.filename: wheel.sha256 for wheel in listed if wheel.sha256}
    return hashes


# --- carry out and save -------------------------------------------------------------------------------------------


def carry_out(plan: Plan, *, display: Display, notify: Callable[[str], None]) -> Qualification:
    """Run the rounds of a plan and judge them; ``display`` shows the progress, ``notify`` why cells run again."""
    runner = CellRunner(
        matrix=plan.matrix,
        suite=plan.suite,
        known_builds=plan.known_builds,
        fresh=plan.fresh,
        mutable=plan.mutable,
        jobs=plan.jobs,
        display=display,
        find_accepted=plan.find_accepted,
        locks=dict(plan.locks),
        lock_texts=dict(plan.lock_texts),
    )
    run = run_rounds(plan.pairs, runner, plan.policy, notify)
    judgement = verdict.judge(
        run, plan.policy, candidate=plan.candidate.version, baseline=plan.baseline.version, today=plan.date
    )
    return _qualification(plan, judgement, run, runner.lock_texts)


def _qualification(
    plan: Plan, judgement: verdict.Judgement, run: tuple[CellPair, ...], lock_texts: dict[str, str]
) -> Qualification:
    used = {sample.lock for pair in run for sample in (*pair.candidate, *pair.baseline)}
    return Qualification(
        **vars(judgement),
        candidate=plan.candidate,
        baseline=plan.baseline,
        asked_on=plan.date,
        platform=machine.platform_name(),
        machine=f"{platform.platform()}, {machine.cores()} cores",
        suite=plan.suite.name,
        suite_digest=plan.suite_digest,
        env=plan.env,
        tools={"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in _TOOLS}},
        policy=plan.policy,
        pairs=run,
        locks={digest: text for digest, text in lock_texts.items() if digest in used},
    )


def save(qualification: Qualification, suite: Suite) -> Path:
    """Save a qualification under its versions and the current time; return the file."""
    versions = f"{qualification.candidate.version}-against-{qualification.baseline.version}"
    path = suite.paths.qualify / f"{versions}-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}.json"
    model.FORMAT.write(path, qualification)
    return path
