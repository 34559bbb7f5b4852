"""What differs between candidate and baseline, what it means by the policy, and the verdict."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.config.policy import CATEGORIES, Category
from scripts.matrix.config import Qualify
from scripts.qualify import comparing, verdict
from scripts.qualify.model import Finding, Lane
from scripts.qualify.verdict import Judgement
from scripts.results import records
from scripts.results.records import Observation, Record
from scripts.results.signature import Signature
from tests.support.lanes import blocked, failed, lane, new, raised, record, seen, warned

TODAY = dt.date(2026, 11, 24)


def judge(*lanes: Lane, today: dt.date = TODAY, **policy: Any) -> Judgement:
    return verdict.judge(lanes, Qualify.model_validate(policy), candidate="2.15.0", baseline="2.14.1", today=today)


def found(judgement: Judgement) -> list[tuple[str, str, str]]:
    return [(one.name, one.category, one.effect) for one in judgement.findings]


# --- categories -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "category"),
    [
        (Observation(outcome="returned"), raised("no"), "broken"),
        (raised("no"), Observation(outcome="returned"), "fixed"),
        (raised("no"), raised("never"), "different failure"),
        (Observation(outcome="returned"), warned("soon"), "warning added"),
        (warned("soon"), warned("soon", "builtins.FutureWarning"), "warning changed"),
        (warned("soon"), Observation(outcome="returned"), "warning gone"),
        (Observation(outcome="returned"), Observation(outcome="crashed", message="SIGSEGV"), "newly crashed"),
        (raised("no"), Observation(outcome="crashed", message="SIGSEGV"), "newly crashed"),
        (Observation(outcome="returned"), Observation(outcome="timed-out"), "newly hangs"),
        (Observation(outcome="crashed", message="SIGSEGV"), raised("no"), "different failure"),
        (Observation(outcome="crashed"), Observation(outcome="returned"), "fixed"),
        (Observation(outcome="returned"), Observation(outcome="skipped", why="no GPU"), "unavailable"),
        (Observation(outcome="skipped", why="no GPU"), raised("no"), "broken"),
        (Observation(outcome="skipped", why="no GPU"), Observation(outcome="returned"), "unavailable"),
        (Observation(outcome="returned", phase="a"), Observation(outcome="returned", phase="b"), "other behaviour"),
    ],
)
def test_every_change_has_its_category(before: Observation, after: Observation, category: str) -> None:
    judgement = judge(lane(record({"trace": before}), new({"trace": after})))
    assert [(name, said) for name, said, _ in found(judgement)] == [("trace", category)]
    assert judgement.findings[0].confirmed


def test_what_is_the_same_is_no_finding() -> None:
    both = {"trace": raised("no"), "script": warned("soon")}
    judgement = judge(lane(record(both), new(both)))
    assert (judgement.verdict, judgement.findings) == ("qualified", ())
    assert (judgement.compared[0].same, judgement.compared[0].changed) == (2, 0)
    assert judgement.because == ("1 of 1 cell compared",)


@pytest.mark.parametrize(
    ("after", "category"),
    [
        (failed("broken wheel", stage="download"), "broken"),
        (failed("hash mismatch", stage="download"), "broken"),
        (failed("wrong version"), "broken"),
        (failed("import failed"), "broken"),
        (failed("conflict among pins", stage="resolve"), "broken"),
        (failed("crashed by SIGSEGV", status="crashed"), "newly crashed"),
        (failed("timed out", status="timed-out"), "newly hangs"),
        (failed("timed out", status="timed-out", stage="run"), "newly hangs"),
    ],
)
def test_a_cell_that_fails_as_a_whole_is_one_finding(after: Record, category: str) -> None:
    judgement = judge(lane(record({"trace": raised("no"), "script": warned("soon")}), after))
    assert found(judgement) == [(comparing.WHOLE, category, "blocks")]
    assert judgement.verdict == "blocked"


@pytest.mark.parametrize(
    "after",
    [
        failed("no interpreter", status="unavailable", stage="interpreter"),
        failed("index unreachable", status="unavailable", stage="resolve"),
        failed("disk full", status="unavailable", stage="install"),
        failed("timed out", status="timed-out", stage="install"),
        failed("system error", stage="install"),
        failed("no probes", stage="run"),
    ],
)
def test_what_could_not_be_had_says_nothing_of_the_candidate(after: Record) -> None:
    judgement = judge(lane(record(), after))
    assert (judgement.verdict, judgement.findings) == ("inconclusive", ())
    assert (judgement.compared[0].problem or "").startswith("candidate: ")


def test_a_baseline_that_could_not_be_had_is_told() -> None:
    judgement = judge(lane(failed("no wheel", status="unavailable", stage="resolve"), new()))
    assert judgement.verdict == "inconclusive"
    assert judgement.compared[0].problem == "baseline: no wheel: so it is"


def test_both_failing_alike_is_nothing_compared() -> None:
    judgement = judge(lane(failed("import failed"), failed("import failed")))
    assert (judgement.verdict, judgement.findings) == ("inconclusive", ())
    assert judgement.compared[0].problem == "the baseline fails itself: import failed: so it is"


def test_a_candidate_that_can_be_imported_again_is_fixed() -> None:
    judgement = judge(lane(failed("import failed"), new()))
    assert found(judgement) == [(comparing.WHOLE, "fixed", "noted")]
    assert judgement.verdict == "inconclusive"  # there was nothing to compare its behaviour with


def test_the_same_wheel_on_both_sides_proves_nothing() -> None:
    judgement = judge(lane(record(sha256="a" * 64), new({"trace": raised("no")}, sha256="a" * 64)))
    assert (judgement.verdict, judgement.findings) == ("inconclusive", ())
    assert judgement.compared[0].problem == "candidate and baseline are the same wheel"


def test_a_test_is_told_by_its_observation_and_a_contract_test_by_itself() -> None:
    passed, down = records.Test(outcome="passed"), records.Test(outcome="crashed", message="SIGSEGV")
    made = Observation(outcome="returned", test="t.py::test_trace")
    before = record({"trace": made}, tests={"t.py::test_trace": passed, "t.py::test_contract": passed})
    after = new(
        {"trace": made.model_copy(update={"outcome": "crashed"})},
        tests={"t.py::test_trace": down, "t.py::test_contract": down},
    )
    assert [name for name, _, _ in found(judge(lane(before, after)))] == ["trace", "t.py::test_contract"]


def test_an_observation_that_its_test_took_along_is_told_by_the_test() -> None:
    made = Observation(outcome="returned", test="t.py::test_trace")
    before = record({"trace": made, "x": made}, tests={"t.py::test_trace": records.Test(outcome="passed")})
    after = new({"x": made}, tests={"t.py::test_trace": records.Test(outcome="timed-out")})
    assert found(judge(lane(before, after))) == [("trace", "newly hangs", "blocks")]


def test_a_new_test_in_error_is_broken_and_what_is_not_observed_is_said() -> None:
    after = new({}, tests={"test_trace.py": records.Test(outcome="error", message="no parametrize")})
    assert found(judge(lane(record(), after))) == [
        ("trace", "unavailable", "noted"),
        ("test_trace.py", "broken", "blocks"),
    ]


def test_what_is_blocked_by_a_change_follows_from_it() -> None:
    ok = Observation(outcome="returned")
    after = new({"script": raised("no"), "scripted-call": blocked("script")})
    judgement = judge(lane(record({"script": ok, "scripted-call": ok}), after))
    assert [(one.name, one.follows) for one in judgement.findings] == [("script", None), ("scripted-call", "script")]
    assert judgement.because[0] == "blocks: 1 broken"


# --- flaky ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unsteady", ["candidate", "baseline"])
def test_what_differs_from_itself_is_flaky_and_no_regression(unsteady: str) -> None:
    ok, bad = {"trace": Observation(outcome="returned")}, {"trace": raised("no")}
    if unsteady == "candidate":
        judgement = judge(lane(record(ok), [new(ok), new(bad)]))
    else:
        judgement = judge(lane([record(ok), record(bad)], new(bad)))
    assert found(judgement) == [("trace", "flaky", "warns")]
    assert judgement.verdict == "qualified with warnings"
    assert judgement.findings[0].change.startswith(f"in the {unsteady}: ")


def test_a_second_run_that_could_not_be_had_leaves_a_finding_unconfirmed() -> None:
    gone = failed("disk full", status="unavailable", stage="install")
    judgement = judge(lane([record(), gone], [new({"trace": raised("no")}), gone]))
    assert found(judgement) == [("trace", "broken", "blocks")]
    assert not judgement.findings[0].confirmed


def test_an_import_that_only_sometimes_crashes_is_flaky() -> None:
    judgement = judge(lane(record(), [new(), failed("crashed by SIGSEGV", status="crashed")]))
    assert found(judgement) == [(comparing.WHOLE, "flaky", "warns")]


# --- slow imports -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "slow"),
    [
        ([2.0, 2.2], [4.5, 4.2], True),
        ([2.0, 2.2], [9.0, 2.1], False),  # one slow run is the machine's
        ([2.0], [3.9], False),  # not twice as long
        ([0.1], [0.5], False),  # half a second is nobody's trouble
        ([None], [9.0], False),
    ],
)
def test_a_slow_import_must_be_slow_by_ratio_and_by_seconds(
    before: list[float | None], after: list[float | None], slow: bool
) -> None:
    plain = lane(None, None)
    sides = {
        "baseline": tuple(seen(record(), seconds=s) for s in before),
        "candidate": tuple(seen(new(), seconds=s) for s in after),
    }
    judgement = judge(plain.model_copy(update=sides))
    assert bool(found(judgement)) is slow
    if slow:
        assert found(judgement) == [(comparing.IMPORT_TIME, "newly slow to import", "warns")]
        assert judgement.findings[0].change == "2.0 s → 4.2 s, 2.1 times as long"
        assert not judgement.findings[0].confirmed  # first imports raise a suspicion


def test_imports_timed_in_turn_decide() -> None:
    sides = {"baseline": (seen(record(), seconds=2.0),), "candidate": (seen(new(), seconds=9.0),)}
    suspected = lane(None, None).model_copy(update=sides)
    assert judge(suspected.model_copy(update={"imports": (2.0, 2.1)})).findings == ()
    (finding,) = judge(suspected.model_copy(update={"imports": (2.0, 9.0)})).findings
    assert finding.confirmed


def test_times_of_two_machines_are_not_compared() -> None:
    sides = {
        "baseline": (seen(record(), seconds=1.0, machine="one"),),
        "candidate": (seen(new(), seconds=9.0, machine="two"),),
    }
    judgement = judge(lane(None, None).model_copy(update=sides))
    assert judgement.findings == ()
    assert judgement.compared[0].slower is None


# --- policy and verdict -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, "blocked"),
        ({"block": ["newly crashed"]}, "qualified"),
        ({"block": [], "warn": ["broken"]}, "qualified with warnings"),
        ({"warn": ["broken"]}, "qualified with warnings"),
        ({"enough": {"cells": 2}}, "blocked"),  # what blocks does so however little was compared
        ({"block": [], "enough": {"cells": 2}}, "inconclusive"),
        ({"block": [], "warn": [], "enough": {"share": 1.0}}, "qualified"),
    ],
)
def test_the_verdict_follows_from_the_policy(policy: dict[str, Any], expected: str) -> None:
    assert judge(lane(record(), new({"trace": raised("no")})), **policy).verdict == expected


def test_nothing_run_is_inconclusive() -> None:
    judgement = judge()
    assert judgement.verdict == "inconclusive"
    assert judgement.because == ("0 of 0 cells compared, and the policy wants 1 cell and 50% of all",)


def test_a_missing_wheel_is_a_finding_and_not_compared() -> None:
    judgement = judge(lane(record(), new()), lane(None, None, python="3.13", missing=True))
    assert found(judgement) == [(comparing.WHOLE, "missing wheel", "warns")]
    assert judgement.findings[0].lane == "cpu-py3.13"
    assert judgement.verdict == "qualified with warnings"
    assert judgement.because[-1] == "1 of 2 cells compared"


def test_too_small_a_share_is_inconclusive_and_still_tells_what_it_saw() -> None:
    gone = failed("no interpreter", status="unavailable", stage="interpreter")
    lanes = [lane(record(), gone, python=python) for python in ("3.12", "3.13", "3.14")]
    judgement = judge(lane(record(), new({"trace": warned("soon")})), *lanes)
    assert judgement.verdict == "inconclusive"
    assert judgement.because == (
        "1 of 4 cells compared, and the policy wants 1 cell and 50% of all",
        "warns: 1 warning added",
    )


# --- expected changes -------------------------------------------------------------------------------------------

EXPECTED = {
    "observation": "trace",
    "releases": ">=2.15",
    "from": "^returned",
    "to": "RuntimeError 'no",
    "reason": "decided so",
    "link": "https://example.org/1",
    "expires": "2027-01-01",
}


def test_an_expected_change_does_not_block() -> None:
    judgement = judge(lane(record(), new({"trace": raised("no")})), expected=[EXPECTED])
    assert found(judgement) == [("trace", "broken", "expected")]
    assert (judgement.findings[0].reason, judgement.findings[0].link) == ("decided so", "https://example.org/1")
    assert judgement.verdict == "qualified"
    assert [(one.status, one.lanes) for one in judgement.expectations] == [("happened", ("cpu-py3.11",))]


@pytest.mark.parametrize(
    "change",
    [{"to": "ValueError"}, {"from": "^raised"}, {"observation": "script"}, {"releases": ">=2.16"}],
    ids=lambda change: next(iter(change)),
)
def test_another_change_is_not_the_expected_one(change: dict[str, str]) -> None:
    both = {"script": raised("as ever")}
    before, after = record({"trace": Observation(outcome="returned"), **both}), new({"trace": raised("no"), **both})
    judgement = judge(lane(before, after), expected=[{**EXPECTED, **change}])
    assert ("trace", "broken", "blocks") in found(judgement)


def test_what_follows_from_an_expected_change_is_expected() -> None:
    ok = Observation(outcome="returned")
    after = new({"trace": raised("no"), "traced-call": blocked("trace")})
    judgement = judge(lane(record({"trace": ok, "traced-call": ok}), after), expected=[EXPECTED])
    assert [one.effect for one in judgement.findings] == ["expected", "expected"]


def test_an_expected_change_that_did_not_happen_is_reported_for_each_cell() -> None:
    lanes = [lane(record(), new({"trace": raised("no")})), lane(record(), new(), python="3.12")]
    judgement = judge(*lanes, expected=[EXPECTED])
    assert found(judgement) == [("trace", "broken", "expected"), ("trace", "expected change missing", "warns")]
    assert judgement.findings[1].lane == "cpu-py3.12"
    assert judgement.expectations[0].status == "did not happen"


def test_an_expectation_of_a_name_that_nobody_knows_did_not_happen() -> None:
    judgement = judge(lane(record(), new()), expected=[{**EXPECTED, "observation": "tracing"}])
    assert found(judgement) == [("tracing", "expected change missing", "warns")]


@pytest.mark.parametrize(
    ("releases", "status"), [(">=2.14", "not due"), (">=2.16", "not due"), (">=2.14.2", "did not happen")]
)
def test_a_change_is_due_where_it_is_new(releases: str, status: str) -> None:
    judgement = judge(lane(record(), new()), expected=[{**EXPECTED, "releases": releases}])
    assert [one.status for one in judgement.expectations] == [status]


@pytest.mark.parametrize("after", [raised("no"), Observation(outcome="returned")], ids=["happened", "didn't"])
def test_an_expired_expectation_excuses_nothing_and_is_reported(after: Observation) -> None:
    judgement = judge(lane(record(), new({"trace": after})), today=dt.date(2027, 1, 1), expected=[EXPECTED])
    assert ("trace", "expectation expired", "warns") in found(judgement)
    assert judgement.verdict == ("blocked" if after.outcome == "raised" else "qualified with warnings")
    assert "2027-01-01" in judgement.findings[-1].change


def test_what_could_not_be_seen_can_not_be_missing() -> None:
    gone = failed("no interpreter", status="unavailable", stage="interpreter")
    judgement = judge(lane(record(), gone), expected=[EXPECTED])
    assert [one.status for one in judgement.expectations] == ["could not be checked"]
    flaky = judge(lane(record(), [new(), new({"trace": raised("no")})]), expected=[EXPECTED])
    assert [one.status for one in flaky.expectations] == ["could not be checked"]


# --- pins -------------------------------------------------------------------------------------------------------

PINS = ("numpy<2",)


def test_a_change_with_and_without_a_pin_is_torch_s() -> None:
    broken = new({"trace": raised("no")})
    judgement = judge(lane(record(), broken), lane(record(), broken, pins=PINS))
    assert {one.attribution for one in judgement.findings} == {"torch, whatever the pins"}
    assert judgement.because == ("blocks: 1 broken", "1 of 1 cell compared")


def test_a_change_with_one_pin_only_is_of_both() -> None:
    judgement = judge(lane(record(), new()), lane(record(), new({"trace": raised("no")}), pins=PINS))
    assert [(one.lane, one.attribution) for one in judgement.findings] == [
        ("cpu-py3.11 with numpy<2", "torch together with a pin: only with numpy<2")
    ]


def test_a_finding_that_no_compared_lane_shows_is_attributed_to_nothing() -> None:
    tried = [lane(record(), new()), lane(record(), new(), pins=PINS)]
    assert verdict.attribution(tried, {"cpu-py3.12"}) is None


@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_attribution_that_says_only_with_names_pins(count: int) -> None:
    tried = [lane(record(), new(), pins=(f"numpy<{number}",) if number else ()) for number in range(count)]
    ids = [one.id for one in tried]
    for size in range(count + 1):
        for with_it in itertools.combinations(ids, size):
            text = verdict.attribution(tried, set(with_it))
            assert text is None or not text.endswith("only with ")


def test_what_a_pin_changes_on_both_sides_is_the_pin_s() -> None:
    other = {"trace": raised("no numpy")}
    judgement = judge(lane(record(), new()), lane(record(other), new(other), pins=PINS))
    assert judgement.findings == ()
    assert [(one.name, one.lane) for one in judgement.pin_effects] == [("trace", "cpu-py3.11 with numpy<2")]
    assert "returned → RuntimeError 'no numpy'" in judgement.pin_effects[0].change


# --- properties -------------------------------------------------------------------------------------------------

observations = st.one_of(
    st.just(Observation(outcome="returned")),
    st.sampled_from(["a", "b"]).map(raised),
    st.sampled_from(["a", "b"]).map(warned),
    st.sampled_from(["trace", "script"]).map(blocked),
    st.just(Observation(outcome="crashed", message="SIGSEGV")),
    st.just(Observation(outcome="timed-out")),
    st.just(Observation(outcome="skipped", why="so")),
)
tables = st.dictionaries(st.sampled_from(["trace", "script", "traced-call"]), observations)
befores = st.one_of(
    tables.map(record),
    st.just(failed("import failed")),
    st.just(failed("no wheel", status="unavailable", stage="resolve")),
    st.just(failed("crashed by SIGSEGV")),
)
afters = st.one_of(
    tables.map(new),
    st.just(failed("import failed")),
    st.just(failed("disk full", status="unavailable", stage="install")),
)
lanes_ = st.builds(
    lambda before, after, number: lane(before, after, python=f"3.{number}"),
    st.lists(befores, min_size=1, max_size=3),
    st.lists(afters, min_size=1, max_size=3),
    st.integers(8, 14),
)


@given(st.lists(lanes_, max_size=4, unique_by=lambda one: one.id))
def test_a_verdict_never_says_more_than_was_seen(lanes: list[Lane]) -> None:
    judgement = judge(*lanes)
    effects = {one.effect for one in judgement.findings}
    compared = [one for one in judgement.compared if one.problem is None]
    assert (judgement.verdict == "blocked") == ("blocks" in effects)
    if judgement.verdict in {"qualified", "qualified with warnings"}:
        assert compared
        assert len(compared) * 2 >= len(lanes)
        assert (judgement.verdict == "qualified") == ("warns" not in effects)
    spoken = [one for one in judgement.compared if one.problem is None or one.problem.startswith("the baseline fails")]
    assert {one.lane for one in judgement.findings} <= {one.lane for one in spoken}


@given(tables, st.integers(1, 3))
def test_nothing_differs_from_itself(table: dict[str, Observation], runs: int) -> None:
    assert comparing.changes(lane(record(table), new(table), runs=runs), Qualify().slow_import, 2) == []


@given(tables, tables)
def test_every_name_is_the_same_or_changed(before: dict[str, Observation], after: dict[str, Observation]) -> None:
    judgement = judge(lane(record(before), new(after)))
    (compared,) = judgement.compared
    differ = {name for name in before if name not in after or before[name] != after[name]}
    named = {one.name for one in judgement.findings}
    assert differ <= named <= {*before, *after}
    assert compared.same + compared.changed <= len({*before, *after})


@given(st.lists(st.sampled_from(CATEGORIES), unique=True), st.sampled_from(CATEGORIES))
def test_a_list_that_is_said_leaves_the_other_one_s_default(block: list[Category], one: Category) -> None:
    policy = Qualify.model_validate({"block": block})
    assert not set(policy.block) & set(policy.warn)
    assert (verdict.effect(one, policy) == "blocks") == (one in block)


@given(st.sampled_from(["returned", "raised", "crashed", "timed-out", "blocked"]), st.sampled_from(["a", "b", None]))
def test_categorising_is_none_for_nobody_but_always_a_category(outcome: str, message: str | None) -> None:
    values = [Signature(outcome=outcome, message=message), Signature(outcome="returned"), None]
    for old, new_ in itertools.permutations(values, 2):
        assert comparing.categorise(old, new_) in CATEGORIES


def test_findings_are_counted_once_for_all_cells_and_names() -> None:
    ok = Observation(outcome="returned")
    before, after = record({"a": ok, "b": ok}), new({"a": raised("no"), "b": raised("no")})
    judgement = judge(lane(before, after), lane(before, after, python="3.12"))
    assert len(judgement.findings) == 4
    assert judgement.because == ("blocks: 1 broken", "2 of 2 cells compared")


def test_alike_takes_returned_and_passed_for_one() -> None:
    one = Finding(lane="x", name="a", category="broken", effect="blocks", change="passed → no")
    assert verdict.alike(one) == verdict.alike(one.model_copy(update={"change": "returned → no"}))
