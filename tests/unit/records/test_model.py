"""Records as files: reproducible, complete, and refused if invalid."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.core.errors import SchemaError
from scripts.core.files import write_atomically
from scripts.index.torch_version import Torch
from scripts.records import model, store
from scripts.records.model import CellKey, FreshRecord, Observation, Reason, Record, Run
from scripts.records.store import Store

KEY = CellKey(torch="2.5.1", build="cpu", python="3.11", platform="linux-x86_64")
RUN = Run(asked="2.5.1-cpu-py3.11", inputs="0", recorded_at="2026-01-01T00:00:00+00:00", machine="any")

texts = st.text(st.characters(exclude_categories=["Cs"]))
observations = st.builds(Observation, outcome=st.just("raised"), exception=texts, message=texts, phase=texts)
made = st.builds(
    Record,
    cell=st.just(KEY),
    status=st.just("recorded"),
    torch=st.builds(Torch, version=texts, git_version=texts | st.none()),
    packages=st.dictionaries(texts, texts, max_size=3),
    observations=st.dictionaries(texts, observations, max_size=3),
)


@given(made)
def test_a_record_survives_a_round_trip(record: Record) -> None:
    text = store.dump(record)
    assert store.parse(text, Record, "x") == record
    assert store.dump(store.parse(text, Record, "x")) == text
    assert list(record.observations) == list(store.parse(text, Record, "x").observations)


def test_the_accepted_part_has_no_properties_of_the_run() -> None:
    fresh = FreshRecord(cell=KEY, status="recorded", run=RUN)
    assert type(fresh.accepted()) is Record
    assert store.dump(fresh.accepted()) == store.dump(Record(cell=KEY, status="recorded"))


def test_default_values_are_left_out_below_the_top_level() -> None:
    data = json.loads(
        store.dump(Record(cell=KEY, status="recorded", observations={"a": Observation(outcome="returned")}))
    )
    assert list(data) == ["schema", "cell", "status", "reason", "wheel", "torch", "packages", "tests", "observations"]
    assert data["observations"] == {"a": {"outcome": "returned"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "x.json: invalid record: not JSON"),
        ("[]", "x.json: invalid record: no schema number; this version reads schema 2"),
        ('{"schema": 3}', "x.json: invalid record: unknown schema 3; this version reads schema 2"),
        ('{"schema": 1, "status": "recorded"}', "x.json: invalid record: cell: Field required"),
        ('{"schema": 1, "nonsense": 1}', "x.json: invalid record: "),
    ],
)
def test_an_invalid_record_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        store.parse(text, Record, "x.json")


@pytest.mark.parametrize(
    ("stage", "conclusive"),
    [("resolve", False), ("download", False), ("install", False), ("import", True), ("run", True)],
)
def test_a_record_is_conclusive_from_the_import_of_torch_on(stage: model.Stage, conclusive: bool) -> None:
    record = Record(cell=KEY, status="error", reason=Reason(stage=stage, kind="any", message="any"))
    assert record.is_conclusive is conclusive


def test_a_store_has_one_file_per_cell(tmp_path: Path) -> None:
    folder = Store(tmp_path)
    record = Record(cell=KEY, status="recorded")
    assert folder.load(folder.path(KEY), Record) is None
    assert folder.save(record) == tmp_path / "linux-x86_64" / "2.5.1-cpu-py3.11.json"
    folder.save(record)
    assert folder.read(Record) == [record]
    assert [path.name for path in (tmp_path / "linux-x86_64").iterdir()] == ["2.5.1-cpu-py3.11.json"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
