"""Bytecode is reused from run to run, and records are the same with and without it."""

from __future__ import annotations

from tests.integration.conftest import MakeProject
from tests.support.index import LocalIndex
from tests.support.matrices import cell
from tests.support.torches import build_torch
from tests.support.wheels import build_package

CELL = cell("2.5.1")

#: A module whose compilation warns, imported in an observation and so after torch.
LATE = 'TEXT = "\\d"\n'
PROBE = """
def test_late(observe):
    with observe("late"):
        import late, quiet
"""


def test_a_second_run_reuses_bytecode_and_records_the_same(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    index.add(build_package("late", "1.0", files={"late/__init__.py": LATE}))
    # Big enough to be compiled.
    index.add(build_package("quiet", "1.0", files={"quiet/__init__.py": "# nothing\n" * 50_000}))
    copy = project("2.5.1")
    (copy.suite / "test_late.py").write_text(PROBE)
    runs = [
        copy.nox("-s", "matrix", "--", "--fresh", "--keep", "--require", "late", "--require", "quiet") for _ in range(2)
    ]
    assert [run.code for run in runs] == [0, 0], runs[-1].output
    cache = copy.root / ".matrix" / "cache" / "bytecode"
    saved = {path.relative_to(cache).parts[0] for path in cache.rglob("*.pyc")}
    assert {"torch", "pytest", "quiet"} <= saved
    assert "late" not in saved
    environment = next((copy.state / "envs").iterdir())
    restored = [path for path in environment.rglob("*.pyc") if path.stat().st_nlink > 1]
    assert any("torch" in path.parts for path in restored)
    warned = copy.records()[CELL]["observations"]["late"]["warnings"]
    assert ["invalid escape sequence" in warning["message"] for warning in warned] == [True]
