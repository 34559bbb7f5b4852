"""A copy of the project: its commands, their isolated environment, and their end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.index import LocalIndex
from tests.support.matrices import PYTHON, matrix_text
from tests.support.project import Project, environment, kill_tree


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with LocalIndex() as index:
        yield Project(tmp_path, matrix_text(index, ["1.12.1", "1.13.1"]), index)


def test_nox_lists_the_cells_of_the_given_matrix(project: Project) -> None:
    done = project.nox("-l")
    assert done.code == 0, done.output
    assert f"cell(1.12.1-cpu-py{PYTHON})" in done.stdout
    assert "2.5.1" not in done.stdout


def test_scripts_keep_their_exit_codes(project: Project) -> None:
    assert project.scripts("nonsense").code == 2
    assert project.scripts("--help").code == 0


def test_a_bad_matrix_affects_only_the_copy(project: Project) -> None:
    project.write_matrix("schema = 1\nnonsense = 1\n")
    done = project.nox("-l")
    assert done.code != 0
    assert "nonsense" in done.output


def test_no_setting_of_the_user_is_inherited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    users = ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "UV_INDEX", "PYTHONPATH", "VIRTUAL_ENV", "NOXSESSION", "CI")
    for name in users:
        monkeypatch.setenv(name, "the user's")
    with LocalIndex() as index:
        env = environment(tmp_path, index)
        assert env["UV_DEFAULT_INDEX"] == env["PIP_INDEX_URL"] == index.url()
    assert not set(users) & env.keys()
    assert Path(env["HOME"]).is_relative_to(tmp_path)


def test_a_variable_for_one_run(project: Project) -> None:
    show = [sys.executable, "-c", "import os; print(os.environ.get('EXTRA'), os.environ.get('NO_COLOR'))"]
    assert project.run(show, env={"EXTRA": "1", "NO_COLOR": None}, timeout=30).stdout == "1 None\n"


def test_a_command_that_times_out_is_killed(project: Project) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        project.run([sys.executable, "-c", "import time; time.sleep(60)"], env=None, timeout=0.1)


def test_children_are_killed_too(project: Project) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    start = f"child = subprocess.Popen({sleep!r}, start_new_session=True)"
    code = f"import subprocess; {start}; print(child.pid, flush=True); child.wait()"
    child = project.start([sys.executable, "-c", code])
    assert child.stdout
    grandchild = psutil.Process(int(child.stdout.readline()))
    kill_tree(child)
    child.communicate()
    assert child.returncode != 0
    assert psutil.wait_procs([grandchild], timeout=10)[1] == []
    kill_tree(child)  # does nothing


def test_no_record_before_the_first_run(project: Project) -> None:
    assert project.records() == {}
    assert project.results() == {}
