"""Accepting records: new, changed and unchanged results, and records that are not accepted."""

from __future__ import annotations

from pathlib import Path

from scripts.records.accept import accept, latest
from scripts.records.model import CellKey, FreshRecord, Observation, Reason, Record, Run
from scripts.records.store import Store


def fresh(
    torch: str = "2.5.1",
    *,
    requested: str = "cpu",
    at: str = "2026-01-01",
    outcome: str = "returned",
    platform: str = "linux",
) -> FreshRecord:
    return FreshRecord.model_validate(
        {
            "schema": 2,
            "cell": {"torch": torch, "build": "cu124", "python": "3.11", "platform": platform},
            "status": "recorded",
            "torch": {"version": torch},
            "observations": {"trace": {"outcome": outcome}},
            "run": {"asked": f"{torch}-{requested}-py3.11", "inputs": "0", "recorded_at": at, "machine": "any"},
        }
    )


def test_new_same_and_changed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert [result.change for result in accept([fresh()], store)] == ["new"]
    assert [result.change for result in accept([fresh(at="2026-01-02")], store)] == ["same"]
    assert [result.change for result in accept([fresh(outcome="raised")], store)] == ["changed"]
    assert store.read(Record) == [fresh(outcome="raised").accepted()]


def test_a_record_is_accepted_under_the_tested_cell(tmp_path: Path) -> None:
    (result,) = accept([fresh(requested="cpu")], Store(tmp_path))
    assert result.path.name == "2.5.1-cu124-py3.11.json"


def test_of_two_records_of_one_cell_the_later_is_accepted(tmp_path: Path) -> None:
    earlier, later = (
        fresh(requested="cpu", at="2026-01-01"),
        fresh(requested="cu124", at="2026-01-02", outcome="raised"),
    )
    assert latest([later, earlier]) == [later]
    (result,) = accept([later, earlier], Store(tmp_path))
    assert Store(tmp_path).load(result.path, Record) == later.accepted()


def test_platforms_have_separate_results(tmp_path: Path) -> None:
    accept([fresh(), fresh(platform="macos")], Store(tmp_path))
    assert len(Store(tmp_path).read(Record)) == 2


def test_an_unavailable_cell_is_not_accepted(tmp_path: Path) -> None:
    run = Run(asked="2.5.1-cpu-py3.11", inputs="0", recorded_at="2026-01-03", machine="any")
    key = CellKey(torch="2.5.1", build="cu124", python="3.11", platform="linux")
    reason = Reason(stage="resolve", kind="no wheel", message="none")
    accept([fresh()], Store(tmp_path))
    assert accept([FreshRecord(cell=key, status="unavailable", reason=reason, run=run)], Store(tmp_path)) == []
    assert Store(tmp_path).read(Record)[0].observations == {"trace": Observation(outcome="returned")}
