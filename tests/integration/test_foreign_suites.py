"""Suites that others wrote, in folders and shells as others have them: what their records say, and what they don't."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from tests.integration.conftest import MakeProject
from tests.support.index import LocalIndex
from tests.support.matrices import cell, matrix_text
from tests.support.project import Finished, Project
from tests.support.torches import build_torch
from tests.support.wheels import build_package

KILLS: Final = "import os, signal\ndef test_kills(): os.kill(os.getpid(), signal.SIGKILL)\n"
#: A plugin that runs a test out of sight, as one does that runs it in another process.
HIDES: Final = "def pytest_runtest_protocol(item): return True if item.name == 'test_b' else None"


def suite(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def run(copy: Project, folder: Path) -> tuple[Finished, dict[str, Any]]:
    done = copy.scripts("run", "--probes", str(folder))
    assert "Traceback" not in done.output
    [record] = copy.records_of_a_folder().values()
    return done, record


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"conftest.py": HIDES, "test_it.py": "def test_a(): pass\ndef test_b(): pass"},
            ("incomplete", "no verdict, or not all of it: test_it.py::test_b"),
        ),
        ({"test_it.py": KILLS}, ("killed from outside (out of memory?)", "test_it.py::test_kills")),
        ({"pytest.ini": "[pytest]\naddopts = --no-such"}, ("pytest usage error", "unrecognized arguments: --no-such")),
        ({"pytest.ini": "[pytest]\naddopts = -p no_such"}, ("pytest usage error", "no_such")),
        (
            {"conftest.py": "def pytest_collection(session): raise ValueError('odd')", "test_it.py": ""},
            ("pytest internal error", "ValueError: odd"),
        ),
    ],
    ids=["incomplete", "killed", "option", "plugin", "internal"],
)
def test_an_inconclusive_record_is_not_current(
    index: LocalIndex, project: MakeProject, tmp_path: Path, files: dict[str, str], expected: tuple[str, str]
) -> None:
    kind, message = expected
    index.add(build_torch("2.5.1"), channel="cpu")
    copy = project("2.5.1")
    folder = suite(tmp_path / "suite", files)
    done, record = run(copy, folder)
    assert done.code == 3, done.output
    assert (record["status"], record["reason"]["stage"], record["reason"]["kind"]) == ("error", "run", kind)
    assert message in record["reason"]["message"]
    assert copy.scripts("accept", "--probes", str(folder)).code != 0
    assert copy.results() == {}
    again, second = run(copy, folder)
    assert again.code == 3
    assert second["run"]["recorded_at"] >= record["run"]["recorded_at"]
    assert second["run"]["timings"] != record["run"]["timings"]  # it ran again


def test_invalid_unicode_is_recorded(index: LocalIndex, project: MakeProject, tmp_path: Path) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    code = r"""
import pytest, warnings
def test_message(observe):
    warnings.warn("warned \udc80")
    with observe("one"):
        raise ValueError("raised \ud800")
def test_skip(): pytest.skip("why \udcff")
def test_name(observe):
    with observe(5): pass
"""
    done, record = run(project("2.5.1"), suite(tmp_path / "suite", {"test_it.py": code}))
    assert done.code == 0, done.output
    assert record["observations"]["one"]["message"] == "raised \\ud800"
    outcomes = {name.partition("::")[2]: test["outcome"] for name, test in record["tests"].items()}
    assert outcomes == {"test_message": "passed", "test_skip": "skipped", "test_name": "failed"}


def test_any_folder_name_of_project_and_suite_works(index: LocalIndex, tmp_path: Path, real_pytest: list[Any]) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    copy = Project(tmp_path / "old [x] $HOME ü a%20b", matrix_text(index, ["2.5.1"]), index)
    shell = {"LC_ALL": "C", "LANG": None, "PYTHONUTF8": None}
    done = copy.scripts("run", env=shell)
    assert done.code == 0, done.output
    assert copy.records()[cell("2.5.1")]["status"] == "recorded"
    mine = suite(tmp_path / "mine [y] $PATH ü::z", {"test_ü.py": "def test_ü(): pass"})
    done = copy.scripts("run", "--probes", str(mine), env=shell)
    assert done.code == 0, done.output
    assert list(copy.records_of_a_folder()[cell("2.5.1")]["tests"]) == ["test_ü.py::test_ü"]


def test_the_options_of_a_run_show_and_accept_its_records(
    index: LocalIndex, project: MakeProject, tmp_path: Path
) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    index.add(build_package("helper", "1.0"))
    copy = project("2.5.1")
    test = "import os, helper\ndef test_it(): assert os.environ['WORD'] == 'yes'\n"
    folder = ("--probes", str(suite(tmp_path / "suite", {"test_it.py": test})))
    inputs = ("--require", "helper", "--env", "WORD=yes")
    assert copy.scripts("run", *folder, *inputs).code == 0
    other = copy.scripts("report", *folder, "--env", "WORD=no")
    assert other.code == 2
    assert "repeat the --require, --env and --exclude-newer of their run" in other.stderr
    for command in ("report", "accept"):
        done = copy.scripts(command, *folder, *inputs)
        assert (done.code, "2.5.1" in done.output) == (0, True), done.output
