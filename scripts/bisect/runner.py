"""Probe the candidates of a bisection: from their records if possible, otherwise by running their cells."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence

from scripts.bisect import judging
from scripts.bisect.model import Candidate, Question, Step
from scripts.bisect.search import NO_SIGNATURE
from scripts.config.cell import DEFAULT_BUILD, Cell
from scripts.config.model import Matrix
from scripts.config.suite import Suite
from scripts.records.model import Record
from scripts.records.store import Store
from scripts.run.command import CommandResult
from scripts.run.context import Options, RunContext

#: Candidates to probe, with their positions.
Wanted = Sequence[tuple[int, Candidate]]

#: Runs the suite in cells.
RunCells = Callable[[Sequence[Cell], Options], Mapping[Cell, Record]]

#: Runs the command in cells.
RunCommand = Callable[[Sequence[Cell], Options], Mapping[Cell, CommandResult]]


class KnownRecords:
    """Finds records of cells: current fresh ones, then accepted ones."""

    def __init__(self, matrix: Matrix, suite: Suite, platform: str, *, accepted: bool = True) -> None:
        self._matrix, self._suite, self._platform, self._use_accepted = matrix, suite, platform, accepted
        self._context = RunContext(matrix, Options(suite=suite), lambda _: None)

    def __call__(self, cell: Cell) -> Record | None:
        """Return the conclusive record of a cell, if there is one."""
        return self._context.current(cell) or self._accepted(cell)

    def _accepted(self, cell: Cell) -> Record | None:
        """Return an accepted record of this build, else of the build that replaces it on the default index."""
        same = [r for r in self._results if (r.cell.torch, r.cell.python) == (cell.torch, cell.python)]
        exact = [record for record in same if record.cell.build == cell.build]
        build = self._matrix.builds.get(cell.build)
        has_default = cell.build == DEFAULT_BUILD or (build is not None and build.fallback == DEFAULT_BUILD)
        default = [record for record in same if has_default and record.wheel and record.wheel.index == DEFAULT_BUILD]
        return next(iter([*exact, *default]), None)

    @functools.cached_property
    def _results(self) -> list[Record]:
        records = Store(self._suite.paths.results).read(Record) if self._use_accepted else []
        return [record for record in records if record.is_conclusive and record.cell.platform == self._platform]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CandidateRunner:
    """Probes the candidates of a bisection."""

    question: Question
    find_record: Callable[[Cell], Record | None]
    run_cells: RunCells
    run_command: RunCommand
    options: Options
    only_recorded: bool = False
    find_commit: Callable[[Candidate], str | None] = lambda _: None
    notify: Callable[[str], None] = lambda _: None
    _by_commit: dict[tuple[str, str], Step] = dataclasses.field(default_factory=dict)  # by commit and Python

    def __call__(self, wanted: Wanted) -> list[Step]:
        """Return the result of each wanted candidate."""
        known = [step for position, candidate in wanted if (step := self._without_run(position, candidate))]
        positions = {step.position for step in known}
        missing = [(position, candidate) for position, candidate in wanted if position not in positions]
        return [*known, *(self.remember_commits(self._run(missing)) if missing else [])]

    def known_steps(self, candidates: Iterable[Candidate]) -> list[Step]:
        """Return the results of candidates that are known without running them."""
        steps = [self.known_step(position, candidate) for position, candidate in enumerate(candidates)]
        return self.remember_commits(step for step in steps if step is not None)

    def known_step(self, position: int, candidate: Candidate) -> Step | None:
        """Return the result of a candidate if it is recorded, or known to be unavailable."""
        if candidate.problem:
            return Step(position=position, origin="unavailable")
        # Records hold neither the results of commands nor repeated runs.
        if self.options.fresh or self.question.command or self.question.repeat > 1:
            return None
        record = self.find_record(candidate.cell)
        return Step(position=position, record=_trimmed(record), origin="recorded") if record else None

    def remember_commits(self, steps: Iterable[Step]) -> list[Step]:
        """Return the steps, and use their results for later candidates with the same commits."""
        steps = list(steps)
        for step in steps:
            if step.record and step.record.torch and step.record.torch.git_version:
                self._by_commit[step.record.torch.git_version, step.record.cell.python] = step
        return steps

    def _without_run(self, position: int, candidate: Candidate) -> Step | None:
        if (step := self.known_step(position, candidate)) is not None:
            return step
        if self.only_recorded:
            return Step(position=position, origin="unavailable")
        return self._with_same_commit(position, candidate)

    def _with_same_commit(self, position: int, candidate: Candidate) -> Step | None:
        """Return the result of an earlier candidate that was built from the same commit."""
        commit = self.find_commit(candidate)
        same = self._by_commit.get((commit, candidate.python)) if commit else None
        if same is None:
            return None
        version = same.record.cell.torch if same.record else None
        self.notify(f"{candidate.torch}: same commit as {version}; not run")
        return same.model_copy(update={"position": position, "origin": "same commit", "same_as": version})

    def _run(self, wanted: Wanted) -> list[Step]:
        cells = {position: candidate.cell for position, candidate in wanted}
        if self.question.command is not None:
            results = [self.run_command(list(cells.values()), self.options) for _ in range(self.question.repeat)]
            return [self._command_step(position, [run[cell] for run in results]) for position, cell in cells.items()]
        records = [
            self.run_cells(list(cells.values()), self._options(number)) for number in range(self.question.repeat)
        ]
        return [self._suite_step(position, [run[cell] for run in records]) for position, cell in cells.items()]

    def _options(self, number: int) -> Options:
        """Return the options of the first, second, … run of the same cells."""
        return dataclasses.replace(self.options, fresh=True) if number else self.options

    def _suite_step(self, position: int, records: Sequence[Record]) -> Step:
        """Return the result of repeated runs; names on which they disagree are flaky."""
        steps = [Step(position=position, record=_trimmed(record), origin="run") for record in records]
        names = self.question.observations or judging.known_names(records[-1])
        flaky = tuple(name for name in names if len({_behaviour(step, name) for step in steps} - {NO_SIGNATURE}) > 1)
        last = next((step for step in reversed(steps) if step.record and step.record.usable), steps[-1])
        return last.model_copy(update={"flaky": flaky})

    def _command_step(self, position: int, results: Sequence[CommandResult]) -> Step:
        last = results[-1]
        distinct = {(result.exit_code, result.timed_out) for result in results} - {(None, None)}
        return Step(
            position=position,
            record=_trimmed(last.record),
            origin="run",
            exit_code=last.exit_code,
            timed_out=last.timed_out,
            output=last.output,
            flaky=("exit code",) if len(distinct) > 1 else (),
        )


def _trimmed(record: Record) -> Record:
    """Return a record without its packages and the details of its run, which a bisection does not need."""
    return Record.model_validate(record.model_dump(exclude={"run", "packages"}))


def _behaviour(step: Step, name: str) -> object:
    """Return the signature in one of several runs; a crash at the import counts as one, unavailability does not."""
    if step.record and step.record.is_conclusive and not step.record.usable:
        return step.record.status
    return judging.signature(step, name)
