"""Carry out a bisection with indexes, records, cells to run, and the state on disk."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

from scripts.bisect import bisection, bridges, candidates, model
from scripts.bisect.bisection import Finding, OnRound, Outcome
from scripts.bisect.candidates import TorchVersion
from scripts.bisect.model import Candidate, Question, State, Step
from scripts.bisect.runner import CandidateRunner, KnownRecords, Wanted
from scripts.bisect.search import NextRound
from scripts.config import versions
from scripts.config.cell import Cell
from scripts.config.model import Matrix
from scripts.config.suite import Suite
from scripts.core import machine
from scripts.core.errors import UsageError, did_you_mean
from scripts.explain.changes import Explainer, Unexplained
from scripts.index import channels, torch_version, wheel_files
from scripts.index.errors import WebError
from scripts.index.http import Web
from scripts.index.listings import wheels
from scripts.index.remote_wheels import Reader
from scripts.index.torch_version import VERSION_FILE
from scripts.index.wheel_files import WheelFile
from scripts.records.model import COMMAND, Record
from scripts.run import command, scheduler
from scripts.run.command import CommandResult
from scripts.run.context import Listener, Options

#: Shows the progress of a number of cells.
Display = Callable[[int], AbstractContextManager[Listener]]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class BisectSession:
    """Starts and runs bisections."""

    web: Web
    matrix: Matrix  # with the builds of the channels
    suite: Suite
    display: Display
    on_round: OnRound  # called after each round, once the state is saved
    notify: Callable[[str], None]  # gets messages for people
    fresh: bool = False  # also run cells that are recorded
    jobs: int = 1
    evidence: bool = True  # look for evidence in the wheels
    download: bool = False  # download whole wheels for it

    # --- start ------------------------------------------------------------------------------------------------------

    def start(self, question: Question) -> State:
        """Return a new bisection with its candidates.

        Raises:
            UsageError: the build or an end is unknown.
            WebError: an index cannot be read.
        """
        if question.build not in self.matrix.builds:
            near = did_you_mean(question.build, list(self.matrix.builds))
            raise UsageError(f"--build: unknown build {question.build!r}{near}")
        find_record = self._known_records(question)
        found = candidates.between_ends(self.matrix, self._versions(question), question)
        if not (question.python or question.command or self.fresh):
            found = tuple(candidates.prefer_recorded(self.matrix, each, find_record) for each in found)
        if question.recorded:
            found = tuple(candidates.require_record(each, find_record) for each in found)
        return State(question=question, candidates=found)

    def _versions(self, question: Question) -> list[TorchVersion]:
        """Return the versions of matrix.toml if nothing is to be run, else those of the indexes."""
        if question.recorded and not (question.nightly or question.pre):
            return candidates.configured_versions(self.matrix, question)
        return candidates.listed_versions(self.web, self.matrix, question)

    # --- run --------------------------------------------------------------------------------------------------------

    def run(self, state: State) -> Outcome:
        """Run a bisection to its end, then the bridges that it needs, and look for evidence."""
        runner = self._runner(state.question)
        runner.remember_commits(state.steps)
        known = [step for step in runner.known_steps(state.candidates) if step.position not in state.by_position]
        state = state.add(known)
        if isinstance(bisection.next_action(state, 1), NextRound):
            _check_platform(state.question)
        model.save(self.suite.paths.bisect, state)
        outcome = bisection.run(state, runner, self._save_round, width=self.jobs)
        findings = [self._with_bridge(outcome.state, finding, runner) for finding in outcome.findings]
        return dataclasses.replace(outcome, findings=tuple(map(self._with_evidence, findings)))

    def _save_round(self, state: State, steps: Sequence[Step]) -> None:
        model.save(self.suite.paths.bisect, state)
        self.on_round(state, steps)

    def _runner(self, question: Question) -> CandidateRunner:
        return CandidateRunner(
            question=question,
            find_record=self._known_records(question),
            run_cells=functools.partial(self._run_cells, question),
            run_command=functools.partial(self._run_command, question),
            options=Options(fresh=self.fresh, jobs=self.jobs, suite=self._suite_for(question)),
            only_recorded=question.recorded,
            find_commit=self._find_commit if question.nightly else lambda _: None,
            notify=self.notify,
        )

    def _known_records(self, question: Question) -> KnownRecords:
        """Return the records that can answer a question; nothing was accepted in another environment."""
        other_environment = bool(question.env or question.exclude_newer)
        return KnownRecords(
            self._matrix_for(question),
            self._suite_for(question),
            question.platform,
            accepted=not other_environment,
        )

    def _matrix_for(self, question: Question) -> Matrix:
        return self.matrix.with_exclude_newer(question.exclude_newer)

    def _suite_for(self, question: Question) -> Suite:
        return self.suite.with_env(question.env)

    def _run_cells(self, question: Question, cells: Sequence[Cell], options: Options) -> Mapping[Cell, Record]:
        with self.display(len(cells)) as listen:
            return scheduler.run(self._matrix_for(question), cells, options, listen)

    def _run_command(self, question: Question, cells: Sequence[Cell], options: Options) -> Mapping[Cell, CommandResult]:
        text, timeout = question.command or "", question.command_timeout
        with self.display(len(cells)) as listen:
            return command.run(self._matrix_for(question), cells, text, options, timeout=timeout, listen=listen)

    # --- nightlies --------------------------------------------------------------------------------------------------

    def _find_commit(self, candidate: Candidate) -> str | None:
        """Return the commit of a nightly, read from its wheel; None if it cannot be read, so that the cell is run."""
        wheel = self._nightlies(candidate.build).get(candidate.torch)
        if wheel is None:
            return None
        try:
            content = Reader(self.web).read(wheel, [VERSION_FILE])[VERSION_FILE]
        except WebError:
            return None
        torch = torch_version.parse(content) if content else None
        return torch.git_version if torch else None

    @functools.cache  # noqa: B019 - one session a process
    def _nightlies(self, build: str) -> dict[str, WheelFile]:
        index = self.matrix.builds[build].index or ""
        name = build.removeprefix(channels.build_name(channels.NIGHTLY, ""))
        return {wheel.release: wheel for wheel in wheel_files.of_build(wheels(self.web, index), name)}

    # --- bridges and evidence ---------------------------------------------------------------------------------------

    def _with_bridge(self, state: State, finding: Finding, runner: CandidateRunner) -> Finding:
        return bridges.with_bridge(
            state,
            finding,
            probe=functools.partial(self._probe_once, runner),
            find_known=runner.known_step,
            find_pythons=self._pythons,
        )

    def _probe_once(self, runner: CandidateRunner, wanted: Wanted) -> list[Step]:
        """Probe the cells of bridges, each once even if several observations changed at the same position."""
        for position, candidate in wanted:
            if candidate.cell not in self._bridge_steps:
                (self._bridge_steps[candidate.cell],) = runner([(position, candidate)])
        return [
            self._bridge_steps[candidate.cell].model_copy(update={"position": position})
            for position, candidate in wanted
        ]

    @functools.cached_property
    def _bridge_steps(self) -> dict[Cell, Step]:
        return {}

    def _pythons(self, candidate: Candidate) -> list[str]:
        """Return the Pythons of matrix.toml that a candidate has wheels for."""
        known = self.matrix.pythons.items()
        return [name for name, python in known if versions.matches(candidate.torch, python.releases)]

    def _with_evidence(self, finding: Finding) -> Finding:
        """Return the finding with its evidence, if that is wanted."""
        if not self.evidence:
            return finding
        before, after = finding.before.record, finding.after.record
        if before is None or after is None:
            return dataclasses.replace(finding, evidence=Unexplained(why="a side of the change has no record"))
        evidence = self._explainer.explain(before, after, finding.observation or COMMAND)
        return dataclasses.replace(finding, evidence=evidence)

    @functools.cached_property
    def _explainer(self) -> Explainer:
        return Explainer(self.web, self.matrix.builds, download=self.download)


def _check_platform(question: Question) -> None:
    """Raise `UsageError` if an unfinished bisection is from another platform, as its cells cannot run here."""
    here = machine.platform_name()
    if question.platform != here:
        raise UsageError(
            f"this unfinished bisection was started on {question.platform}, and this machine is {here}; "
            "resume it there, or show it with --log"
        )
