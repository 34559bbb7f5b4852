"""Two suites in one project, and a folder that is a suite of its own: nothing of one touches the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.index import LocalIndex
from tests.support.matrices import SUITE, cell, matrix_text
from tests.support.project import Project
from tests.support.torches import build_torch
from tests.support.wheels import installed

RELEASES = ("2.5.0", "2.5.1")
OTHER = """
[suites.other]
path = "tests/other"
require = ["pytest"]
env = { MINE = "yes" }
limits = { probe = 1 }
"""
TESTS = """
import os, time

def test_env():
    assert os.environ["MINE"] == "yes"

def test_slow():
    time.sleep(3)
"""


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Project]:
    with LocalIndex() as index:
        index.add(*installed("pytest"))
        for release in RELEASES:
            index.add(build_torch(release), channel="cpu")
        project = Project(tmp_path, matrix_text(index, RELEASES) + OTHER, index)
        (project.root / "tests" / "other").mkdir(parents=True)
        (project.root / "tests" / "other" / "test_other.py").write_text(TESTS)
        yield project


def files_of(copy: Project, suite: str) -> dict[Path, bytes]:
    folders = (copy.root / ".matrix" / suite, copy.root / "results" / suite)
    return {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


def test_suites_share_no_record_and_every_command_knows_them(copy: Project) -> None:
    assert copy.nox("-s", "matrix").code == 0
    assert copy.scripts("accept").code == 0
    before = files_of(copy, SUITE)
    run = copy.nox("-s", "matrix", "--", "--suite", "other")
    assert run.code == 0, run.output
    records = {path: json.loads(path.read_bytes()) for path in (copy.root / ".matrix" / "other").rglob("2.5*.json")}
    assert [record["run"]["suite"] for record in records.values()] == ["other", "other"]
    for record in records.values():
        outcomes = {name: test["outcome"] for name, test in record["tests"].items()}
        assert outcomes == {"test_other.py::test_env": "passed", "test_other.py::test_slow": "timed-out"}
    for words in (
        ("accept", "--suite", "other"),
        ("report", "--suite", "other"),
        ("bisect", "--suite", "other", "--all", "--good", "2.5.0", "--bad", "2.5.1", "--recorded", "--no-evidence"),
        ("qualify", "--suite", "other", "2.5.1"),
    ):
        done = copy.scripts(*words)
        assert done.code in {0, 1}, done.output  # 1: both ends of the bisection are the same
        assert "Traceback" not in done.stderr
        assert "test_scriptable" not in done.stdout
    plan = copy.scripts("plan", "--suite", "other", "--format", "json")
    assert [item["current"] for item in json.loads(plan.stdout)["cells"]] == [True, True]
    assert files_of(copy, SUITE) == before
    assert (copy.root / "results" / "other" / "README.md").is_file()
    refused = copy.scripts("merge", "--suite", SUITE, str(copy.root / ".matrix" / "other" / "records"))
    assert "a record of the suite 'other'" in refused.stderr
    idle = copy.scripts("plan", "--format", "json")
    assert [item["current"] for item in json.loads(idle.stdout)["cells"]] == [True, True]


@pytest.mark.parametrize("command", ["run", "report", "accept", "plan", "qualify 2.5.1", "merge x"])
def test_an_unknown_suite_is_a_usage_error(copy: Project, command: str) -> None:
    done = copy.scripts(*command.split(), "--suite", "othr")
    assert (done.code, "--suite: unknown suite 'othr'; did you mean 'other'?" in done.stderr) == (2, True), done.output


def test_a_folder_is_a_suite_that_its_own_option_shows(copy: Project, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "test_mine.py").write_text("def test_mine(): pass\n")
    assert copy.scripts("run", cell("2.5.1")).code == 0
    before = files_of(copy, SUITE)
    done = copy.scripts("run", cell("2.5.1"), "--probes", str(folder))
    assert done.code == 0, done.output
    assert "test_mine" in copy.scripts("report", "--probes", str(folder)).stdout
    assert files_of(copy, SUITE) == before
