"""Bisections of synthetic results: answers, ends, third behaviours, bridges and warnings."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from scripts.bisect import bisection, bridges, judging
from scripts.bisect.model import Candidate, State, Step
from scripts.bisect.search import Answer, WrongEnds
from scripts.core.errors import UsageError
from scripts.records import model
from scripts.records.model import Reason, Record
from scripts.views.bisect import report
from tests.support.bisections import (
    NEW,
    OLD,
    RELEASES,
    messages,
    pairs,
    question,
    record,
    run,
)


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


def test_the_verdict_of_a_test() -> None:
    """Each verdict but a pass counts as bad, a skipped or missing test as no result."""
    asked = question(observations=("tests/test_x.py::test_y[a]",), expect="passed")
    assert asked.test == "tests/test_x.py::test_y[a]"
    outcomes: dict[str, bool | None] = dict.fromkeys(("failed", "error", "crashed", "timed-out"), False)
    for verdict, expected in {**outcomes, "passed": True, "skipped": None}.items():
        test = model.Test.model_validate({"outcome": verdict})
        step = Step(position=0, record=of_tests({"test_x.py::test_y[a]": test}), origin="run")
        assert judging.matches_options(asked, step, asked.observations[0]) is expected
    for tests, expected in (({"test_x.py": model.Test(outcome="error")}, False), ({}, None)):
        step = Step(position=0, record=of_tests(tests), origin="run")
        assert judging.matches_options(asked, step, asked.observations[0]) is expected
    assert judging.describe_step(step, asked.observations[0]) == "no test 'tests/test_x.py::test_y[a]'"


def of_tests(tests: dict[str, model.Test]) -> Record:
    return record("2.0.0", OLD).model_copy(update={"tests": tests})


def test_a_test_fails_where_no_file_can_be_collected() -> None:
    reason = Reason(stage="run", kind=model.COLLECTION_FAILED, message="No module named 'x'")
    broken = of_tests({}).model_copy(update={"status": "error", "reason": reason, "observations": {}})
    found = judging.observed(broken, "test_x.py::test_y")
    assert found is not None
    assert (found.outcome, found.message) == ("error", "No module named 'x'")
    assert judging.observed(broken, "trace") is None


def test_a_test_is_found_by_its_id_with_more_or_fewer_folders() -> None:
    tests = {name: model.Test(outcome="passed", message=name) for name in ("a/test_x.py::test", "b/test_x.py::test")}
    found = of_tests(tests)
    for name, expected in {
        "a/test_x.py::test": "a/test_x.py::test",
        "tests/torch/b/test_x.py::test": "b/test_x.py::test",
        "test_x.py::test": None,  # two match
        "xa/test_x.py::test": None,
        "a/test_x.py::tes": None,
    }.items():
        test = found.observed(name)
        assert (test and test.message) == expected, name


def test_an_unknown_test_is_answered_with_the_nearest() -> None:
    found = of_tests({"test_x.py::test_one": model.Test(outcome="passed")})
    with pytest.raises(UsageError, match=r"no test 'test_x.py::test_on' in .*; did you mean 'test_x.py::test_one'\?"):
        judging.check_name(found, "test_x.py::test_on")
    with pytest.raises(UsageError, match="it has 1 tests"):
        judging.check_name(found, "zzz.py::q")


def test_equal_verdicts_are_told() -> None:
    name = "test_trace.py::test_traceable"
    outcome, _ = run(messages("2.7.0"), question(observations=(name,), expect="passed"))
    assert "the test fails at both ends; --observation compares how" in report.text(outcome, 120)


def test_equal_or_unavailable_ends_are_reported_without_further_runs() -> None:
    outcome, ran = run(dict.fromkeys(RELEASES, OLD))
    assert outcome.wrong_ends == WrongEnds(first=Answer.GOOD, last=Answer.GOOD)
    assert len(ran) == 2
    outcome, ran = run(messages("2.7.0", _11=None))
    assert outcome.wrong_ends == WrongEnds(first=Answer.GOOD, last=Answer.SKIP)
    assert "an end has no usable result" in report.text(outcome, 120)


def test_a_third_behaviour_is_reported_and_counts_as_configured() -> None:
    by_release = messages("2.7.0", _5="something else", _6="something else")
    outcome, _ = run(by_release)
    assert pairs(outcome) == [("2.4.0", "2.7.0")]
    assert not outcome.certain
    assert [s.record.cell.torch for s in outcome.third if s.record] == ["2.5.0", "2.6.0"]
    shown = report.text(outcome, 120)
    assert "2.5.0 to 2.6.0 (2 candidates) neither: RuntimeError 'something else'; counted as skip" in shown
    assert "any of 2.5.0, 2.6.0, 2.7.0" in shown
    assert pairs(run(by_release, question(third="bad"))[0]) == [("2.4.0", "2.5.0")]
    assert pairs(run(by_release, question(third="good"))[0]) == [("2.6.0", "2.7.0")]


def test_unavailable_candidates_are_skipped_and_reported() -> None:
    outcome, _ = run(messages("2.7.0", _6=None))
    assert pairs(outcome) == [("2.5.0", "2.7.0")]
    assert "unavailable: no wheel" in report.text(outcome, 120)


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
    assert "fewer than 3 candidates" in report.text(outcome, 120)


def test_the_error_for_an_unknown_observation_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="trace, script, test_traceable"):
        run(messages("2.7.0"), question(observations=("tarce",)))


def test_a_test_can_be_searched_for() -> None:
    assert run(messages("2.7.0"), question(observations=("test_traceable",)))[0].wrong_ends is not None


# --- bridges ---------------------------------------------------------------------------------------------------------


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


# --- warnings --------------------------------------------------------------------------------------------------------


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


def test_changes_between_unavailable_ends_are_found() -> None:
    outcome, _ = run(messages("2.7.0", _0=None, _11=None), question(observations=(), every_change=True, grain=1))
    assert pairs(outcome) == [("2.6.0", "2.7.0")]
    unavailable, ran = run(dict.fromkeys(RELEASES, None), question(observations=(), every_change=True))
    assert (pairs(unavailable), unavailable.has_results, len(ran)) == ([], False, len(RELEASES))
