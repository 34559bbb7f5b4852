"""Source trees of libraries: built, installed and tested with their own settings, and never written to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support import sources
from tests.support.index import LocalIndex
from tests.support.matrices import SUITE, cell, matrix_text
from tests.support.project import Project
from tests.support.source_trees import builds, write_library
from tests.support.sources import snapshot
from tests.support.torches import build_torch
from tests.support.wheels import build_package, installed, read_sdist, tampered

RELEASES: Final = ("2.4.0", "2.5.1")
EXCLUDED: Final = ("2.0.0", "2.1.0")
LONG: Final = "-".join(["momentum=0.9", *["weight_decay"] * 23])

#: A flat layout, tests inside the package and beside it, a conftest above both, and settings that select tests.
FLAT: Final = {
    "conftest.py": "import flatlib, pytest\n@pytest.fixture\ndef above(): return flatlib\n",
    "flatlib/__init__.py": "from flatlib._generated import VALUE\n",
    "flatlib/doc.py": "def double(x):\n    '''\n    >>> double(2)\n    4\n    '''\n    return 2 * x\n",
    "flatlib/unshipped.py": "",
    "flatlib/tests/__init__.py": "",
    "flatlib/tests/helper.py": "ANSWER = 42\n",
    "flatlib/tests/test_inside.py": "from .helper import ANSWER\ndef test_relative(above): assert ANSWER == 42\n",
    "tests/data.txt": "data",
    "tests/test_beside.py": f"""
import os, pathlib, pytest, torch
def test_a_fails(): assert torch.__version__ < "2.5"
def test_plugin(of_plugin): assert of_plugin == "plugin"
def test_sdist():
    import mylib
def test_unshipped(above):
    with pytest.raises(ImportError):
        import flatlib.unshipped
def test_writes(above):
    assert pathlib.Path("tests/data.txt").read_text() == "data"
    pathlib.Path("written.txt").write_text("x")
    pathlib.Path(__file__).with_name("written.txt").write_text("x")
def test_env(): assert os.environ["MINE"] == "yes"
@pytest.mark.parametrize("lr", [1], ids=["{LONG}"])
def test_long(lr): pass
class TestSlow:
    def test_deselected(self): assert False
""",
}
FLAT_SETTINGS: Final = """
[dependency-groups]
Test = ["pytest", {include-group = "base"}]
base = ["plugged", "mylib", "torch>=1.9"]

[tool.pytest.ini_options]
addopts = "-x -k nothing -m never --doctest-modules --strict-markers"
testpaths = ["flatlib", "tests"]

[tool.torch-matrix]
env = { MINE = "yes" }
deselect = ["tests/test_beside.py::TestSlow"]
"""
SRC: Final = {
    "src/srclib/__init__.py": "",
    "tests/test_it.py": "import srclib\ndef test_installed(): assert 'site-packages' in srclib.__file__\n",
}


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Project]:
    with LocalIndex() as index:
        plugin = build_package(
            "plugged",
            "1.0",
            files={"plugged.py": "import pytest\n@pytest.fixture\ndef of_plugin(): return 'plugin'\n"},
        )
        sdist = sources.pack(sources.write_project(tmp_path / "sdist"), tmp_path)
        points = b"[pytest11]\nplugged = plugged\n"
        index.add(*installed("pytest"), tampered(plugin, {"plugged-1.0.dist-info/entry_points.txt": points}))
        index.add(read_sdist(sdist))
        for release in RELEASES:
            index.add(build_torch(release), channel="cpu")
        yield Project(tmp_path, matrix_text(index, [*EXCLUDED, *RELEASES]), index)


def records(copy: Project, name: str) -> dict[str, Any]:
    [folder] = (copy.root / ".matrix").glob(f"project-{name}-*")
    return {path.stem: json.loads(path.read_bytes()) for path in sorted(folder.glob("records/*/*.json"))}


def outcomes(record: dict[str, Any]) -> dict[str, str]:
    return {name: test["outcome"] for name, test in record["tests"].items()}


def test_a_flat_layout_runs_with_its_own_settings(copy: Project, tmp_path: Path) -> None:
    folder = write_library(
        tmp_path / "flat", "flatlib", FLAT, pyproject=FLAT_SETTINGS, left_out=["unshipped.py"], requires=["torch>=2.4"]
    )
    before = snapshot(folder)
    done = copy.nox("-s", "matrix", "--", "--project", str(folder))
    assert done.code == 0, done.output
    assert snapshot(folder) == before
    assert builds(folder) == 1
    # The index has no wheel of the excluded releases: nothing was looked for.
    assert done.output.count("2.0.0 – 2.1.0: excluded by flatlib's `torch>=2.4`") == 1
    assert "2.0.0-cpu" not in done.output
    found = records(copy, "flatlib")
    for release in EXCLUDED:
        excluded = found.pop(cell(release))
        assert (excluded["status"], excluded["reason"]["kind"]) == ("unavailable", "the project excludes it")
    assert list(found) == [cell(release) for release in RELEASES]
    for record in found.values():
        assert outcomes(record) == {
            "flatlib/doc.py::flatlib.doc.double": "passed",
            "flatlib/tests/test_inside.py::test_relative": "passed",
            "tests/test_beside.py::test_a_fails": "failed" if record["cell"]["torch"] == "2.5.1" else "passed",
            "tests/test_beside.py::test_plugin": "passed",
            "tests/test_beside.py::test_sdist": "passed",
            "tests/test_beside.py::test_unshipped": "passed",
            "tests/test_beside.py::test_writes": "passed",
            "tests/test_beside.py::test_env": "passed",
            f"tests/test_beside.py::test_long[{LONG}]": "passed",
        }
        assert record["run"]["suite"] == "project:flatlib"
    assert not copy.state.exists()
    # Accepted in the tree, where a library keeps its records; nothing is to be done then.
    accepted = copy.scripts("accept", "--project", str(folder))
    assert accepted.code == 0, accepted.output
    assert len(list((folder / ".torch-matrix").glob("*/*.json"))) == len(RELEASES)
    assert not (copy.root / "results").exists()
    stamp = [record["run"]["recorded_at"] for record in found.values()]
    done = copy.scripts("run", "--project", str(folder), "--torch", ">=2.5")
    assert done.code == 0, done.output
    again = records(copy, "flatlib")
    assert [again[id_]["run"]["recorded_at"] for id_ in found] == stamp
    assert builds(folder) == 1
    shown = copy.scripts("report", "--project", str(folder), "--all")
    assert "test_a_fails" in shown.output
    assert shown.output.count("2.0.0 – 2.1.0: excluded by flatlib's `torch>=2.4`") == 1
    support = copy.scripts("report", "--project", str(folder), "--format", "support")
    assert support.code == 0, support.output
    assert "excluded by flatlib" in support.output
    bisected = copy.scripts(
        *("bisect", "--project", str(folder), "--test", "tests/test_beside.py::test_a_fails", "--no-evidence"),
        *("--good", "2.4.0", "--bad", "2.5.1"),
    )
    assert bisected.code == 0, bisected.output
    assert "changed between torch 2.4.0 and 2.5.1" in bisected.stdout
    assert f"--project {folder}" in bisected.stdout
    assert "--suite" not in bisected.stdout
    qualified = copy.scripts("qualify", "2.5.1", "--baseline", "2.4.0", "--project", str(folder))
    assert qualified.code == 1, qualified.output
    assert "test_a_fails" in qualified.stdout
    assert {path.name for path in folder.glob("*")} == {*(name.split("/")[0] for name in before), ".torch-matrix"}
    plan = copy.scripts("plan", "--project", str(folder))
    assert plan.code == 0, plan.output
    assert "2.0.0 – 2.1.0: excluded by flatlib's `torch>=2.4`" in plan.stderr
    assert "2 cells, 2 current" in plan.stdout


def test_a_src_layout_and_a_build_that_fails(copy: Project, tmp_path: Path) -> None:
    table = '[tool.torch-matrix]\ntorch = "<2.5"\n'
    folder = write_library(tmp_path / "src", "src/srclib", SRC, pyproject=table, requires=["torch>=2.4"], dynamic=True)
    done = copy.scripts("run", "--project", str(folder))
    assert done.code == 0, done.output
    assert builds(folder) == 1
    found = records(copy, "srclib")
    assert {found.pop(cell(release))["reason"]["message"] for release in EXCLUDED} == {
        "excluded by srclib's `torch>=2.4`"  # as its wheel says
    }
    [record] = found.values()
    assert record["cell"]["torch"] == "2.4.0"
    assert outcomes(record) == {"tests/test_it.py::test_installed": "passed"}
    before = snapshot(write_library(folder, "src/srclib", SRC, fails="no compiler here"))
    done = copy.scripts("run", "--project", str(folder), "--torch", ">=2.5")
    assert done.code == 4, done.output
    reason = records(copy, "srclib")[cell("2.5.1")]["reason"]
    assert reason["kind"] == "build failed"
    assert "no compiler here" in reason["message"]
    assert "no compiler here" in (copy.root / reason["message"].rpartition("log: ")[2]).read_text()
    assert snapshot(folder) == before
    assert not (copy.root / ".matrix" / SUITE).exists()
    for options, message in {
        ("--project", str(folder), "--suite", SUITE): f"--suite: '{SUITE}' is a suite of matrix.toml",
        ("--project", str(folder), "--probes", str(folder)): "--project: says which tests run; remove --probes",
        ("--project", str(copy.root / "scripts")): "has neither pyproject.toml nor setup.py nor setup.cfg",
    }.items():
        refused = copy.scripts("run", *options)
        assert refused.code == 2
        assert message in refused.output
