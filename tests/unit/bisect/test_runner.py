"""Probing candidates: records, repeated runs, equal commits and commands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scripts.bisect import judging
from scripts.bisect.model import Candidate, Question, Step
from scripts.bisect.runner import CandidateRunner
from scripts.bisect.search import Answer
from scripts.config.cell import Cell
from scripts.records.model import FreshRecord, Reason, Record, Run
from scripts.run.command import CommandResult, command_words
from scripts.run.context import Options
from tests.support.bisections import (
    NEW,
    OLD,
    question,
    record,
    wanted,
)


def fresh(source: Record) -> FreshRecord:
    run = Run(asked=source.cell.id, inputs="", recorded_at="", machine="")
    return FreshRecord.model_validate({**source.model_dump(), "run": run})


class Runner:
    """Runs synthetic cells: each run of a cell gives the next of its messages."""

    def __init__(self, **by_release: Sequence[str | None]) -> None:
        self.messages = {f"2.{name[1:]}.0": list(each) for name, each in by_release.items()}
        self.ran: list[tuple[str, bool]] = []

    def __call__(self, cells: Sequence[Cell], options: Options) -> dict[Cell, Record]:
        self.ran += [(cell.torch, options.fresh) for cell in cells]
        return {cell: fresh(record(cell.torch, self.messages[cell.torch].pop(0))) for cell in cells}


def candidate_runner(runner: Runner, query: Question | None = None, **changes: object) -> CandidateRunner:
    def command(cells: Sequence[Cell], options: Options) -> dict[Cell, CommandResult]:
        return {cell: CommandResult(record=fresh(record(cell.torch, OLD)), exit_code=7, output="no") for cell in cells}

    plain: dict[str, object] = {
        "find_record": lambda _: None,
        "run_cells": runner,
        "run_command": command,
        "options": Options(),
    }
    return CandidateRunner(question=query or question(), **{**plain, **changes})  # type: ignore[arg-type]


def test_recorded_cells_are_not_run() -> None:
    runner = Runner(_1=[NEW])

    def known(cell: Cell) -> Record | None:
        return record(cell.torch, OLD) if cell.torch == "2.0.0" else None

    probe = candidate_runner(runner, find_record=known)
    steps = probe(wanted("2.0.0", "2.1.0"))
    assert {step.position: step.origin for step in steps} == {0: "recorded", 1: "run"}
    assert runner.ran == [("2.1.0", False)]
    assert [s.position for s in probe.known_steps(c for _, c in wanted("2.0.0", "2.1.0"))] == [0]
    assert (
        candidate_runner(Runner(), find_record=lambda _: None, only_recorded=True)(wanted("2.0.0"))[0].origin
        == "unavailable"
    )


def test_observations_on_which_repeated_runs_disagree_are_flaky() -> None:
    runner = Runner(_0=[OLD, OLD, OLD], _1=[OLD, NEW, OLD], _2=[OLD, None, OLD])
    steps = candidate_runner(runner, question(repeat=3))(wanted("2.0.0", "2.1.0", "2.2.0"))
    assert [step.flaky for step in steps] == [(), ("trace",), ()]
    assert [again for torch, again in runner.ran if torch == "2.0.0"] == [False, True, True]
    assert judging.answers(question(), {step.position: step for step in steps}, 3)[1] is Answer.SKIP


def test_a_nightly_with_the_commit_of_another_is_not_run() -> None:
    runner, messages = Runner(_0=[OLD], _2=[NEW]), list[str]()
    commits = {"2.0.0": f"{'200':0<40}", "2.1.0": f"{'200':0<40}", "2.2.0": "other"}
    probe = candidate_runner(runner, find_commit=lambda candidate: commits[candidate.torch], notify=messages.append)
    probe(wanted("2.0.0"))
    steps = probe([(4, wanted("2.1.0")[0][1]), (5, wanted("2.2.0")[0][1])])
    assert [(step.position, step.origin, step.same_as) for step in steps] == [
        (4, "same commit", "2.0.0"),
        (5, "run", None),
    ]
    assert messages == ["2.1.0: same commit as 2.0.0; not run"]


def test_the_same_commit_on_another_python_is_run() -> None:
    runner = Runner(_0=[OLD], _1=[NEW])
    probe = candidate_runner(runner, find_commit=lambda _: f"{'200':0<40}")
    probe(wanted("2.0.0"))
    (step,) = probe([(1, Candidate(torch="2.1.0", build="cpu", python="3.9"))])
    assert (step.origin, step.same_as) == ("run", None)


def test_a_candidate_with_a_problem_is_never_run() -> None:
    candidate = Candidate(torch="2.0.0", build="cpu", python="3.9", problem="no wheel")
    (step,) = candidate_runner(Runner())([(0, candidate)])
    assert (step.origin, step.record) == ("unavailable", None)


def test_a_command_decides_by_its_exit_code() -> None:
    query = question(observations=(), command="{python} check.py")
    (step,) = candidate_runner(Runner(), query)(wanted("2.0.0"))
    assert (step.exit_code, step.output) == (7, "no")
    steps = {
        position: Step(position=position, origin="run", exit_code=code)
        for position, code in enumerate([0, 125, 1, 127, None])
    }
    answers = judging.answers(query, steps, 5)
    assert list(answers.values()) == [Answer.GOOD, Answer.SKIP, Answer.BAD, Answer.BAD, Answer.SKIP]


def test_a_timeout_of_a_command_is_a_third_behaviour() -> None:
    query = question(observations=(), command="{python} check.py")
    late = Step(position=1, origin="run", timed_out=5)
    assert judging.answers(query, {1: late}, 3) == {1: Answer.THIRD}
    assert judging.describe_step(late, None) == "timed out after 5 s (--command-timeout)"
    ends = iter(
        [
            CommandResult(record=fresh(record("2.0.0", OLD)), timed_out=5),
            CommandResult(record=fresh(record("2.0.0", OLD)), exit_code=0),
        ]
    )
    query = question(observations=(), command="{python} check.py", repeat=2)
    (step,) = candidate_runner(Runner(), query, run_command=lambda cells, _: {cells[0]: next(ends)})(wanted("2.0.0"))
    assert step.flaky
    assert judging.answers(query, {0: step}, 3) == {0: Answer.SKIP}


def test_a_command_is_split_into_words_before_placeholders_are_replaced() -> None:
    words = command_words(
        "{python} -c 'import torch; {cell}' --v={torch}", Path("/a b/python"), wanted("2.0.0")[0][1].cell
    )
    assert words == ["/a b/python", "-c", "import torch; 2.0.0-cpu-py3.11", "--v=2.0.0"]


def test_an_intermittent_crash_at_the_import_is_flaky() -> None:
    crashed = Record(
        cell=record("2.0.0", OLD).cell,
        status="crashed",
        reason=Reason(stage="import", kind="signal", message="SIGSEGV"),
    )
    runs = [{record("2.0.0", OLD).cell.cell: each} for each in (crashed, record("2.0.0", OLD), crashed)]
    runner = CandidateRunner(
        question=question(repeat=3),
        find_record=lambda _: None,
        run_cells=lambda *_: {cell: fresh(each) for cell, each in runs.pop().items()},
        run_command=lambda *_: {},
        options=Options(),
    )
    (step,) = runner(wanted("2.0.0"))
    assert step.flaky == ("trace",)
