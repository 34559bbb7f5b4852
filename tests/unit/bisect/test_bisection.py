"""Bisections with cells that are made up: judging, ends, thirds, bridges, repeats, state and what is shown."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from scripts.bisect import bisection, bridging, candidates, judging, probing, reproducing, search
from scripts.bisect import state as bisect_state
from scripts.bisect.bisection import Outcome
from scripts.bisect.candidates import Offer
from scripts.bisect.search import Answer, WrongEnds
from scripts.bisect.state import Candidate, Question, State, Step
from scripts.commands import bisect as command
from scripts.config import matrix_toml
from scripts.config.cells import Cell
from scripts.core import paths
from scripts.core.errors import SchemaError, UsageError
from scripts.explain.changes import Unexplained
from scripts.index.torch_version import Torch
from scripts.records import model
from scripts.records.model import CellKey, FreshRecord, Observation, Reason, Record, Run
from scripts.run import command as commandrun
from scripts.run.command import Ran
from scripts.run.context import Options
from scripts.views import bisect as bisect_views
from scripts.views import bisect_json, bisect_log

PLATFORM = "linux-x86_64"
RELEASES = [f"2.{minor}.0" for minor in range(12)]
OLD, NEW = "old failure", "new failure"


def record(torch: str, message: str | None, *, python: str = "3.11", build: str = "cpu", commit: str = "") -> Record:
    """A record in which ``trace`` raised a message; of a cell that couldn't be had where there is none."""
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
    place = RELEASES.index(changed_in)
    said: dict[str, str | None] = {r: OLD if i < place else NEW for i, r in enumerate(RELEASES)}
    return said | {f"2.{name[1:]}.0": message for name, message in others.items()}


def run(
    said: Messages, asked: Question | None = None, *, width: int = 1, pythons: Mapping[str, str] | None = None
) -> tuple[Outcome, list[str]]:
    """A bisection over made-up cells, and the releases that were probed."""
    asked, ran = asked or question(), list[str]()
    tested = [Candidate(torch=r, build="cpu", python=(pythons or {}).get(r, "3.11")) for r in said]

    def probe(wanted: Sequence[tuple[int, Candidate]]) -> list[Step]:
        ran.extend(candidate.torch for _, candidate in wanted)
        return [
            Step(place=place, record=record(c.torch, said[c.torch], python=c.python), origin="run")
            for place, c in wanted
        ]

    state = State(question=asked, candidates=tuple(tested))
    return bisection.run(state, probe, lambda *_: None, width=width), ran


def text(outcome: Outcome, width: int = 120) -> str:
    return bisect_views.text(outcome, width)


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


def test_what_is_told_fits_either_end() -> None:
    for told in ({"message": "new"}, {"message": "^old"}, {"exception": "RuntimeError", "message": NEW}):
        outcome, _ = run(messages("2.7.0"), question(**told))
        assert pairs(outcome) == [("2.6.0", "2.7.0")]
    assert run(messages("2.7.0"), question(expect="returned"))[0].wrong_ends is not None
    assert run(messages("2.7.0"), question(expect="raised"))[0].wrong_ends is not None


def test_alike_or_unavailable_ends_are_told_and_nothing_else_is_run() -> None:
    outcome, ran = run(dict.fromkeys(RELEASES, OLD))
    assert outcome.wrong_ends == WrongEnds(first=Answer.GOOD, last=Answer.GOOD)
    assert len(ran) == 2
    outcome, ran = run(messages("2.7.0", _11=None))
    assert outcome.wrong_ends == WrongEnds(first=Answer.GOOD, last=Answer.SKIP)
    assert "an end shows nothing" in text(outcome)


def test_a_third_behaviour_is_told_and_counts_as_asked() -> None:
    said = messages("2.7.0", _5="something else", _6="something else")
    outcome, _ = run(said)
    assert pairs(outcome) == [("2.4.0", "2.7.0")]
    assert not outcome.certain
    assert [s.record.cell.torch for s in outcome.third if s.record] == ["2.5.0", "2.6.0"]
    shown = text(outcome)
    assert "2.5.0 to 2.6.0 (2 candidates) neither: RuntimeError 'something else'; counted as skip" in shown
    assert "any of 2.5.0, 2.6.0, 2.7.0" in shown
    assert pairs(run(said, question(third="bad"))[0]) == [("2.4.0", "2.5.0")]
    assert pairs(run(said, question(third="good"))[0]) == [("2.6.0", "2.7.0")]


def test_what_can_not_be_had_is_skipped_and_told() -> None:
    outcome, _ = run(messages("2.7.0", _6=None))
    assert pairs(outcome) == [("2.5.0", "2.7.0")]
    assert "unavailable: no wheel" in text(outcome)


def test_every_change_of_every_observation() -> None:
    said = messages("2.7.0", _10="third", _11="fourth")
    outcome, _ = run(said, question(observations=(), every_change=True))
    assert pairs(outcome) == [("2.6.0", "2.7.0"), ("2.9.0", "2.10.0"), ("2.10.0", "2.11.0")]
    assert {finding.observation for finding in outcome.findings} == {"trace"}


def test_flips_are_found_as_far_as_the_grain_says() -> None:
    said = {**dict.fromkeys(RELEASES, OLD), "2.4.0": NEW, "2.5.0": NEW, "2.6.0": NEW}
    both = [("2.3.0", "2.4.0"), ("2.6.0", "2.7.0")]
    outcome, ran = run(said, question(every_change=True, grain=3))
    assert pairs(outcome) == both
    assert len(ran) < len(RELEASES)
    assert pairs(run(said, question(every_change=True))[0]) == []
    assert "fewer than 3 candidates" in text(outcome)


def test_an_observation_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(UsageError, match="trace, script, test_traceable"):
        run(messages("2.7.0"), question(observations=("tarce",)))


def test_tests_can_be_asked_about_too() -> None:
    assert run(messages("2.7.0"), question(observations=("test_traceable",)))[0].wrong_ends is not None


# --- bridges -----------------------------------------------------------------------------------------------------


def bridged(
    on_other: str | None, has: Sequence[str] = ("3.9", "3.11"), known: bridging.Known | None = None
) -> bisection.Finding:
    pythons = {release: "3.9" if int(release.split(".")[1]) < 7 else "3.11" for release in RELEASES}
    outcome, _ = run(messages("2.7.0"), pythons=pythons)

    def probe(wanted: Sequence[tuple[int, Candidate]]) -> list[Step]:
        return [Step(place=p, record=record(c.torch, on_other, python=c.python), origin="run") for p, c in wanted]

    return bridging.bridged(
        outcome.state, outcome.findings[0], probe=probe, known=known or (lambda *_: None), pythons=lambda _: has
    )


def test_a_change_between_two_pythons_is_bridged() -> None:
    finding = bridged(NEW)
    assert finding.bridge is not None
    assert (finding.bridge.candidate.cell.id, finding.bridge.proves) == ("2.7.0-cpu-py3.9", True)
    other = bridged(OLD).bridge
    assert other is not None
    assert other.proves is False
    nothing = bridged(None).bridge
    assert nothing is not None
    assert nothing.proves is None
    assert bridged(NEW, has=()).bridge is None


def test_no_bridge_is_run_on_one_python() -> None:
    outcome, _ = run(messages("2.7.0"))

    def never(wanted: object) -> list[Step]:
        raise AssertionError(wanted)

    finding = bridging.bridged(
        outcome.state, outcome.findings[0], probe=never, known=lambda *_: None, pythons=lambda _: ["3.9"]
    )
    assert finding.bridge is None


def test_a_bridge_that_is_recorded_costs_nothing() -> None:
    """Another release of the same behaviour bridges as well as the one at the change."""

    def known(place: int, candidate: Candidate) -> Step | None:
        if candidate.cell.id != "2.9.0-cpu-py3.9":
            return None
        return Step(place=place, record=record("2.9.0", NEW, python="3.9"), origin="recorded")

    bridge = bridged("never asked", known=known).bridge
    assert bridge is not None
    assert (bridge.candidate.cell.id, bridge.proves, bridge.step.origin) == ("2.9.0-cpu-py3.9", True, "recorded")


# --- candidates --------------------------------------------------------------------------------------------------

MATRIX = matrix_toml.load()


def offers(*versions: str, pythons: frozenset[str] = frozenset({"3.9", "3.11"})) -> list[Offer]:
    return [Offer(torch=version, build="cpu", pythons=pythons) for version in versions]


def between(good: str, bad: str, *versions: str, **changes: str) -> list[str]:
    asked = question(good=good, bad=bad, **changes)
    return [candidate.torch for candidate in candidates.between(MATRIX, offers(*versions), asked)]


def test_candidates_go_from_good_to_bad_either_way() -> None:
    assert between("2.0.1", "2.2.0", "2.0.0", "2.0.1", "2.1.0", "2.2.0", "2.3.0") == ["2.0.1", "2.1.0", "2.2.0"]
    assert between("2.1.0", "2.0.0", "2.0.0", "2.0.1", "2.1.0") == ["2.1.0", "2.0.1", "2.0.0"]


def test_nightlies_are_told_by_date_and_missing_days_are_no_candidates() -> None:
    versions = ["2.12.0.dev20261101", "2.12.0.dev20261103", "2.13.0.dev20261104"]
    assert between("2026-11-01", "20261104", *versions) == versions
    with pytest.raises(UsageError, match=r"dev20261101 to 2\.13\.0\.dev20261104"):
        between("2026-11-02", "20261104", *versions)


@pytest.mark.parametrize(("good", "bad", "said"), [("2.0.0", "2.0.0", "nothing between"), ("1.0", "2.0.0", "no '1.0'")])
def test_ends_that_are_no_ends(good: str, bad: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        between(good, bad, "2.0.0", "2.1.0")


def test_the_interpreter_follows_the_release() -> None:
    asked = question(good="1.12.1", bad="2.15.0")
    offered = [
        Offer(torch="1.12.1", build="cpu", pythons=frozenset({"3.8", "3.9", "3.10"})),
        Offer(torch="1.13.0", build="cpu", pythons=frozenset({"3.9", "3.11"})),
        Offer(torch="2.12.0", build="cpu", pythons=frozenset({"3.12", "3.13", "3.13t"})),
        Offer(torch="2.15.0", build="cpu", pythons=None),
    ]
    assert [c.python for c in candidates.between(MATRIX, offered, asked)] == ["3.9", "3.11", "3.13", "3.11"]
    fixed = candidates.between(MATRIX, offered, question(good="1.12.1", bad="2.15.0", python="3.9"))
    assert [c.problem is None for c in fixed] == [True, True, False, True]


def test_a_candidate_takes_the_python_on_which_it_is_recorded() -> None:
    known = {"2.0.0-cpu-py3.9", "2.1.0-cpu-py3.11", "2.1.0-cpu-py3.9"}
    tested = [
        candidates.where_recorded(MATRIX, Candidate(torch=torch, build="cpu", python="3.11"), lambda c: c.id in known)
        for torch in ("2.0.0", "2.1.0", "2.2.0")
    ]
    assert [candidate.python for candidate in tested] == ["3.9", "3.11", "3.11"]
    only = [candidates.only_recorded(candidate, lambda c: c.id in known).problem for candidate in tested]
    assert only == [None, None, "no record"]


# --- probing -----------------------------------------------------------------------------------------------------


def fresh(one: Record) -> FreshRecord:
    run = Run(asked=one.cell.id, inputs="", recorded_at="", machine="")
    return FreshRecord.model_validate({**one.model_dump(), "run": run})


class Runner:
    """Runs made-up cells: each call of a cell takes the next of its messages."""

    def __init__(self, **said: Sequence[str | None]) -> None:
        self.said = {f"2.{name[1:]}.0": list(messages) for name, messages in said.items()}
        self.ran: list[tuple[str, bool]] = []

    def __call__(self, cells: Sequence[Cell], options: Options) -> dict[Cell, Record]:
        self.ran += [(cell.torch, options.fresh) for cell in cells]
        return {cell: fresh(record(cell.torch, self.said[cell.torch].pop(0))) for cell in cells}


def prober(runner: Runner, asked: Question | None = None, **changes: object) -> probing.Prober:
    def command(cells: Sequence[Cell], options: Options) -> dict[Cell, Ran]:
        return {cell: Ran(record=fresh(record(cell.torch, OLD)), exit_code=7, output="no") for cell in cells}

    plain: dict[str, object] = {"recorded": lambda _: None, "run": runner, "command": command, "options": Options()}
    return probing.Prober(question=asked or question(), **{**plain, **changes})  # type: ignore[arg-type]


def wanted(*releases: str) -> list[tuple[int, Candidate]]:
    return [(place, Candidate(torch=r, build="cpu", python="3.11")) for place, r in enumerate(releases)]


def test_recorded_cells_cost_nothing() -> None:
    runner = Runner(_1=[NEW])

    def known(cell: Cell) -> Record | None:
        return record(cell.torch, OLD) if cell.torch == "2.0.0" else None

    probe = prober(runner, recorded=known)
    steps = probe(wanted("2.0.0", "2.1.0"))
    assert {step.place: step.origin for step in steps} == {0: "recorded", 1: "run"}
    assert runner.ran == [("2.1.0", False)]
    assert [s.place for s in probe.known(c for _, c in wanted("2.0.0", "2.1.0"))] == [0]
    assert prober(Runner(), recorded=lambda _: None, only_recorded=True)(wanted("2.0.0"))[0].origin == "unavailable"


def test_repeated_runs_that_disagree_are_flaky() -> None:
    runner = Runner(_0=[OLD, OLD, OLD], _1=[OLD, NEW, OLD], _2=[OLD, None, OLD])
    steps = prober(runner, question(repeat=3))(wanted("2.0.0", "2.1.0", "2.2.0"))
    assert [step.flaky for step in steps] == [(), ("trace",), ()]
    assert [again for torch, again in runner.ran if torch == "2.0.0"] == [False, True, True]
    assert judging.answers(question(), {step.place: step for step in steps}, 3)[1] is Answer.SKIP


def test_a_day_with_the_commit_of_another_is_not_run_again() -> None:
    runner, told = Runner(_0=[OLD], _2=[NEW]), list[str]()
    commits = {"2.0.0": f"{'200':0<40}", "2.1.0": f"{'200':0<40}", "2.2.0": "other"}
    probe = prober(runner, commit=lambda candidate: commits[candidate.torch], tell=told.append)
    probe(wanted("2.0.0"))
    steps = probe([(4, wanted("2.1.0")[0][1]), (5, wanted("2.2.0")[0][1])])
    assert [(step.place, step.origin, step.of) for step in steps] == [(4, "same commit", "2.0.0"), (5, "run", None)]
    assert told == ["2.1.0 has the same commit as 2.0.0: not run"]


def test_a_step_of_the_same_commit_on_another_python_is_run() -> None:
    runner = Runner(_0=[OLD], _1=[NEW])
    probe = prober(runner, commit=lambda _: f"{'200':0<40}")
    probe(wanted("2.0.0"))
    (step,) = probe([(1, Candidate(torch="2.1.0", build="cpu", python="3.9"))])
    assert (step.origin, step.of) == ("run", None)


def test_a_candidate_with_a_problem_is_never_run() -> None:
    candidate = Candidate(torch="2.0.0", build="cpu", python="3.9", problem="no wheel")
    (step,) = prober(Runner())([(0, candidate)])
    assert (step.origin, step.record) == ("unavailable", None)


def test_a_command_decides_by_its_exit_code() -> None:
    asked = question(observations=(), command="{python} check.py")
    (step,) = prober(Runner(), asked)(wanted("2.0.0"))
    assert (step.exit_code, step.output) == (7, "no")
    steps = {
        place: Step(place=place, origin="run", exit_code=code) for place, code in enumerate([0, 125, 1, 127, None])
    }
    said = judging.answers(asked, steps, 5)
    assert list(said.values()) == [Answer.GOOD, Answer.SKIP, Answer.BAD, Answer.BAD, Answer.SKIP]


def test_a_command_that_takes_too_long_is_a_third_behaviour() -> None:
    asked = question(observations=(), command="{python} check.py")
    late = Step(place=1, origin="run", timed_out=5)
    assert judging.answers(asked, {1: late}, 3) == {1: Answer.THIRD}
    assert judging.in_words(late, None) == "timed out after 5 s (--command-timeout)"
    ends = iter(
        [Ran(record=fresh(record("2.0.0", OLD)), timed_out=5), Ran(record=fresh(record("2.0.0", OLD)), exit_code=0)]
    )
    asked = question(observations=(), command="{python} check.py", repeat=2)
    (step,) = prober(Runner(), asked, command=lambda cells, _: {cells[0]: next(ends)})(wanted("2.0.0"))
    assert step.flaky
    assert judging.answers(asked, {0: step}, 3) == {0: Answer.SKIP}


def test_a_limit_of_the_command_makes_another_question_and_none_the_same_as_before() -> None:
    asked = question(observations=(), command="{python} check.py")
    assert "command_timeout" not in asked.model_dump_json(exclude={"command_timeout"})
    assert asked.model_copy(update={"command_timeout": 5}).name != asked.name


def test_a_command_is_split_into_words_before_it_is_filled_in() -> None:
    words = commandrun.filled(
        "{python} -c 'import torch; {cell}' --v={torch}", Path("/a b/python"), wanted("2.0.0")[0][1].cell
    )
    assert words == ["/a b/python", "-c", "import torch; 2.0.0-cpu-py3.11", "--v=2.0.0"]


# --- state and views ---------------------------------------------------------------------------------------------


def test_an_interrupted_bisection_goes_on_the_same_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "STATE", tmp_path)
    whole, ran = run(messages("2.7.0"))
    for stop in range(len(ran)):
        begun = whole.state.model_copy(update={"steps": whole.state.steps[:stop]})
        path = bisect_state.save(begun)
        assert path == bisect_state.latest()
        again = bisect_state.load(path)
        assert again == begun

        def probe(wanted: Sequence[tuple[int, Candidate]]) -> list[Step]:
            return [whole.state.by_place[place] for place, _ in wanted]

        assert bisection.run(again, probe, lambda *_: None).state == whole.state


def test_a_state_that_can_not_be_read_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "STATE", tmp_path)
    with pytest.raises(UsageError, match="begin one"):
        bisect_state.latest()
    with pytest.raises(UsageError, match="no bisection"):
        bisect_state.load(tmp_path / "none.json")
    for text in ("{", '{"schema": 2}', '{"schema": 1, "question": 3}'):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(SchemaError):
            bisect_state.load(tmp_path / "bad.json")


def test_questions_have_names_of_their_own() -> None:
    names = {question().name, question(message="x").name, question(build="cu124").name, question(good="2.1.0").name}
    assert len(names) == 4
    assert all("/" not in name for name in names)


def test_the_end_is_shown_to_people_and_machines() -> None:
    outcome, _ = run(messages("2.7.0"))
    findings = [dataclasses.replace(one, evidence=Unexplained(why="no network")) for one in outcome.findings]
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
    said = json.loads(json.dumps(bisect_json.as_json(outcome)))
    assert (said["schema"], said["certain"], said["wrong_ends"]) == (1, True, None)
    assert said["findings"][0]["before"]["cell"] == "2.6.0-cpu-py3.11"
    assert said["findings"][0]["before"]["signatures"]["trace"]["message"] == OLD
    assert said["findings"][0]["suspects"] == ["2.7.0"]
    assert said["findings"][0]["evidence"] == {"problem": "no network"}


@pytest.mark.parametrize("width", [80, 120])
def test_what_can_be_broken_into_lines_is(width: int) -> None:
    said = messages("2.7.0", _5="a behaviour of its own " * 20)
    outcome, _ = run({**said, "2.11.0": "new " * 40} | {f"2.{minor}.0": "new " * 40 for minor in range(7, 12)})
    for line in text(outcome, width).splitlines():
        assert len(line) <= width or "https://" in line or line.startswith("reproduce")


def test_hostile_messages_stay_within_their_code_block() -> None:
    outcome, _ = run({**messages("2.7.0"), "2.11.0": NEW} | {"2.0.0": "```\n# <script>", "2.1.0": "```\n# <script>"})
    shown = bisect_views.markdown(outcome)
    fences = [line for line in shown.splitlines() if line.startswith("```")]
    assert len(fences) % 2 == 0
    assert "\n# <script>" not in shown


def test_every_change_is_shown_by_place() -> None:
    said = messages("2.7.0", _10="third", _11="third")
    outcome, _ = run(said, question(observations=(), every_change=True))
    shown = text(outcome)
    assert shown.startswith("2 changes, at 2 places\n\n2.6.0 → 2.7.0\n\ntrace ")
    assert "nox -s bisect -- --all --good 2.9.0 --bad 2.10.0 --build cpu --python 3.11 --fresh" in shown
    assert "#### torch 2.9.0 → 2.10.0" in bisect_views.markdown(outcome)


def test_the_command_that_reproduces_asks_the_same_of_both_sides() -> None:
    asked = question(message="-new 'x'", third="bad", repeat=3, python="3.11")
    state = State(question=asked, candidates=tuple(Candidate(torch=r, build="cpu", python="3.11") for r in RELEASES))
    finding = bisection.Finding(
        observation="trace",
        change=search.Change(before=3, after=4),
        before=Step(place=3, origin="run", record=record("2.3.0", OLD)),
        after=Step(place=4, origin="run", record=record("2.4.0", NEW)),
    )
    options = argparse.ArgumentParser()
    command.add_arguments(options)
    words = shlex.split(reproducing.command(state, finding))
    again = command._question(options.parse_args(words[words.index("--") + 1 :]))
    assert again == asked.model_copy(update={"good": "2.3.0", "bad": "2.4.0"})


def test_where_another_build_stood_in_that_one_is_asked_for() -> None:
    stood_in = record("2.3.0", OLD).model_copy(
        update={"wheel": model.Wheel(filename="torch.whl", sha256="a", index="default")}
    )
    step = Step(place=0, origin="run", record=stood_in)
    finding = bisection.Finding(observation="trace", change=search.Change(before=0, after=1), before=step, after=step)
    state = State(question=question(), candidates=tuple(c for _, c in wanted("2.0.0", "2.1.0")))
    assert "--build default" in reproducing.command(state, finding)


def test_the_log_tells_each_step_and_what_comes_next() -> None:
    whole, _ = run(messages("2.7.0", _6="something else"))
    begun = whole.state.model_copy(update={"steps": whole.state.steps[:3]})
    assert bisect_log.log(begun) == [
        f"# trace: good 2.0.0, bad 2.11.0, build cpu, {PLATFORM}",
        "2.0.0-cpu-py3.11  good  RuntimeError 'old failure'  (run)",
        "2.11.0-cpu-py3.11  bad  RuntimeError 'new failure'  (run)",
        "2.6.0-cpu-py3.11  third  RuntimeError 'something else'  (run)",
        "# next: 2.5.0-cpu-py3.11",
    ]
    assert bisect_log.log(whole.state)[-1] == "# finished"


def test_each_round_tells_what_it_brought_and_what_is_left() -> None:
    told: list[str] = []
    said = messages("2.7.0", _6="something else")
    tested = tuple(Candidate(torch=release, build="cpu", python="3.11") for release in said)

    def probe(wanted: Sequence[tuple[int, Candidate]]) -> list[Step]:
        return [Step(place=place, record=record(c.torch, said[c.torch]), origin="run") for place, c in wanted]

    def keep(state: State, new: Sequence[Step]) -> None:
        told.extend(bisect_log.news(state, new))

    bisection.run(State(question=question(), candidates=tested), probe, keep)
    assert "10 candidates left between 2.0.0 and 2.11.0, about 4 more to probe" in told
    assert sum(line.startswith("warning: what is neither") for line in told) == 1


# --- warnings ----------------------------------------------------------------------------------------------------


def warned(torch: str, message: str, *warnings: str) -> Record:
    plain = record(torch, message)
    said = tuple(model.Warned(category="builtins.FutureWarning", message=text) for text in warnings)
    seen = plain.observations["trace"].model_copy(update={"warnings": said})
    return plain.model_copy(update={"observations": {"trace": seen}})


def compared(*showing: Record) -> list[Answer]:
    steps = {place: Step(place=place, record=one, origin="run") for place, one in enumerate(showing)}
    return [answer for _, answer in sorted(judging.answers(question(), steps, len(showing)).items())]


def test_warnings_decide_only_where_nothing_else_does() -> None:
    """A deprecation that comes later is no third behaviour of an error that changed."""
    good, bad = Answer.GOOD, Answer.BAD
    old, new = warned("2.0.0", OLD), warned("2.1.0", NEW)
    deprecated = warned("2.2.0", NEW, "deprecated")
    assert compared(old, new, deprecated) == [good, bad, bad]
    assert compared(old, warned("2.1.0", OLD, "x"), new) == [good, good, bad]
    assert compared(new, new, deprecated) == [good, good, bad]
    assert compared(new, warned("2.1.0", NEW, "x"), deprecated) == [good, Answer.THIRD, bad]


def test_every_change_sees_warnings_too() -> None:
    said = [warned("2.0.0", OLD), warned("2.1.0", NEW), warned("2.2.0", NEW, "deprecated")]
    tested = tuple(Candidate(torch=one.cell.torch, build="cpu", python="3.11") for one in said)
    steps = tuple(Step(place=place, record=one, origin="recorded") for place, one in enumerate(said))
    state = State(question=question(every_change=True, grain=1), candidates=tested, steps=steps)
    outcome = bisection.run(state, lambda _: [], lambda *_: None)
    assert pairs(outcome) == [("2.0.0", "2.1.0"), ("2.1.0", "2.2.0")]


# --- nothing to go by --------------------------------------------------------------------------------------------


def test_ends_without_a_record_still_leave_every_change_between_to_find() -> None:
    outcome, _ = run(messages("2.7.0", _0=None, _11=None), question(observations=(), every_change=True, grain=1))
    assert pairs(outcome) == [("2.6.0", "2.7.0")]
    nothing, ran = run(dict.fromkeys(RELEASES, None), question(observations=(), every_change=True))
    assert (pairs(nothing), nothing.told, len(ran)) == ([], False, len(RELEASES))


def test_a_crash_at_the_import_that_comes_and_goes_is_flaky() -> None:
    crashed = Record(
        cell=record("2.0.0", OLD).cell,
        status="crashed",
        reason=Reason(stage="import", kind="signal", message="SIGSEGV"),
    )
    runs = [{record("2.0.0", OLD).cell.cell: one} for one in (crashed, record("2.0.0", OLD), crashed)]
    prober = probing.Prober(
        question=question(repeat=3),
        recorded=lambda _: None,
        run=lambda *_: {cell: fresh(one) for cell, one in runs.pop().items()},
        command=lambda *_: {},
        options=Options(),
    )
    (step,) = prober(wanted("2.0.0"))
    assert step.flaky == ("trace",)
