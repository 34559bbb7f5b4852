"""What becomes an accepted result."""

from __future__ import annotations

from pathlib import Path

from scripts.records.accept import accept, latest
from scripts.records.model import CellKey, FreshRecord, Observation, Reason, Record, Run
from scripts.records.store import Store


def fresh(
    torch: str = "2.5.1",
    *,
    asked: str = "cpu",
    at: str = "2026-01-01",
    outcome: str = "returned",
    platform: str = "linux",
) -> FreshRecord:
    return FreshRecord.model_validate(
        {
            "schema": 1,
            "cell": {"torch": torch, "build": "cu124", "python": "3.11", "platform": platform},
            "status": "recorded",
            "torch": {"version": torch},
            "observations": {"trace": {"outcome": outcome}},
            "run": {"asked": f"{torch}-{asked}-py3.11", "inputs": "0", "recorded_at": at, "machine": "any"},
        }
    )


def test_new_same_and_changed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert [one.change for one in accept([fresh()], store)] == ["new"]
    assert [one.change for one in accept([fresh(at="2026-01-02")], store)] == ["same"]
    assert [one.change for one in accept([fresh(outcome="raised")], store)] == ["changed"]
    assert store.read(Record) == [fresh(outcome="raised").accepted()]


def test_a_cell_is_accepted_as_what_was_tested(tmp_path: Path) -> None:
    (one,) = accept([fresh(asked="cpu")], Store(tmp_path))
    assert one.path.name == "2.5.1-cu124-py3.11.json"


def test_of_two_records_of_one_cell_the_later_counts(tmp_path: Path) -> None:
    earlier, later = fresh(asked="cpu", at="2026-01-01"), fresh(asked="cu124", at="2026-01-02", outcome="raised")
    assert latest([later, earlier]) == [later]
    (one,) = accept([later, earlier], Store(tmp_path))
    assert Store(tmp_path).load(one.path, Record) == later.accepted()


def test_platforms_are_kept_apart(tmp_path: Path) -> None:
    accept([fresh(), fresh(platform="macos")], Store(tmp_path))
    assert len(Store(tmp_path).read(Record)) == 2


def test_what_could_not_be_had_is_not_accepted(tmp_path: Path) -> None:
    run = Run(asked="2.5.1-cpu-py3.11", inputs="0", recorded_at="2026-01-03", machine="any")
    key = CellKey(torch="2.5.1", build="cu124", python="3.11", platform="linux")
    reason = Reason(stage="resolve", kind="no wheel", message="none")
    accept([fresh()], Store(tmp_path))
    assert accept([FreshRecord(cell=key, status="unavailable", reason=reason, run=run)], Store(tmp_path)) == []
    assert Store(tmp_path).read(Record)[0].observations == {"trace": Observation(outcome="returned")}
