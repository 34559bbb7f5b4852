"""Cells whose record is up to date are left alone; what changes makes only what it touches out of date."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.conftest import MakeProject
from tests.support.index import LocalIndex
from tests.support.matrices import cell
from tests.support.project import Project
from tests.support.torches import build_torch
from tests.support.wheels import build_package

OLD, NEW = cell("1.12.1"), cell("2.5.1")

PIN = """
[[pins]]
require = "helper"
releases = "<2"
reason = "for this test"
"""


@pytest.fixture
def copy(index: LocalIndex, project: MakeProject) -> Project:
    """A project whose two cells are recorded; the older one has a pin."""
    index.add(build_torch("1.12.1"), build_torch("2.5.1"), channel="cpu")
    index.add(build_package("helper", "1.0"))
    copy = project("1.12.1", "2.5.1", extra=PIN)
    done = copy.nox("-s", "matrix")
    assert done.code == 0, done.output
    assert {id: record["status"] for id, record in copy.records().items()} == {OLD: "recorded", NEW: "recorded"}  # noqa: A001
    index.forget()
    return copy


def ran(copy: Project, *arguments: str, expected: int = 0) -> set[str]:
    """The cells whose probes one more run runs."""
    logs = {path: path.stat().st_mtime_ns for path in (copy.state / "logs").iterdir()}
    done = copy.nox("-s", "matrix", "--", *arguments)
    assert done.code == expected, done.output
    return {path.stem for path in (copy.state / "logs").iterdir() if path.stat().st_mtime_ns != logs.get(path)}


def test_a_second_run_runs_nothing_and_requests_nothing(index: LocalIndex, copy: Project) -> None:
    before = copy.records()
    assert ran(copy) == set()
    assert index.requests == []
    assert copy.records() == before
    assert list((copy.state / "envs").iterdir()) == []


def test_fresh_runs_all_from_the_cache(index: LocalIndex, copy: Project) -> None:
    assert ran(copy, "--fresh") == {OLD, NEW}
    assert index.downloads() == []


def test_upgrade_runs_cells_with_another_lock(index: LocalIndex, copy: Project) -> None:
    before = copy.records()
    assert ran(copy, "--upgrade") == set()
    assert copy.records() == before
    index.add(build_package("helper", "1.1"))
    assert ran(copy) == set()
    assert ran(copy, "--upgrade") == {OLD}
    assert copy.records()[OLD]["packages"]["helper"] == "1.1"
    assert copy.records()[NEW] == before[NEW]


def change_pin(copy: Project) -> None:
    matrix = copy.root / "matrix.toml"
    matrix.write_text(matrix.read_text().replace('"helper"', '"helper<2"'))


def change_reason_of_pin(copy: Project) -> None:
    matrix = copy.root / "matrix.toml"
    matrix.write_text(matrix.read_text().replace("for this test", "for another reason"))


def change_probe(copy: Project) -> None:
    (copy.suite / "test_mine.py").write_text("def test_mine():\n    pass\n")


def change_index(copy: Project) -> None:
    matrix = copy.root / "matrix.toml"
    matrix.write_text(matrix.read_text().replace("/whl/cpu", "/whl/./cpu"))


def touch_probes(copy: Project) -> None:
    for path in copy.suite.glob("*.py"):
        path.touch()
    (copy.suite / "__pycache__").mkdir(exist_ok=True)
    (copy.suite / "__pycache__" / "test_trace.pyc").touch()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (change_pin, {OLD}),
        (change_reason_of_pin, set()),
        (change_probe, {OLD, NEW}),
        (change_index, {OLD, NEW}),
        (touch_probes, set()),
    ],
    ids=["pin", "reason", "probe", "index", "touched"],
)
def test_a_change_affects_only_its_cells(copy: Project, change: Callable[[Project], None], expected: set[str]) -> None:
    change(copy)
    assert ran(copy) == expected
    assert ran(copy) == set()


def test_another_requirement_for_one_run(copy: Project) -> None:
    assert ran(copy, "--require", "helper==1.0") == {OLD, NEW}
    assert copy.records()[NEW]["packages"]["helper"] == "1.0"
    assert ran(copy) == {OLD, NEW}
    assert "helper" not in copy.records()[NEW]["packages"]


def test_an_unreadable_record_is_replaced(copy: Project) -> None:
    (record,) = (copy.state / "records").glob(f"*/{OLD}.json")
    record.write_text('{"schema": 99}')
    assert ran(copy) == {OLD}
    assert copy.records()[OLD]["status"] == "recorded"


def test_environments_are_kept_on_request(copy: Project) -> None:
    assert ran(copy, "--fresh", "--keep") == {OLD, NEW}
    kept = [path for path in (copy.state / "envs").iterdir() if path.is_dir()]
    assert len(kept) == 2
    assert ran(copy, "--fresh") == {OLD, NEW}
    assert list((copy.state / "envs").iterdir()) == []
