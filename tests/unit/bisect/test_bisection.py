"""Bisections of synthetic results: answers, ends, third behaviours, bridges, repeated runs, state and views."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from scripts.bisect import bisection, bridges, candidates, judging, search
from scripts.bisect import model as bisect_model
from scripts.bisect.bisection import Outcome
from scripts.bisect.candidates import TorchVersion
from scripts.bisect.model import Candidate, Question, State, Step
from scripts.bisect.runner import CandidateRunner
from scripts.bisect.search import Answer, WrongEnds
from scripts.commands import bisect as command
from scripts.config import matrix_toml
from scripts.config.cell import Cell
from scripts.core import paths
from scripts.core.errors import SchemaError, UsageError
from scripts.explain.changes import Unexplained
from scripts.index.torch_version import Torch
from scripts.records import model
from scripts.records.model import CellKey, FreshRecord, Observation, Reason, Record, Run
from scripts.run.command import CommandResult, command_words
from scripts.run.context import Options
from scripts.views.bisect import json_report, log, report

PLATFORM = "linux-x86_64"
RELEASES = [f"2.{minor}.0" for minor in range(12)]
OLD, NEW = "old failure", "new failure"


def record(torch: str, message: str | None, *, python: str = "3.11", build: str = "cpu", commit: str = "") -> Record:
    """Return a record in which ``trace`` raised a message; that of an unavailable cell if there is none."""
    key = CellKey(torch=torch, build=build, python=python, platform=PLATFORM)
    if message is None:
        return Record(cell=key, status="unavailable", reason=Reason(stage="resolve", kind="no wheel", message="none"))
    return Record(
        cell=key,
        status="recorded",
        torch=Torch(version=torch, git_version=commit or f"{torch.replace('.', ''):0<40}"),
        tests={"test_trace.py::test_traceable": model.Test(outcome="failed")},
        observations={
            "trace": Observation(outcome="raised", exception="builtins.RuntimeError", message=message),
            "script": Observation(outcome="returned"),
        },
    )


def question(**changes: object) -> Question:
    plain = {"observations": ("trace",), "good": "2.0.0", "bad": "2.11.0", "build": "cpu", "platform": PLATFORM}
    return Question.model_validate({**plain, **changes})


Messages = Mapping[str, str | None]


def messages(changed_in: str, **others: str | None) -> dict[str, str | None]:
    """Return the message of each release, which changes in one of them; ``_5`` sets that of 2.5.0."""
    changed = RELEASES.index(changed_in)
    by_release: dict[str, str | None] = {r: OLD if i < changed else NEW for i, r in enumerate(RELEASES)}
    return by_release | {f"2.{name[1:]}.0": message for name, message in others.items()}


def run(
    by_release: Messages, query: Question | None = None, *, width: int = 1, pythons: Mapping[str, str] | None = None
) -> tuple[Outcome, list[str]]:
    """Return the outcome of a bisection of synthetic results, and the releases that were probed."""
    query, ran = query or question(), list[str]()
    tested = [Candidate(torch=r, build="cpu", python=(pythons or {}).get(r, "3.11")) for r in by_release]

    def probe(wanted: Sequence[tuple[int, Candidate]]) -> list[Step]:
        ran.extend(candidate.torch for _, candidate in wanted)
        return [
            Step(position=position, record=record(c.torch, by_release[c.torch], python=c.python), origin="run")
            for position, c in wanted
        ]

    state = State(question=query, candidates=tuple(tested))
    return bisection.run(state, probe, lambda *_: None, width=width), ran


def text(outcome: Outcome, width: int = 120) -> str:
    return report.text(outcome, width)


def pairs(outcome: Outcome) -> list[tuple[str, str]]:
    found = []
    for finding in outcome.findings:
        assert finding.before.record is not None
        assert finding.after.record is not None
        found.append((finding.before.record.cell.torch, finding.after.record.cell.torch))
    return found


def test_the_ends_are_compared_and_the_change_is_found() -> None:
    outcome, ran = run(messages("2.7.0"))
    assert pairs(outcome) == [("2.6.0", "2.7.0")]
    assert ran[:2] == ["2.0.0", "2.11.0"]
    assert len(ran) <= 2 + 4
    assert outcome.certain


def test_options_can_match_either_end() -> None:
    for options in ({"message": "new"}, {"message": "^old"}, {"exception": "RuntimeError", "message": NEW}):
        outcome, _ = run(messages("2.7.0"), question(**options))
        assert pairs(outcome) == [("2.6.0", "2.7.0")]
    assert run(messages("2.7.0"), question(expect="returned"))[0].wrong_ends is not None
    assert run(messages("2.7.0"), question(expect="raised"))[0].wrong_ends is not None


def test_equal_or_unavailable_ends_are_reported_without_further_runs() -> None:
    outcome, ran = run(dict.fromkeys(RELEASES, OLD))
    assert outcome.wrong_ends == WrongEnds(first=Answer.GOOD, last=Answer.GOOD)
    assert len(ran) == 2
    outcome, ran = run(messages("2.7.0", _11=None))
    assert outcome.wrong_ends == WrongEnds(first=Answer.GOOD, last=Answer.SKIP)
    assert "an end has no usable result" in text(outcome)


def test_a_third_behaviour_is_reported_and_counts_as_configured() -> None:
    by_release = messages("2.7.0", _5="something else", _6="something else")
    outcome, _ = run(by_release)
    assert pairs(outcome) == [("2.4.0", "2.7.0")]
    assert not outcome.certain
    assert [s.record.cell.torch for s in outcome.third if s.record] == ["2.5.0", "2.6.0"]
    shown = text(outcome)
    assert "2.5.0 to 2.6.0 (2 candidates) neither: RuntimeError 'something else'; counted as skip" in shown
    assert "any of 2.5.0, 2.6.0, 2.7.0" in shown
    assert pairs(run(by_release, question(third="bad"))[0]) == [("2.4.0", "2.5.0")]
    assert pairs(run(by_release, question(third="good"))[0]) == [("2.6.0", "2.7.0")]


def test_unavailable_candidates_are_skipped_and_reported() -> None:
    outcome, _ = run(messages("2.7.0", _6=None))
    assert pairs(outcome) == [("2.5.0", "2.7.0")]
    assert "unavailable: no wheel" in text(outcome)


def test_every_change_of_every_observation() -> None:
    by_release = messages("2.7.0", _10="third", _11="fourth")
    outcome, _ = run(by_release, question(observations=(), every_change=True))
    assert pairs(outcome) == [("2.6.0", "2.7.0"), ("2.9.0", "2.10.0"), ("2.10.0", "2.11.0")]
    assert {finding.observation for finding in outcome.findings} == {"trace"}


def test_flips_that_last_for_the_grain_are_found() -> None:
    by_release = {**dict.fromkeys(RELEASES, OLD), "2.4.0": NEW, "2.5.0": NEW, "2.6.0": NEW}
    both = [("2.3.0", "2.4.0"), ("2.6.0", "2.7.0")]
    outcome, ran = run(by_release, question(every_change=True, grain=3))
    assert pairs(outcome) == both
    assert len(ran) < len(RELEASES)
    assert pairs(run(by_release, question(every_change=True))[0]) == []
    assert "fewer than 3 candidates" in text(outcome)


def test_the_error_for_an_unknown_observation_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="trace, script, test_traceable"):
        run(messages("2.7.0"), question(observations=("tarce",)))


def test_a_test_can_be_searched_for() -> None:
    assert run(messages("2.7.0"), question(observations=("test_traceable",)))[0].wrong_ends is not None


# --- bridges -----------------------------------------------------------------------------------------------------


def bridged(
    on_other: str | None, pythons_of_wheel: Sequence[str] = ("3.9", "3.11"), find_known: bridges.FindKnown | None = None
) -> bisection.Finding:
    """Return a change between two Pythons, with the bridge whose candidate shows a message on the other Python."""
    pythons = {release: "3.9" if int(release.split(".")[1]) < 7 else "3.11" for release in RELEASES}
    outcome, _ = run(messages("2.7.0"), pythons=pythons)

    def probe(wanted: Sequence[tuple[int, Candidate]]) -> list[Step]:
        return [Step(position=p, record=record(c.torch, on_other, python=c.python), origin="run") for p, c in wanted]

    return bridges.with_bridge(
        outcome.state,
        outcome.findings[0],
        probe=probe,
        find_known=find_known or (lambda *_: None),
        find_pythons=lambda _: pythons_of_wheel,
    )


def test_a_change_between_two_pythons_is_bridged() -> None:
    finding = bridged(NEW)
    assert finding.bridge is not None
    assert (finding.bridge.candidate.cell.id, finding.bridge.torch_is_cause) == ("2.7.0-cpu-py3.9", True)
    different = bridged(OLD).bridge
    assert different is not None
    assert different.torch_is_cause is False
    unusable = bridged(None).bridge
    assert unusable is not None
    assert unusable.torch_is_cause is None
    assert bridged(NEW, pythons_of_wheel=()).bridge is None


def test_no_bridge_is_run_between_sides_on_the_same_python() -> None:
    outcome, _ = run(messages("2.7.0"))

    def never(wanted: object) -> list[Step]:
        raise AssertionError(wanted)

    finding = bridges.with_bridge(
        outcome.state, outcome.findings[0], probe=never, find_known=lambda *_: None, find_pythons=lambda _: ["3.9"]
    )
    assert finding.bridge is None


def test_a_recorded_bridge_is_not_run() -> None:
    """Another release with the same behaviour serves as well as the one at the change."""

    def find_known(position: int, candidate: Candidate) -> Step | None:
        if candidate.cell.id != "2.9.0-cpu-py3.9":
            return None
        return Step(position=position, record=record("2.9.0", NEW, python="3.9"), origin="recorded")

    bridge = bridged("never probed", find_known=find_known).bridge
    assert bridge is not None
    assert (bridge.candidate.cell.id, bridge.torch_is_cause, bridge.step.origin) == (
        "2.9.0-cpu-py3.9",
        True,
        "recorded",
    )


# --- candidates --------------------------------------------------------------------------------------------------

MATRIX = matrix_toml.load()


def torch_versions(*versions: str, pythons: frozenset[str] = frozenset({"3.9", "3.11"})) -> list[TorchVersion]:
    return [TorchVersion(torch=version, build="cpu", pythons=pythons) for version in versions]


def between(good: str, bad: str, *versions: str, **changes: str) -> list[str]:
    query = question(good=good, bad=bad, **changes)
    return [candidate.torch for candidate in candidates.between_ends(MATRIX, torch_versions(*versions), query)]


def test_candidates_are_ordered_from_good_to_bad() -> None:
    assert between("2.0.1", "2.2.0", "2.0.0", "2.0.1", "2.1.0", "2.2.0", "2.3.0") == ["2.0.1", "2.1.0", "2.2.0"]
    assert between("2.1.0", "2.0.0", "2.0.0", "2.0.1", "2.1.0") == ["2.1.0", "2.0.1", "2.0.0"]


def test_nightlies_are_named_by_date_and_missing_days_are_no_candidates() -> None:
    versions = ["2.12.0.dev20261101", "2.12.0.dev20261103", "2.13.0.dev20261104"]
    assert between("2026-11-01", "20261104", *versions) == versions
    with pytest.raises(UsageError, match=r"dev20261101 to 2\.13\.0\.dev20261104"):
        between("2026-11-02", "20261104", *versions)


@pytest.mark.parametrize(
    ("good", "bad", "error"), [("2.0.0", "2.0.0", "nothing between"), ("1.0", "2.0.0", "no '1.0'")]
)
def test_invalid_ends_are_usage_errors(good: str, bad: str, error: str) -> None:
    with pytest.raises(UsageError, match=error):
        between(good, bad, "2.0.0", "2.1.0")


def test_the_python_depends_on_the_release() -> None:
    query = question(good="1.12.1", bad="2.15.0")
    offered = [
        TorchVersion(torch="1.12.1", build="cpu", pythons=frozenset({"3.8", "3.9", "3.10"})),
        TorchVersion(torch="1.13.0", build="cpu", pythons=frozenset({"3.9", "3.11"})),
        TorchVersion(torch="2.12.0", build="cpu", pythons=frozenset({"3.12", "3.13", "3.13t"})),
        TorchVersion(torch="2.15.0", build="cpu", pythons=None),
    ]
    assert [c.python for c in candidates.between_ends(MATRIX, offered, query)] == ["3.9", "3.11", "3.13", "3.11"]
    fixed = candidates.between_ends(MATRIX, offered, question(good="1.12.1", bad="2.15.0", python="3.9"))
    assert [c.problem is None for c in fixed] == [True, True, False, True]


def test_a_candidate_uses_a_python_with_a_record() -> None:
    known = {"2.0.0-cpu-py3.9", "2.1.0-cpu-py3.11", "2.1.0-cpu-py3.9"}
    tested = [
        candidates.prefer_recorded(MATRIX, Candidate(torch=torch, build="cpu", python="3.11"), lambda c: c.id in known)
        for torch in ("2.0.0", "2.1.0", "2.2.0")
    ]
    assert [candidate.python for candidate in tested] == ["3.9", "3.11", "3.11"]
    only = [candidates.require_record(candidate, lambda c: c.id in known).problem for candidate in tested]
    assert only == [None, None, "no record"]


# --- probing -----------------------------------------------------------------------------------------------------


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


def wanted(*releases: str) -> list[tuple[int, Candidate]]:
    return [(position, Candidate(torch=r, build="cpu", python="3.11")) for position, r in enumerate(releases)]


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


def test_a_command_timeout_changes_the_name_of_the_question() -> None:
    query = question(observations=(), command="{python} check.py")
    assert "command_timeout" not in query.model_dump_json(exclude={"command_timeout"})
    assert query.model_copy(update={"command_timeout": 5}).name != query.name


def test_a_command_is_split_into_words_before_placeholders_are_replaced() -> None:
    words = command_words(
        "{python} -c 'import torch; {cell}' --v={torch}", Path("/a b/python"), wanted("2.0.0")[0][1].cell
    )
    assert words == ["/a b/python", "-c", "import torch; 2.0.0-cpu-py3.11", "--v=2.0.0"]


# --- state and views ---------------------------------------------------------------------------------------------


def test_a_resumed_bisection_takes_the_same_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "STATE", tmp_path)
    whole, ran = run(messages("2.7.0"))
    for stop in range(len(ran)):
        begun = whole.state.model_copy(update={"steps": whole.state.steps[:stop]})
        path = bisect_model.save(begun)
        assert path == bisect_model.latest()
        again = bisect_model.FORMAT.read(path)
        assert again == begun

        def probe(wanted: Sequence[tuple[int, Candidate]]) -> list[Step]:
            return [whole.state.by_position[position] for position, _ in wanted]

        assert bisection.run(again, probe, lambda *_: None).state == whole.state


def test_the_error_for_an_unreadable_state_names_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "STATE", tmp_path)
    with pytest.raises(UsageError, match="start one"):
        bisect_model.latest()
    with pytest.raises(SchemaError, match="cannot be read"):
        bisect_model.FORMAT.read(tmp_path / "none.json")
    for text in ("{", '{"schema": 2}', '{"schema": 1, "question": 3}'):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(SchemaError):
            bisect_model.FORMAT.read(tmp_path / "bad.json")


def test_different_questions_have_different_names() -> None:
    names = {question().name, question(message="x").name, question(build="cu124").name, question(good="2.1.0").name}
    assert len(names) == 4
    assert all("/" not in name for name in names)


def test_the_outcome_as_text_and_json() -> None:
    outcome, _ = run(messages("2.7.0"))
    findings = [dataclasses.replace(finding, evidence=Unexplained(why="no network")) for finding in outcome.findings]
    outcome = dataclasses.replace(outcome, findings=tuple(findings))
    shown = text(outcome)
    assert shown.startswith("trace changed between torch 2.6.0 and 2.7.0\n")
    rows = {line.split("  ")[0]: re.split(r"  +", line)[1:] for line in shown.splitlines()}
    assert rows["cell"] == ["2.6.0-cpu-py3.11", "2.7.0-cpu-py3.11"]
    assert rows["torch"] == ["2.6.0, commit 260000000000", "2.7.0, commit 270000000000"]
    assert rows["message"] == [OLD, NEW]
    assert rows["evidence"] == ["none: no network"]
    assert "/compare/260000000000...270000000000" in shown
    assert "nox -s bisect -- --observation trace --good 2.6.0 --bad 2.7.0 --build cpu --python 3.11 --fresh" in shown
    document = json.loads(json.dumps(json_report.as_json(outcome)))
    assert (document["schema"], document["certain"], document["wrong_ends"]) == (1, True, None)
    assert document["findings"][0]["before"]["cell"] == "2.6.0-cpu-py3.11"
    assert document["findings"][0]["before"]["signatures"]["trace"]["message"] == OLD
    assert document["findings"][0]["suspects"] == ["2.7.0"]
    assert document["findings"][0]["evidence"] == {"problem": "no network"}


@pytest.mark.parametrize("width", [80, 120])
def test_long_lines_are_wrapped(width: int) -> None:
    by_release = messages("2.7.0", _5="another behaviour " * 20)
    outcome, _ = run({**by_release, "2.11.0": "new " * 40} | {f"2.{minor}.0": "new " * 40 for minor in range(7, 12)})
    for line in text(outcome, width).splitlines():
        assert len(line) <= width or "https://" in line or line.startswith("reproduce")


def test_messages_cannot_end_their_code_block() -> None:
    outcome, _ = run({**messages("2.7.0"), "2.11.0": NEW} | {"2.0.0": "```\n# <script>", "2.1.0": "```\n# <script>"})
    shown = report.markdown(outcome)
    fences = [line for line in shown.splitlines() if line.startswith("```")]
    assert len(fences) % 2 == 0
    assert "\n# <script>" not in shown


def test_every_change_is_shown_by_position() -> None:
    by_release = messages("2.7.0", _10="third", _11="third")
    outcome, _ = run(by_release, question(observations=(), every_change=True))
    shown = text(outcome)
    assert shown.startswith("2 changes, at 2 places\n\n2.6.0 → 2.7.0\n\ntrace ")
    assert "nox -s bisect -- --all --good 2.9.0 --bad 2.10.0 --build cpu --python 3.11 --fresh" in shown
    assert "#### torch 2.9.0 → 2.10.0" in report.markdown(outcome)


def test_the_reproduce_command_asks_the_same_question_of_both_sides() -> None:
    query = question(message="-new 'x'", third="bad", repeat=3, python="3.11")
    state = State(question=query, candidates=tuple(Candidate(torch=r, build="cpu", python="3.11") for r in RELEASES))
    finding = bisection.Finding(
        observation="trace",
        change=search.Change(before=3, after=4),
        before=Step(position=3, origin="run", record=record("2.3.0", OLD)),
        after=Step(position=4, origin="run", record=record("2.4.0", NEW)),
    )
    options = argparse.ArgumentParser()
    command.add_arguments(options)
    words = shlex.split(report.reproduce_command(state, finding))
    again = command._question(options.parse_args(words[words.index("--") + 1 :]))
    assert again == query.model_copy(update={"good": "2.3.0", "bad": "2.4.0"})


def test_the_reproduce_command_names_the_build_that_was_tested() -> None:
    fallback = record("2.3.0", OLD).model_copy(
        update={"wheel": model.Wheel(filename="torch.whl", sha256="a", index="default")}
    )
    step = Step(position=0, origin="run", record=fallback)
    finding = bisection.Finding(observation="trace", change=search.Change(before=0, after=1), before=step, after=step)
    state = State(question=question(), candidates=tuple(c for _, c in wanted("2.0.0", "2.1.0")))
    assert "--build default" in report.reproduce_command(state, finding)


def test_the_log_has_each_step_and_the_next_one() -> None:
    whole, _ = run(messages("2.7.0", _6="something else"))
    begun = whole.state.model_copy(update={"steps": whole.state.steps[:3]})
    assert log.log(begun) == [
        f"# trace: good 2.0.0, bad 2.11.0, build cpu, {PLATFORM}",
        "2.0.0-cpu-py3.11  good  RuntimeError 'old failure'  (run)",
        "2.11.0-cpu-py3.11  bad  RuntimeError 'new failure'  (run)",
        "2.6.0-cpu-py3.11  third  RuntimeError 'something else'  (run)",
        "# next: 2.5.0-cpu-py3.11",
    ]
    assert log.log(whole.state)[-1] == "# finished"


def test_each_round_prints_its_steps_and_the_candidates_left() -> None:
    lines: list[str] = []
    by_release = messages("2.7.0", _6="something else")
    tested = tuple(Candidate(torch=release, build="cpu", python="3.11") for release in by_release)

    def probe(wanted: Sequence[tuple[int, Candidate]]) -> list[Step]:
        return [
            Step(position=position, record=record(c.torch, by_release[c.torch]), origin="run") for position, c in wanted
        ]

    def on_round(state: State, steps: Sequence[Step]) -> None:
        lines.extend(log.round_lines(state, steps))

    bisection.run(State(question=question(), candidates=tested), probe, on_round)
    assert "10 candidates left between 2.0.0 and 2.11.0, about 4 more to probe" in lines
    assert sum(line.startswith("warning: a behaviour that is neither") for line in lines) == 1


# --- warnings ----------------------------------------------------------------------------------------------------


def warned(torch: str, message: str, *warnings: str) -> Record:
    plain = record(torch, message)
    raised = tuple(model.Warned(category="builtins.FutureWarning", message=text) for text in warnings)
    observation = plain.observations["trace"].model_copy(update={"warnings": raised})
    return plain.model_copy(update={"observations": {"trace": observation}})


def compared(*records: Record) -> list[Answer]:
    steps = {position: Step(position=position, record=each, origin="run") for position, each in enumerate(records)}
    return [answer for _, answer in sorted(judging.answers(question(), steps, len(records)).items())]


def test_warnings_count_only_if_the_ends_differ_in_nothing_else() -> None:
    """A later deprecation warning does not make a third behaviour of a changed error."""
    good, bad = Answer.GOOD, Answer.BAD
    old, new = warned("2.0.0", OLD), warned("2.1.0", NEW)
    deprecated = warned("2.2.0", NEW, "deprecated")
    assert compared(old, new, deprecated) == [good, bad, bad]
    assert compared(old, warned("2.1.0", OLD, "x"), new) == [good, good, bad]
    assert compared(new, new, deprecated) == [good, good, bad]
    assert compared(new, warned("2.1.0", NEW, "x"), deprecated) == [good, Answer.THIRD, bad]


def test_every_change_includes_warnings() -> None:
    records = [warned("2.0.0", OLD), warned("2.1.0", NEW), warned("2.2.0", NEW, "deprecated")]
    tested = tuple(Candidate(torch=each.cell.torch, build="cpu", python="3.11") for each in records)
    steps = tuple(Step(position=position, record=each, origin="recorded") for position, each in enumerate(records))
    state = State(question=question(every_change=True, grain=1), candidates=tested, steps=steps)
    outcome = bisection.run(state, lambda _: [], lambda *_: None)
    assert pairs(outcome) == [("2.0.0", "2.1.0"), ("2.1.0", "2.2.0")]


# --- no usable results -------------------------------------------------------------------------------------------


def test_changes_between_unavailable_ends_are_found() -> None:
    outcome, _ = run(messages("2.7.0", _0=None, _11=None), question(observations=(), every_change=True, grain=1))
    assert pairs(outcome) == [("2.6.0", "2.7.0")]
    unavailable, ran = run(dict.fromkeys(RELEASES, None), question(observations=(), every_change=True))
    assert (pairs(unavailable), unavailable.has_results, len(ran)) == ([], False, len(RELEASES))


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
