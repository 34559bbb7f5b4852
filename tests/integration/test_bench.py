"""The benchmark end to end, with the real nox, pip and uv on synthetic wheels; no test asserts its timings."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from scripts.config import matrix_toml
from scripts.config.cell import Cell
from scripts.core.errors import MatrixError
from tests.bench import edit, run
from tests.bench import scale as scaling
from tests.bench.result import PHASES
from tests.bench.run import Plan
from tests.support.behaviour import Behaviour, raises
from tests.support.index import LocalIndex
from tests.support.matrices import PYTHON
from tests.support.torches import build_torch
from tests.support.wheels import build_package

CELL = Cell(torch="2.5.1", build="default", python=PYTHON)


@pytest.fixture
def only(index: LocalIndex, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalIndex:
    """Make the local index the only one, for pip and for uv."""
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", index.url())
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url())
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    index.add(build_package("numpy", "1.26.4"))
    return index


def plan(*subjects: str) -> Plan:
    return Plan(cells=(CELL,), subjects=subjects, scales=(), downloaded=1000, command="bench")


def test_every_subject_does_the_same_job(only: LocalIndex, tmp_path: Path) -> None:
    only.add(build_torch("2.5.1", label=None, cuda="12.4", size=1 << 20))
    messages: list[str] = []
    result = run.run(matrix_toml.load(), plan("pip", "uv -j2"), tmp_path, messages.append)
    assert result.subjects == ["project", "pip", "uv -j2"]
    assert {(f.subject, f.phase) for f in result.figures} == {(s, p) for s in result.subjects for p in PHASES}
    assert len({figure.tests for figure in result.figures}) == 1, "the same tests"
    assert all(figure.usage.disk > 1 << 20 for figure in result.figures)
    # pip downloads again what the index does not allow to be cached.
    assert len(only.downloads("*/torch-2.5.1*.whl")) >= 3, "each subject has its own cache"
    assert result.wheels > 1 << 20
    assert [(d.streams, d.bytes >= 1000) for d in result.downloads] == [(1, True), (4, True)]
    assert [timing.cell for timing in result.imports] == [CELL.id]
    assert any(message.startswith("pip, cold: ") for message in messages)
    assert list(tmp_path.iterdir()) == [], "the scratch folder is removed"


def test_a_commit_and_the_present_files_are_measured_in_pairs(only: LocalIndex, tmp_path: Path) -> None:
    only.add(build_torch("2.5.1", label=None, cuda="12.4"))
    messages: list[str] = []
    compared = dataclasses.replace(plan(), commit="HEAD", rounds=1)
    result = run.run(matrix_toml.load(), compared, tmp_path, messages.append)
    assert result.comparison is not None
    assert len(result.comparison.pairs) == 1
    assert (result.figures, result.comparison.ratio > 0) == ((), True)
    assert [message.split(":")[0] for message in messages] == [
        f"round 1 of 1, {result.comparison.commit[:12]}",
        "round 1 of 1, project",
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_subject_that_fails_ends_the_bench(only: LocalIndex, tmp_path: Path) -> None:
    broken = Behaviour(on_import=raises("ImportError", "broken on purpose"))
    only.add(build_torch("2.5.1", label=None, behaviour=broken))
    with pytest.raises(MatrixError, match="project, cold: failed, 0 tests ran"):
        run.run(matrix_toml.load(), plan(), tmp_path, lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_the_project_s_own_cost_is_measured_on_recorded_cells(tmp_path: Path) -> None:
    scale = scaling.scale(2, tmp_path)
    assert scale.cells == 2
    assert scale.cpu > 0
    assert scale.idle > 0


def test_an_edit_of_a_library_is_measured_with_its_new_code(only: LocalIndex, tmp_path: Path) -> None:
    only.add(build_torch("2.5.1", label=None, cuda="12.4"))
    measured = tuple(edit.edits([CELL], matrix_toml.load(), tmp_path, lambda _: None, plain=["uv -r"]))
    assert [item.subject for item in measured] == ["project", "uv -r"]
    assert all(item.seconds > 0 for item in measured)
