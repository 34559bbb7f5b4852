"""Probing candidates of a bisection: what is recorded costs nothing, the rest is run like any other cell."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager

from scripts.bisect import judging
from scripts.bisect.bisection import trimmed
from scripts.bisect.search import SKIP
from scripts.bisect.state import Candidate, Question, Step
from scripts.config.cells import DEFAULT_BUILD, Cell
from scripts.config.matrix_toml import Matrix
from scripts.core import paths
from scripts.records.model import Record, Store
from scripts.run import scheduler
from scripts.run.command import Ran
from scripts.run.context import Listener, Options, RunContext

Wanted = Sequence[tuple[int, Candidate]]

#: Runs cells, as `runner.run` does.
Run = Callable[[Sequence[Cell], Options], Mapping[Cell, Record]]

#: Runs a command in cells.
Command = Callable[[Sequence[Cell], Options], Mapping[Cell, Ran]]


class Recorded:
    """The records that are there: fresh ones that are up to date, then accepted ones."""

    def __init__(self, matrix: Matrix, platform: str, *, accepted: bool = True) -> None:
        self._matrix, self._platform, self._with_accepted = matrix, platform, accepted
        self._context = RunContext(matrix, Options(), lambda _: None)

    def __call__(self, cell: Cell) -> Record | None:
        """The record of a cell, if there is one that tells of torch."""
        return self._context.current(cell) or self._accepted(cell)

    def _accepted(self, cell: Cell) -> Record | None:
        """An accepted record of this very build, or else of the build that stands in for it on the default index."""
        same = [r for r in self._results if (r.cell.torch, r.cell.python) == (cell.torch, cell.python)]
        exact = [record for record in same if record.cell.build == cell.build]
        build = self._matrix.builds.get(cell.build)
        stands_in = cell.build == DEFAULT_BUILD or (build is not None and build.fallback == DEFAULT_BUILD)
        behind = [record for record in same if stands_in and record.wheel and record.wheel.index == DEFAULT_BUILD]
        return next(iter([*exact, *behind]), None)

    @functools.cached_property
    def _results(self) -> list[Record]:
        found = Store(paths.RESULTS).read(Record) if self._with_accepted else []
        return [record for record in found if record.is_conclusive and record.cell.platform == self._platform]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prober:
    """Answers a bisection's candidates."""

    question: Question
    recorded: Callable[[Cell], Record | None]
    run: Run
    command: Command
    options: Options
    only_recorded: bool = False
    commit: Callable[[Candidate], str | None] = lambda _: None
    commits: dict[tuple[str, str], Step] = dataclasses.field(default_factory=dict)  # by commit and Python
    tell: Callable[[str], None] = lambda _: None

    def known(self, candidates: Iterable[Candidate]) -> list[Step]:
        """The steps that cost nothing."""
        steps = [self.known_step(place, candidate) for place, candidate in enumerate(candidates)]
        return self.note(step for step in steps if step is not None)

    def note(self, steps: Iterable[Step]) -> list[Step]:
        """Note which commits these steps were taken at, so that none is run again under another day's name."""
        noted = list(steps)
        for step in noted:
            if step.record and step.record.torch and step.record.torch.git_version:
                self.commits[step.record.torch.git_version, step.record.cell.python] = step
        return noted

    def __call__(self, wanted: Wanted) -> list[Step]:
        """What each wanted candidate shows."""
        found = {place: self._free(place, candidate) for place, candidate in wanted}
        missing = [(place, candidate) for place, candidate in wanted if found[place] is None]
        ran = self.note(self._run(missing)) if missing else []
        return [*(step for step in found.values() if step is not None), *ran]

    def known_step(self, place: int, candidate: Candidate) -> Step | None:
        """What a candidate is known to show, or that it can't be had."""
        if candidate.problem:
            return Step(place=place, origin="unavailable")
        # A command's answer and a repeated run can't be had from a record.
        if self.options.fresh or self.question.command or self.question.repeat > 1:
            return None
        record = self.recorded(candidate.cell)
        return Step(place=place, record=trimmed(record), origin="recorded") if record else None

    def _free(self, place: int, candidate: Candidate) -> Step | None:
        if (step := self.known_step(place, candidate)) is not None:
            return step
        if self.only_recorded:
            return Step(place=place, origin="unavailable")
        commit = self.commit(candidate)
        same = self.commits.get((commit, candidate.python)) if commit else None
        if same is None:
            return None
        of = same.record.cell.torch if same.record else None
        self.tell(f"{candidate.torch} has the same commit as {of}: not run")
        return same.model_copy(update={"place": place, "origin": "same commit", "of": of})

    def _run(self, wanted: Wanted) -> list[Step]:
        cells = {place: candidate.cell for place, candidate in wanted}
        if self.question.command is not None:
            return self._commanded(cells)
        runs = [self.run(list(cells.values()), self._options(again)) for again in range(self.question.repeat)]
        return [self._step(place, [records[cell] for records in runs]) for place, cell in cells.items()]

    def _options(self, again: int) -> Options:
        return dataclasses.replace(self.options, fresh=True) if again else self.options

    def _step(self, place: int, records: Sequence[Record]) -> Step:
        """One step from repeated runs; what they disagree on is flaky."""
        steps = [Step(place=place, record=trimmed(record), origin="run") for record in records]
        names = self.question.observations or judging.names(records[-1])
        flaky = tuple(name for name in names if len({_shown(step, name) for step in steps} - {SKIP}) > 1)
        last = next((step for step in reversed(steps) if step.record and step.record.usable), steps[-1])
        return last.model_copy(update={"flaky": flaky})

    def _commanded(self, cells: Mapping[int, Cell]) -> list[Step]:
        runs = [self.command(list(cells.values()), self.options) for _ in range(self.question.repeat)]
        return [self._commanded_step(place, [run[cell] for run in runs]) for place, cell in cells.items()]

    def _commanded_step(self, place: int, ran: Sequence[Ran]) -> Step:
        last = ran[-1]
        ends = {(one.exit_code, one.timed_out) for one in ran} - {(None, None)}
        return Step(
            place=place,
            record=trimmed(last.record),
            origin="run",
            exit_code=last.exit_code,
            timed_out=last.timed_out,
            output=last.output,
            flaky=("exit code",) if len(ends) > 1 else (),
        )


def _shown(step: Step, name: str) -> object:
    """What a run showed; that torch crashed at its import is something, that it couldn't be had is nothing."""
    if step.record and step.record.is_conclusive and not step.record.usable:
        return step.record.status
    return judging.shown(step, name)


def running(matrix: Matrix, display: Callable[[int], AbstractContextManager[Listener]]) -> Run:
    """`runner.run` as a bisection calls it; ``display`` shows the progress of a number of cells."""

    def run(cells: Sequence[Cell], options: Options) -> Mapping[Cell, Record]:
        with display(len(cells)) as listen:
            return scheduler.run(matrix, cells, options, listen)

    return run
