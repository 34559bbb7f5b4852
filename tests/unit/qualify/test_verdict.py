"""Differences between candidate and baseline, their effects by the policy, and the verdict."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.config.model import Qualify
from scripts.config.policy import CATEGORIES, Category
from scripts.qualify import comparing, verdict
from scripts.qualify.model import CellPair, Finding
from scripts.qualify.verdict import Judgement
from scripts.records import model
from scripts.records.model import Observation, Record
from scripts.records.signature import Signature
from tests.support.pairs import RETURNED, blocked, failed, new, pair, raised, record, sample, unavailable, warned

TODAY = dt.date(2026, 11, 24)


def judge(*pairs: CellPair, today: dt.date = TODAY, **policy: Any) -> Judgement:
    return verdict.judge(pairs, Qualify.model_validate(policy), candidate="2.15.0", baseline="2.14.1", today=today)


def found(judgement: Judgement) -> list[tuple[str, str, str]]:
    return [(finding.name, finding.category, finding.effect) for finding in judgement.findings]


# --- categories ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "category"),
    [
        (RETURNED, raised("no"), "broken"),
        (raised("no"), RETURNED, "fixed"),
        (raised("no"), raised("never"), "different failure"),
        (RETURNED, warned("soon"), "warning added"),
        (warned("soon"), warned("soon", "builtins.FutureWarning"), "warning changed"),
        (warned("soon"), RETURNED, "warning gone"),
        (RETURNED, Observation(outcome="crashed", message="SIGSEGV"), "newly crashed"),
        (raised("no"), Observation(outcome="crashed", message="SIGSEGV"), "newly crashed"),
        (RETURNED, Observation(outcome="timed-out"), "newly hangs"),
        (Observation(outcome="crashed", message="SIGSEGV"), raised("no"), "different failure"),
        (Observation(outcome="crashed"), RETURNED, "fixed"),
        (RETURNED, Observation(outcome="skipped", why="no GPU"), "unavailable"),
        (Observation(outcome="skipped", why="no GPU"), raised("no"), "broken"),
        (Observation(outcome="skipped", why="no GPU"), RETURNED, "unavailable"),
        (Observation(outcome="returned", phase="a"), Observation(outcome="returned", phase="b"), "other behaviour"),
    ],
)
def test_every_change_has_its_category(before: Observation, after: Observation, category: str) -> None:
    judgement = judge(pair(record({"trace": before}), new({"trace": after})))
    assert [(name, found_category) for name, found_category, _ in found(judgement)] == [("trace", category)]
    assert judgement.findings[0].confirmed


def test_what_is_the_same_is_no_finding() -> None:
    both = {"trace": raised("no"), "script": warned("soon")}
    judgement = judge(pair(record(both), new(both)))
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
def test_a_cell_that_fails_to_install_or_import_is_one_finding(after: Record, category: str) -> None:
    judgement = judge(pair(record({"trace": raised("no"), "script": warned("soon")}), after))
    assert found(judgement) == [(comparing.INSTALL_AND_IMPORT, category, "blocks")]
    assert judgement.verdict == "blocked"


@pytest.mark.parametrize(
    "after",
    [
        unavailable(),
        unavailable("index unreachable", "resolve"),
        unavailable("disk full", "install"),
        failed("timed out", status="timed-out", stage="install"),
        failed("system error", stage="install"),
        failed("no probes", stage="run"),
    ],
)
def test_failures_outside_torch_are_inconclusive(after: Record) -> None:
    judgement = judge(pair(record(), after))
    assert (judgement.verdict, judgement.findings) == ("inconclusive", ())
    assert (judgement.compared[0].problem or "").startswith("candidate: ")


def test_an_unavailable_baseline_is_reported() -> None:
    judgement = judge(pair(unavailable("no wheel", "resolve"), new()))
    assert judgement.verdict == "inconclusive"
    assert judgement.compared[0].problem == "baseline: no wheel: details"


def test_two_sides_that_fail_alike_are_not_compared() -> None:
    judgement = judge(pair(failed("import failed"), failed("import failed")))
    assert (judgement.verdict, judgement.findings) == ("inconclusive", ())
    assert judgement.compared[0].problem == "the baseline itself fails: import failed: details"


def test_a_candidate_that_can_be_imported_again_is_fixed() -> None:
    judgement = judge(pair(failed("import failed"), new()))
    assert found(judgement) == [(comparing.INSTALL_AND_IMPORT, "fixed", "noted")]
    assert judgement.verdict == "inconclusive"  # its behaviour had nothing to be compared with


def test_the_same_wheel_on_both_sides_proves_nothing() -> None:
    judgement = judge(pair(record(sha256="a" * 64), new({"trace": raised("no")}, sha256="a" * 64)))
    assert (judgement.verdict, judgement.findings) == ("inconclusive", ())
    assert judgement.compared[0].problem == "candidate and baseline are the same wheel"


def test_a_test_with_an_observation_is_reported_by_that_and_a_contract_test_by_its_verdict() -> None:
    passed, crashed = model.Test(outcome="passed"), model.Test(outcome="crashed", message="SIGSEGV")
    made = Observation(outcome="returned", test="t.py::test_trace")
    before = record({"trace": made}, tests={"t.py::test_trace": passed, "t.py::test_contract": passed})
    after = new(
        {"trace": made.model_copy(update={"outcome": "crashed"})},
        tests={"t.py::test_trace": crashed, "t.py::test_contract": crashed},
    )
    assert [name for name, _, _ in found(judge(pair(before, after)))] == ["trace", "t.py::test_contract"]


def test_an_observation_that_is_missing_since_its_test_failed_has_the_test_s_outcome() -> None:
    made = Observation(outcome="returned", test="t.py::test_trace")
    before = record({"trace": made, "x": made}, tests={"t.py::test_trace": model.Test(outcome="passed")})
    after = new({"x": made}, tests={"t.py::test_trace": model.Test(outcome="timed-out")})
    assert found(judge(pair(before, after))) == [("trace", "newly hangs", "blocks")]


def test_a_new_test_in_error_is_broken_and_missing_observations_are_noted() -> None:
    after = new({}, tests={"test_trace.py": model.Test(outcome="error", message="no parametrize")})
    assert found(judge(pair(record(), after))) == [
        ("trace", "unavailable", "noted"),
        ("test_trace.py", "broken", "blocks"),
    ]


def test_what_is_blocked_by_a_change_follows_from_it() -> None:
    after = new({"script": raised("no"), "scripted-call": blocked("script")})
    judgement = judge(pair(record({"script": RETURNED, "scripted-call": RETURNED}), after))
    assert [(finding.name, finding.follows) for finding in judgement.findings] == [
        ("script", None),
        ("scripted-call", "script"),
    ]
    assert judgement.because[0] == "blocks: 1 broken"


# --- flaky --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flaky", ["candidate", "baseline"])
def test_what_differs_between_runs_of_one_side_is_flaky_and_no_regression(flaky: str) -> None:
    good, bad = {"trace": RETURNED}, {"trace": raised("no")}
    if flaky == "candidate":
        judgement = judge(pair(record(good), [new(good), new(bad)]))
    else:
        judgement = judge(pair([record(good), record(bad)], new(bad)))
    assert found(judgement) == [("trace", "flaky", "warns")]
    assert judgement.verdict == "qualified with warnings"
    assert judgement.findings[0].change.startswith(f"varies in the {flaky}: ")


def test_an_unavailable_second_run_leaves_a_finding_unconfirmed() -> None:
    full = unavailable("disk full", "install")
    judgement = judge(pair([record(), full], [new({"trace": raised("no")}), full]))
    assert found(judgement) == [("trace", "broken", "blocks")]
    assert not judgement.findings[0].confirmed


def test_an_import_that_only_sometimes_crashes_is_flaky() -> None:
    judgement = judge(pair(record(), [new(), failed("crashed by SIGSEGV", status="crashed")]))
    assert found(judgement) == [(comparing.INSTALL_AND_IMPORT, "flaky", "warns")]


# --- slow imports -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "slow"),
    [
        ([2.0, 2.2], [4.5, 4.2], True),
        ([2.0, 2.2], [9.0, 2.1], False),  # a single slow run may be due to the machine
        ([2.0], [3.9], False),  # not twice as long
        ([0.1], [0.5], False),  # less than a second longer
        ([None], [9.0], False),
    ],
)
def test_a_slow_import_exceeds_both_limits(before: list[float | None], after: list[float | None], slow: bool) -> None:
    sides = {
        "baseline": tuple(sample(record(), seconds=s) for s in before),
        "candidate": tuple(sample(new(), seconds=s) for s in after),
    }
    judgement = judge(pair(None, None).model_copy(update=sides))
    assert bool(found(judgement)) is slow
    if slow:
        assert found(judgement) == [(comparing.IMPORT_TIME, "newly slow to import", "warns")]
        assert judgement.findings[0].change == "2.0 s → 4.2 s, 2.1 times as long"
        assert not judgement.findings[0].confirmed  # first imports only raise a suspicion


def test_alternately_timed_imports_decide() -> None:
    sides = {"baseline": (sample(record(), seconds=2.0),), "candidate": (sample(new(), seconds=9.0),)}
    suspected = pair(None, None).model_copy(update=sides)
    assert judge(suspected.model_copy(update={"imports": (2.0, 2.1)})).findings == ()
    (finding,) = judge(suspected.model_copy(update={"imports": (2.0, 9.0)})).findings
    assert finding.confirmed


def test_times_of_two_machines_are_not_compared() -> None:
    sides = {
        "baseline": (sample(record(), seconds=1.0, machine="one"),),
        "candidate": (sample(new(), seconds=9.0, machine="two"),),
    }
    judgement = judge(pair(None, None).model_copy(update=sides))
    assert judgement.findings == ()
    assert judgement.compared[0].slower is None


# --- policy and verdict -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, "blocked"),
        ({"block": ["newly crashed"]}, "qualified"),
        ({"block": [], "warn": ["broken"]}, "qualified with warnings"),
        ({"warn": ["broken"]}, "qualified with warnings"),
        ({"enough": {"cells": 2}}, "blocked"),  # a blocking finding decides, however little was compared
        ({"block": [], "enough": {"cells": 2}}, "inconclusive"),
        ({"block": [], "warn": [], "enough": {"share": 1.0}}, "qualified"),
    ],
)
def test_the_verdict_follows_from_the_policy(policy: dict[str, Any], expected: str) -> None:
    assert judge(pair(record(), new({"trace": raised("no")})), **policy).verdict == expected


def test_nothing_run_is_inconclusive() -> None:
    judgement = judge()
    assert judgement.verdict == "inconclusive"
    assert judgement.because == ("0 of 0 cells compared, but the policy requires 1 cell and 50% of all",)


def test_a_missing_wheel_is_a_finding_and_not_compared() -> None:
    judgement = judge(pair(record(), new()), pair(None, None, python="3.13", missing=True))
    assert found(judgement) == [(comparing.INSTALL_AND_IMPORT, "missing wheel", "warns")]
    assert judgement.findings[0].pair == "cpu-py3.13"
    assert judgement.verdict == "qualified with warnings"
    assert judgement.because[-1] == "1 of 2 cells compared"


def test_too_small_a_share_is_inconclusive_and_findings_are_still_reported() -> None:
    pairs = [pair(record(), unavailable(), python=python) for python in ("3.12", "3.13", "3.14")]
    judgement = judge(pair(record(), new({"trace": warned("soon")})), *pairs)
    assert judgement.verdict == "inconclusive"
    assert judgement.because == (
        "1 of 4 cells compared, but the policy requires 1 cell and 50% of all",
        "warns: 1 warning added",
    )


# --- expected changes ---------------------------------------------------------------------------------------------

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
    judgement = judge(pair(record(), new({"trace": raised("no")})), expected=[EXPECTED])
    assert found(judgement) == [("trace", "broken", "expected")]
    assert (judgement.findings[0].reason, judgement.findings[0].link) == ("decided so", "https://example.org/1")
    assert judgement.verdict == "qualified"
    assert [(outcome.status, outcome.pairs) for outcome in judgement.expectations] == [("happened", ("cpu-py3.11",))]


@pytest.mark.parametrize(
    "change",
    [{"to": "ValueError"}, {"from": "^raised"}, {"observation": "script"}, {"releases": ">=2.16"}],
    ids=lambda change: next(iter(change)),
)
def test_another_change_is_not_the_expected_one(change: dict[str, str]) -> None:
    both = {"script": raised("as ever")}
    before, after = record({"trace": RETURNED, **both}), new({"trace": raised("no"), **both})
    judgement = judge(pair(before, after), expected=[{**EXPECTED, **change}])
    assert ("trace", "broken", "blocks") in found(judgement)


def test_what_follows_from_an_expected_change_is_expected() -> None:
    after = new({"trace": raised("no"), "traced-call": blocked("trace")})
    judgement = judge(pair(record({"trace": RETURNED, "traced-call": RETURNED}), after), expected=[EXPECTED])
    assert [finding.effect for finding in judgement.findings] == ["expected", "expected"]


def test_an_expected_change_that_did_not_happen_is_reported_for_each_cell() -> None:
    pairs = [pair(record(), new({"trace": raised("no")})), pair(record(), new(), python="3.12")]
    judgement = judge(*pairs, expected=[EXPECTED])
    assert found(judgement) == [("trace", "broken", "expected"), ("trace", "expected change missing", "warns")]
    assert judgement.findings[1].pair == "cpu-py3.12"
    assert judgement.expectations[0].status == "did not happen"


def test_an_expectation_of_an_unknown_name_did_not_happen() -> None:
    judgement = judge(pair(record(), new()), expected=[{**EXPECTED, "observation": "tracing"}])
    assert found(judgement) == [("tracing", "expected change missing", "warns")]


@pytest.mark.parametrize(
    ("releases", "status"), [(">=2.14", "not due"), (">=2.16", "not due"), (">=2.14.2", "did not happen")]
)
def test_a_change_is_due_where_it_is_new(releases: str, status: str) -> None:
    judgement = judge(pair(record(), new()), expected=[{**EXPECTED, "releases": releases}])
    assert [outcome.status for outcome in judgement.expectations] == [status]


@pytest.mark.parametrize("after", [raised("no"), RETURNED], ids=["happened", "did not"])
def test_an_expired_expectation_allows_nothing_and_is_reported(after: Observation) -> None:
    judgement = judge(pair(record(), new({"trace": after})), today=dt.date(2027, 1, 1), expected=[EXPECTED])
    assert ("trace", "expectation expired", "warns") in found(judgement)
    assert judgement.verdict == ("blocked" if after.outcome == "raised" else "qualified with warnings")
    assert "2027-01-01" in judgement.findings[-1].change


def test_what_could_not_be_observed_cannot_be_missing() -> None:
    judgement = judge(pair(record(), unavailable()), expected=[EXPECTED])
    assert [outcome.status for outcome in judgement.expectations] == ["could not be checked"]
    flaky = judge(pair(record(), [new(), new({"trace": raised("no")})]), expected=[EXPECTED])
    assert [outcome.status for outcome in flaky.expectations] == ["could not be checked"]


# --- pins ---------------------------------------------------------------------------------------------------------

PINS = ("numpy<2",)


def test_a_change_with_any_pins_is_attributed_to_torch() -> None:
    broken = new({"trace": raised("no")})
    judgement = judge(pair(record(), broken), pair(record(), broken, pins=PINS))
    assert {finding.attribution for finding in judgement.findings} == {"torch, with any of the pins"}
    assert judgement.because == ("blocks: 1 broken", "1 of 1 cell compared")


def test_a_change_with_one_pin_only_is_attributed_to_both() -> None:
    judgement = judge(pair(record(), new()), pair(record(), new({"trace": raised("no")}), pins=PINS))
    assert [(finding.pair, finding.attribution) for finding in judgement.findings] == [
        ("cpu-py3.11 with numpy<2", "torch together with a pin: only with numpy<2")
    ]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_attribution_that_says_only_with_names_pins(count: int) -> None:
    pairs = [pair(record(), new(), pins=(f"numpy<{number}",) if number else ()) for number in range(count)]
    for size in range(count + 1):
        for showing in itertools.combinations([cells.id for cells in pairs], size):
            text = verdict.attribution(pairs, set(showing))
            assert text is None or not text.endswith("only with ")


def test_what_a_pin_changes_on_both_sides_is_attributed_to_the_pin() -> None:
    without = {"trace": raised("no numpy")}
    judgement = judge(pair(record(), new()), pair(record(without), new(without), pins=PINS))
    assert judgement.findings == ()
    assert [(effect.name, effect.pair) for effect in judgement.pin_effects] == [("trace", "cpu-py3.11 with numpy<2")]
    assert "returned → RuntimeError 'no numpy'" in judgement.pin_effects[0].change


def test_a_change_that_no_compared_cell_shows_is_attributed_to_nothing() -> None:
    pairs = [pair(record(), new()), pair(record(), new(), pins=PINS)]
    assert verdict.attribution(pairs, {"cpu-py3.12"}) is None


# --- properties ---------------------------------------------------------------------------------------------------

observations = st.one_of(
    st.just(RETURNED),
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
    st.just(unavailable("no wheel", "resolve")),
    st.just(failed("crashed by SIGSEGV")),
)
afters = st.one_of(
    tables.map(new),
    st.just(failed("import failed")),
    st.just(unavailable("disk full", "install")),
)
cell_pairs = st.builds(
    lambda before, after, number: pair(before, after, python=f"3.{number}"),
    st.lists(befores, min_size=1, max_size=3),
    st.lists(afters, min_size=1, max_size=3),
    st.integers(8, 14),
)


@given(st.lists(cell_pairs, max_size=4, unique_by=lambda pair: pair.id))
def test_a_verdict_never_claims_more_than_was_observed(pairs: list[CellPair]) -> None:
    judgement = judge(*pairs)
    effects = {finding.effect for finding in judgement.findings}
    compared = {summary.pair for summary in judgement.compared if summary.problem is None}
    assert (judgement.verdict == "blocked") == ("blocks" in effects)
    if judgement.verdict in {"qualified", "qualified with warnings"}:
        assert compared
        assert len(compared) * 2 >= len(pairs)
        assert (judgement.verdict == "qualified") == ("warns" not in effects)
    failing = {s.pair for s in judgement.compared if s.problem and s.problem.startswith("the baseline itself fails")}
    assert {finding.pair for finding in judgement.findings} <= compared | failing


@given(tables, st.integers(1, 3))
def test_equal_sides_do_not_differ(table: dict[str, Observation], runs: int) -> None:
    assert comparing.findings(pair(record(table), new(table), runs=runs), Qualify()) == []


@given(tables, tables)
def test_every_name_is_the_same_or_changed(before: dict[str, Observation], after: dict[str, Observation]) -> None:
    judgement = judge(pair(record(before), new(after)))
    (compared,) = judgement.compared
    differ = {name for name in before if name not in after or before[name] != after[name]}
    named = {finding.name for finding in judgement.findings}
    assert differ <= named <= {*before, *after}
    assert compared.same + compared.changed <= len({*before, *after})


@given(st.lists(st.sampled_from(CATEGORIES), unique=True), st.sampled_from(CATEGORIES))
def test_a_category_listed_in_block_is_not_in_the_default_of_warn(block: list[Category], category: Category) -> None:
    policy = Qualify.model_validate({"block": block})
    assert not set(policy.block) & set(policy.warn)
    assert (comparing.effect(category, policy) == "blocks") == (category in block)


@given(st.sampled_from(["returned", "raised", "crashed", "timed-out", "blocked"]), st.sampled_from(["a", "b", None]))
def test_every_pair_of_signatures_has_a_category(outcome: str, message: str | None) -> None:
    values = [Signature(outcome=outcome, message=message), Signature(outcome="returned"), None]
    for before, after in itertools.permutations(values, 2):
        assert comparing.categorise(before, after) in CATEGORIES


def test_a_change_counts_once_for_all_cells_and_names() -> None:
    before, after = record({"a": RETURNED, "b": RETURNED}), new({"a": raised("no"), "b": raised("no")})
    judgement = judge(pair(before, after), pair(before, after, python="3.12"))
    assert len(judgement.findings) == 4
    assert judgement.because == ("blocks: 1 broken", "2 of 2 cells compared")


def test_passed_and_returned_are_the_same_change() -> None:
    passed = Finding(pair="x", name="a", category="broken", effect="blocks", change="passed → no")
    returned = passed.model_copy(update={"change": "returned → no"})
    assert verdict.change_key(passed) == verdict.change_key(returned)
