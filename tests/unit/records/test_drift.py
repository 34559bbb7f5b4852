"""Drift: the differences between a fresh and an accepted record that count, and those that do not."""

from __future__ import annotations

import pytest

from scripts.records import drift
from scripts.records.model import Reason, Record
from tests.support.records import fresh, observed, raised, record, returned, unavailable

OLD = record("2.0.0", {"script": observed("A"), "trace": returned()})


def compared(current: Record, *accepted: Record) -> drift.Compared:
    return drift.compare([fresh(current)], accepted)


def test_equal_records_are_no_drift() -> None:
    assert compared(OLD, OLD) == drift.Compared(drift=(), new=())


@pytest.mark.parametrize(("letter", "kind"), [(".", "fixed"), ("B", "different failure"), ("w", "fixed")])
def test_another_signature_is_drift(letter: str, kind: str) -> None:
    (difference,) = compared(record("2.0.0", {"script": observed(letter), "trace": returned()}), OLD).drift
    assert (difference.name, difference.kind) == ("script", kind)
    assert difference.sentence.startswith(f"2.0.0-cpu-py3.11 script: {kind}: RuntimeError 'Failure A of the compiler.'")


def test_an_observation_that_is_gone_is_drift_and_a_new_one_is_not() -> None:
    (difference,) = compared(record("2.0.0", {"script": observed("A"), "freeze": observed("B")}), OLD).drift
    assert (difference.name, difference.kind, difference.fresh) == ("trace", "not observed any more", "nothing")


def test_a_new_cell_is_no_drift() -> None:
    found = compared(OLD)
    assert (found.drift, found.new) == ((), (OLD.cell,))


def test_an_unavailable_cell_is_no_drift() -> None:
    assert compared(unavailable("2.0.0"), OLD) == drift.Compared(drift=(), new=())


def test_a_crash_at_the_import_is_drift_of_the_cell() -> None:
    reason = Reason(stage="import", kind="crash", message="SIGSEGV")
    crashed = Record(cell=OLD.cell, status="crashed", reason=reason, wheel=OLD.wheel)
    (difference,) = compared(crashed, OLD).drift
    assert (difference.name, difference.kind) == (None, "status")
    assert difference.sentence == "2.0.0-cpu-py3.11: status: recorded → crashed (import: crash; SIGSEGV)"
    aborted = crashed.model_copy(update={"reason": Reason(stage="import", kind="crash", message="SIGABRT")})
    (change,) = compared(aborted, crashed).drift
    assert change.kind == "reason"


def test_another_wheel_with_the_same_behaviour_is_no_drift() -> None:
    assert OLD.wheel
    rebuilt = OLD.model_copy(update={"wheel": OLD.wheel.model_copy(update={"sha256": "0" * 64})})
    assert compared(rebuilt, OLD) == drift.Compared(drift=(), new=())


def test_platforms_are_compared_separately() -> None:
    macos = record("2.0.0", {"script": observed("A")}, platform="macos-arm64")
    assert compared(macos, OLD).new == (macos.cell,)


def test_the_latest_of_two_records_of_a_cell_counts() -> None:
    broken = record("2.0.0", {"script": raised("new"), "trace": returned()})
    both = [fresh(OLD, recorded_at="2026-01-02T00:00:00+00:00"), fresh(broken, recorded_at="2026-01-01T00:00:00+00:00")]
    assert drift.compare(both, [OLD]).drift == ()
