"""Where a bisection's parts meet: indexes, records, the runner, and the state on disk."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import sys

from scripts import bisect_state, bisection, candidates, cells, commandrun, consistency, probing, torchinfo, wheelfiles
from scripts.bisect_state import Candidate, Question, State
from scripts.bisection import Outcome
from scripts.candidates import NIGHTLY, Offer, channel_build
from scripts.cells import Cell
from scripts.config import Matrix
from scripts.errors import UsageError
from scripts.progress import Display
from scripts.records import Record
from scripts.simple_index import wheels
from scripts.torchinfo import VERSION_FILE
from scripts.web import Web, WebError
from scripts.wheelfiles import WheelFile
from scripts.wheels import Reader
from scripts.workshop import Options


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
        found = candidates.between(self.matrix, self._offers(question), question)
        if self.options.recorded:
            found = self._recorded(question, found)
        return State(question=question, candidates=found)

    def _offers(self, question: Question) -> list[Offer]:
        """What the indexes offer, or, where nothing is to be run, what matrix.toml names."""
        if self.options.recorded and not (question.nightly or question.pre):
            return candidates.known_offers(self.matrix, question)
        return candidates.offers(self.web, self.matrix, question)

    def _recorded(self, question: Question, found: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """The candidates that have a record, and the ends in any case."""
        recorded = probing.Recorded(self.matrix, question.platform)
        ends = found[0], found[-1]
        return tuple(candidate for candidate in found if candidate in ends or recorded(candidate.cell))

    def run(self, state: State) -> Outcome:
        """Go on until the end, and build the bridges that are needed."""
        prober = self._prober(state.question)
        prober.note(state.steps)
        known = [step for step in prober.known(state.candidates) if step.place not in state.by_place]
        state = state.add(known)
        outcome = bisection.run(state, prober, self._keep, width=self.options.jobs)
        findings = tuple(bisection.bridged(outcome.state, one, prober, self._pythons) for one in outcome.findings)
        return dataclasses.replace(outcome, findings=findings)

    def _prober(self, question: Question) -> probing.Prober:
        options = Options(fresh=self.options.fresh, jobs=self.options.jobs)
        return probing.Prober(
            question=question,
            recorded=probing.Recorded(self.matrix, question.platform),
            run=probing.running(self.matrix, Display),
            command=lambda cell: self._command(cell, question, options),
            options=options,
            only_recorded=self.options.recorded,
            commit=self._commit if question.nightly else lambda _: None,
            tell=lambda text: print(text, file=sys.stderr),
        )

    def _command(self, cell: Cell, question: Question, options: Options) -> tuple[Record, int | None]:
        with Display(1) as display:
            return commandrun.run(self.matrix, cell, question.command or "", options, display)

    def _keep(self, state: State) -> None:
        bisect_state.save(state)
        step = state.steps[-1]
        print(f"{len(state.steps)} steps, the last {state.candidates[step.place].cell.id}", file=sys.stderr)

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
        torch = torchinfo.parse(content) if content else None
        return torch.git_version if torch else None

    @functools.cache  # noqa: B019 - one bench a run
    def _nightlies(self, build: str) -> dict[str, WheelFile]:
        index = self.matrix.builds[build].index or ""
        name = build.removeprefix(channel_build(NIGHTLY, ""))
        found = wheelfiles.of_build(wheels(self.web, index), name)
        return {wheel.release: wheel for wheel in found}
