"""Reports, JSON and log of bisections of synthetic results."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import shlex
from collections.abc import Sequence

import pytest

from scripts.bisect import bisection, search
from scripts.bisect.bisection import Outcome
from scripts.bisect.model import Candidate, State, Step
from scripts.commands import bisect as command
from scripts.config import matrix_toml
from scripts.config import suite as suites
from scripts.explain.changes import Unexplained
from scripts.records import model
from scripts.views.bisect import json_report, log, report
from tests.support.bisections import (
    NEW,
    OLD,
    PLATFORM,
    RELEASES,
    messages,
    question,
    record,
    run,
    wanted,
)


def text(outcome: Outcome, width: int = 120) -> str:
    return report.text(outcome, width)


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
    suite = suites.named(matrix_toml.load())
    again = command._question(suite, options.parse_args(words[words.index("--") + 1 :]))
    assert again == query.model_copy(update={"suite": suite.name, "good": "2.3.0", "bad": "2.4.0"})


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
