"""The bench end to end: real nox, real pip and real uv on synthetic wheels. What it measures is nobody's assertion."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.errors import MatrixError
from scripts.matrix import config
from scripts.matrix.cells import Cell
from tests.bench import run
from tests.bench import scale as bench_scale
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
    """The local index in place of any other, for pip and for uv."""
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
    said: list[str] = []
    bench = run.run(config.load(), plan("pip", "uv -j2"), tmp_path, said.append)
    assert bench.subjects == ["project", "pip", "uv -j2"]
    assert {(f.subject, f.phase) for f in bench.figures} == {(s, p) for s in bench.subjects for p in PHASES}
    assert len({figure.tests for figure in bench.figures}) == 1, "the same probes"
    assert all(figure.usage.disk > 1 << 20 for figure in bench.figures)
    # pip asks again for what the index lets nobody keep.
    assert len(only.downloads("*/torch-2.5.1*.whl")) >= 3, "each subject has its own cache"
    assert bench.wheels > 1 << 20
    assert [(d.streams, d.bytes >= 1000) for d in bench.downloads] == [(1, True), (4, True)]
    assert [one.cell for one in bench.imports] == [CELL.id]
    assert any(line.startswith("pip, cold: ") for line in said)
    assert list(tmp_path.iterdir()) == [], "nothing is left"


def test_a_subject_that_fails_ends_the_bench(only: LocalIndex, tmp_path: Path) -> None:
    broken = Behaviour(on_import=raises("ImportError", "broken on purpose"))
    only.add(build_torch("2.5.1", label=None, behaviour=broken))
    with pytest.raises(MatrixError, match="project, cold: failed, 0 probes ran"):
        run.run(config.load(), plan(), tmp_path, lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_the_own_cost_is_measured_on_cells_that_were_recorded(tmp_path: Path) -> None:
    scale = bench_scale.scale(2, tmp_path)
    assert scale.cells == 2
    assert scale.cpu > 0
    assert scale.idle > 0
