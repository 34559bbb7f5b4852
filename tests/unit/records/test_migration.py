"""Records of schema 1, and the layout without suites."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.core.errors import UsageError
from scripts.core.paths import SuitePaths
from scripts.records import old_layout, store
from scripts.records.accept import migrate
from scripts.records.model import Record
from scripts.records.store import Store

RESULTS: Final = Store(SuitePaths.of("parametrization").results)


def in_schema_1(text: str) -> str:
    """Return the text of a record as schema 1 had it."""
    return text.replace('"schema": 2', '"schema": 1', 1).replace('"file": "suite/', '"file": "probes/')


@pytest.mark.parametrize("path", list(RESULTS.paths()), ids=lambda path: path.stem)
def test_only_the_format_of_an_accepted_result_changes(path: Path) -> None:
    text = path.read_text("utf-8")
    assert store.dump(store.parse(in_schema_1(text), Record, path)) == text


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5), lambda inner: st.dictionaries(st.text(max_size=5), inner)
    )
)
def test_a_migration_refuses_nothing_itself(value: Any) -> None:
    data = {"schema": 1, "tests": {"a": value}, "observations": value}
    migrated = store._with_suite_paths(data)
    assert migrated.keys() == data.keys()


@pytest.fixture
def suite(tmp_path: Path) -> SuitePaths:
    return SuitePaths(state=tmp_path / ".matrix" / "mine", results=tmp_path / "results" / "mine")


def test_records_of_the_old_layout_become_those_of_the_default_suite(suite: SuitePaths) -> None:
    old = suite.state.parent / "records" / "linux-x86_64"
    old.mkdir(parents=True)
    (old / "a.json").write_text("old a")
    (old / "b.json").write_text("old b")
    new = suite.records / "linux-x86_64"
    new.mkdir(parents=True)
    (new / "b.json").write_text("new b")
    assert old_layout.take_over(suite) == [(old.parent, suite.records)]
    assert ((new / "a.json").read_text(), (new / "b.json").read_text()) == ("old a", "new b")
    assert (old / "b.json").read_text() == "old b"  # not lost
    assert old_layout.take_over(suite) == []


def test_results_of_the_old_layout_are_named_with_the_remedy_and_moved_by_it(suite: SuitePaths) -> None:
    text = next(RESULTS.paths()).read_text("utf-8")
    old = suite.results.parent / "linux-x86_64" / "x.json"
    old.parent.mkdir(parents=True)
    old.write_text(in_schema_1(text), "utf-8")
    with pytest.raises(UsageError, match=r"x\.json.*--migrate"):
        old_layout.check_results(suite)
    (moved,) = migrate(Store(suite.results), moved=old_layout.old_results(suite))
    assert moved.path == suite.results / "linux-x86_64" / "x.json"
    assert moved.path.read_text("utf-8") == text
    assert not old.exists()
    old_layout.check_results(suite)
    assert migrate(Store(suite.results)) == []
    assert json.loads(text)["schema"] == 2
