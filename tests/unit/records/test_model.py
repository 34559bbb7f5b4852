"""Records as files: stable, whole, and refused where they are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.core.errors import SchemaError
from scripts.core.files import write_atomically
from scripts.index.torch_version import Torch
from scripts.records import model
from scripts.records.model import CellKey, FreshRecord, Observation, Reason, Record, Run, Store

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
def test_a_record_comes_back_from_its_text(record: Record) -> None:
    text = model.dump(record)
    assert model.parse(text, Record, "x") == record
    assert model.dump(model.parse(text, Record, "x")) == text
    assert list(record.observations) == list(model.parse(text, Record, "x").observations)


def test_what_is_accepted_says_nothing_of_the_run() -> None:
    fresh = FreshRecord(cell=KEY, status="recorded", run=RUN)
    assert type(fresh.accepted()) is Record
    assert model.dump(fresh.accepted()) == model.dump(Record(cell=KEY, status="recorded"))


def test_keys_that_say_nothing_are_left_out_but_those_at_the_top() -> None:
    data = json.loads(
        model.dump(Record(cell=KEY, status="recorded", observations={"a": Observation(outcome="returned")}))
    )
    assert list(data) == ["schema", "cell", "status", "reason", "wheel", "torch", "packages", "tests", "observations"]
    assert data["observations"] == {"a": {"outcome": "returned"}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "x.json: not JSON"),
        ("[]", "x.json: schema None, and this version reads schema 1"),
        ('{"schema": 2}', "x.json: schema 2, and this version reads schema 1"),
        ('{"schema": 1, "status": "recorded"}', "x.json: cell: Field required"),
        ('{"schema": 1, "nonsense": 1}', "x.json: "),
    ],
)
def test_what_is_no_record_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        model.parse(text, Record, "x.json")


@pytest.mark.parametrize(
    ("stage", "conclusive"),
    [("resolve", False), ("download", False), ("install", False), ("import", True), ("run", True)],
)
def test_a_record_is_conclusive_from_the_import_of_torch_on(stage: model.Stage, conclusive: bool) -> None:
    record = Record(cell=KEY, status="error", reason=Reason(stage=stage, kind="any", message="any"))
    assert record.is_conclusive is conclusive


def test_a_store_keeps_one_file_a_cell(tmp_path: Path) -> None:
    store = Store(tmp_path)
    record = Record(cell=KEY, status="recorded")
    assert store.at(store.path(KEY), Record) is None
    assert store.put(record) == tmp_path / "linux-x86_64" / "2.5.1-cpu-py3.11.json"
    store.put(record)
    assert store.read(Record) == [record]
    assert [path.name for path in (tmp_path / "linux-x86_64").iterdir()] == ["2.5.1-cpu-py3.11.json"]


def test_a_file_that_can_not_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
