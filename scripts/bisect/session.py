"""Where a bisection's parts meet: indexes, records, the runner, and the state on disk."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import sys
from collections.abc import Mapping, Sequence

from scripts.bisect import bisection, bridging, candidates, probing
from scripts.bisect import state as bisect_state
from scripts.bisect.bisection import Finding, Outcome
from scripts.bisect.candidates import Offer
from scripts.bisect.search import Ask
from scripts.bisect.state import Candidate, Question, State, Step
from scripts.config import cells, consistency
from scripts.config.cells import Cell
from scripts.config.matrix_toml import Matrix
from scripts.core import machine
from scripts.core.errors import UsageError
from scripts.explain.changes import Explainer, Unexplained
from scripts.index import channels, torch_version, wheel_files
from scripts.index.errors import WebError
from scripts.index.http import Web
from scripts.index.listings import wheels
from scripts.index.remote_wheels import Reader
from scripts.index.torch_version import VERSION_FILE
from scripts.index.wheel_files import WheelFile
from scripts.records.tracebacks import COMMAND
from scripts.run import command as commandrun
from scripts.run.command import Ran
from scripts.run.context import Options
from scripts.views import bisect_log
from scripts.views.progress import Display


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Bench:
    """All that a bisection works with."""

    web: Web
    matrix: Matrix  # with the channels' builds
    options: argparse.Namespace

    def begin(self, question: Question) -> State:
        """A new bisection, with the candidates that there are now."""
        if question.build not in self.matrix.builds:
            near = consistency.nearest(question.build, list(self.matrix.builds))
            raise UsageError(f"--build: unknown build {question.build!r}{near}")
        recorded = self._recorded(question)
        found = candidates.between(self.matrix, self._offers(question), question)
        if not (question.python or question.command or self.options.fresh):
            found = tuple(candidates.where_recorded(self.matrix, one, recorded) for one in found)
        if question.recorded:
            found = tuple(candidates.only_recorded(one, recorded) for one in found)
        return State(question=question, candidates=found)

    def _offers(self, question: Question) -> list[Offer]:
        """What the indexes offer, or, where nothing is to be run, what matrix.toml names."""
        if question.recorded and not (question.nightly or question.pre):
            return candidates.known_offers(self.matrix, question)
        return candidates.offers(self.web, self.matrix, question)

    def run(self, state: State) -> Outcome:
        """Go on until the end, build the bridges that are needed, and look for evidence."""
        prober = self._prober(state.question)
        prober.note(state.steps)
        known = [step for step in prober.known(state.candidates) if step.place not in state.by_place]
        state = state.add(known)
        if isinstance(bisection.step(state, 1), Ask):
            self._check_platform(state.question)
        bisect_state.save(state)
        outcome = bisection.run(state, prober, self._keep, width=self.options.jobs)
        findings = [self._bridged(outcome.state, finding, prober) for finding in outcome.findings]
        return dataclasses.replace(outcome, findings=tuple(map(self._explained, findings)))

    def _check_platform(self, question: Question) -> None:
        """Refuse to go on with what was begun on another platform: its cells can't be run here."""
        here = machine.platform_name()
        if question.platform != here:
            raise UsageError(
                f"this bisection was begun on {question.platform} and isn't finished, and this is {here}; "
                "--log shows it, and it goes on there"
            )

    def _bridged(self, state: State, finding: Finding, prober: probing.Prober) -> Finding:
        return bridging.bridged(
            state, finding, probe=self._once(prober), known=prober.known_step, pythons=self._pythons
        )

    def _once(self, prober: probing.Prober) -> bisection.Probe:
        """Runs the cell of a bridge once, also where several observations changed at the same place."""

        def probe(wanted: Sequence[tuple[int, Candidate]]) -> list[Step]:
            for place, candidate in wanted:
                if candidate.cell not in self._bridges:
                    (self._bridges[candidate.cell],) = prober([(place, candidate)])
            return [self._bridges[candidate.cell].model_copy(update={"place": place}) for place, candidate in wanted]

        return probe

    @functools.cached_property
    def _bridges(self) -> dict[Cell, Step]:
        return {}

    def _explained(self, finding: Finding) -> Finding:
        """A finding with its evidence, unless none is wanted."""
        if self.options.no_evidence:
            return finding
        before, after = finding.before.record, finding.after.record
        if before is None or after is None:
            return dataclasses.replace(finding, evidence=Unexplained(why="a side of the change has no record"))
        found = self._explainer.explain(before, after, finding.observation or COMMAND)
        return dataclasses.replace(finding, evidence=found)

    @functools.cached_property
    def _explainer(self) -> Explainer:
        return Explainer(self.web, self.matrix.builds, download=self.options.download)

    def _prober(self, question: Question) -> probing.Prober:
        options = Options(fresh=self.options.fresh, jobs=self.options.jobs)
        return probing.Prober(
            question=question,
            recorded=self._recorded(question),
            run=probing.running(self._asked(question), self._display),
            command=functools.partial(self._command, question),
            options=options,
            only_recorded=question.recorded,
            commit=self._commit if question.nightly else lambda _: None,
            tell=_tell,
        )

    def _asked(self, question: Question) -> Matrix:
        return self.matrix.asked(env=question.env, exclude_newer=question.exclude_newer)

    def _recorded(self, question: Question) -> probing.Recorded:
        """Return the records that answer a question; nothing was accepted in an environment of its own."""
        own = bool(question.env or question.exclude_newer)
        return probing.Recorded(self._asked(question), question.platform, accepted=not own)

    def _display(self, total: int) -> Display:
        return Display(total, said=self._said)

    @functools.cached_property
    def _said(self) -> set[str]:
        """Fallbacks that were told."""
        return set()

    def _command(self, question: Question, wanted: Sequence[Cell], options: Options) -> Mapping[Cell, Ran]:
        command, limit = question.command or "", question.command_timeout
        with self._display(len(wanted)) as display:
            return commandrun.run(self._asked(question), wanted, command, options, limit=limit, listen=display)

    def _keep(self, state: State, new: Sequence[Step]) -> None:
        bisect_state.save(state)
        for line in bisect_log.news(state, new):
            _tell(line)

    def _pythons(self, candidate: Candidate) -> list[str]:
        """The Pythons of matrix.toml that a candidate has wheels for."""
        known = self.matrix.pythons.items()
        return [name for name, python in known if cells.matches(candidate.torch, python.releases)]

    def _commit(self, candidate: Candidate) -> str | None:
        """The commit of a nightly, read from its wheel; None where it can't be read, and then it is just run."""
        wheel = self._nightlies(candidate.build).get(candidate.torch)
        if wheel is None:
            return None
        try:
            content = Reader(self.web).read(wheel, [VERSION_FILE])[VERSION_FILE]
        except WebError:
            return None
        torch = torch_version.parse(content) if content else None
        return torch.git_version if torch else None

    @functools.cache  # noqa: B019 - one bench a run
    def _nightlies(self, build: str) -> dict[str, WheelFile]:
        index = self.matrix.builds[build].index or ""
        name = build.removeprefix(channels.build_name(channels.NIGHTLY, ""))
        found = wheel_files.of_build(wheels(self.web, index), name)
        return {wheel.release: wheel for wheel in found}


def _tell(text: str) -> None:
    print(text, file=sys.stderr)
