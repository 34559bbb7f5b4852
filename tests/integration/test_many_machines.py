"""The building blocks of CI: plans, shards, merging and updates; a library's own tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.core import machine
from tests.integration.conftest import MakeProject
from tests.support.hub.store import git
from tests.support.index import LocalIndex
from tests.support.matrices import cell
from tests.support.project import Project
from tests.support.torches import build_torch

PLATFORM = machine.platform_name()
RUNNERS = f"[runners.{PLATFORM}]\nlabel = 'a-runner'\n[runners.other-arch]\nlabel = ['x', 'y']\nreleases = '>=2'\n"
RELEASES = ("1.12.1", "1.13.1", "2.5.1")


@pytest.fixture
def copy(index: LocalIndex, project: MakeProject) -> Project:
    """Return a copy of the project with three releases."""
    for release in RELEASES:
        index.add(build_torch(release), channel="cpu")
    return project(*RELEASES, extra=RUNNERS)


def test_a_plan_for_github_has_runners_and_omits_impossible_cells(copy: Project) -> None:
    done = copy.scripts("plan", "--format", "github", "--platform", "all", "--jobs", "3")
    assert done.code == 0, done.output
    jobs = json.loads(done.stdout)["include"]
    assert {(job["name"], tuple(job["runner"])) for job in jobs} == {
        (f"{PLATFORM}-1", ("a-runner",)),
        (f"{PLATFORM}-2", ("a-runner",)),
        ("other-arch-1", ("x", "y")),
    }
    assert [job["cells"] for job in jobs if job["name"] == "other-arch-1"] == [cell("2.5.1")]
    wrong = copy.scripts("plan", "--platform", "other-arhc")
    assert wrong.code == 2
    assert "did you mean 'other-arch'?" in wrong.stderr


def test_shards_of_several_machines_merge_to_the_whole(copy: Project, tmp_path: Path) -> None:
    folders = []
    for number in (1, 2):
        plan = copy.scripts("plan", "--format", "json", "--shard", f"{number}/2", "--missing")
        ids = [planned["id"] for planned in json.loads(plan.stdout)["cells"]]
        assert copy.scripts("run", *ids).code == 0
        folders.append(tmp_path / f"machine-{number}")
        (copy.state / "records").rename(folders[-1])
    done = copy.nox("-s", "merge", "--", *map(str, folders))
    assert done.code == 0, done.output
    assert sorted(copy.records()) == sorted(cell(release) for release in RELEASES)
    assert "3 records, 0 conflicts, 0 files refused" in done.stderr
    plan = copy.scripts("plan", "--format", "json")
    assert [planned["current"] for planned in json.loads(plan.stdout)["cells"]] == [True, True, True]


def test_a_plan_of_the_cells_that_a_change_affects(copy: Project) -> None:
    git(copy.root, "init", "--quiet")
    git(copy.root, "add", ".")
    git(copy.root, "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "--quiet", "--message=x")

    def affected() -> list[str]:
        done = copy.scripts("plan", "--since", "HEAD", "--format", "json")
        assert done.code == 0, done.output
        return [planned["torch"] for planned in json.loads(done.stdout)["cells"]]

    assert affected() == []
    matrix = (copy.root / "matrix.toml").read_text()
    copy.write_matrix(matrix + '[[pins]]\nrequire = "iniconfig"\nreleases = "<1.13"\nreason = "to see it"\n')
    assert affected() == ["1.12.1"]
    (copy.suite / "test_new.py").write_text("def test_new():\n    pass\n")
    assert affected() == list(RELEASES)
    assert copy.scripts("plan", "--since", "nonsense").code == 2


def test_the_simulated_duration_of_a_plan(copy: Project) -> None:
    nothing = copy.scripts("plan", "--simulate", "1,2")
    assert nothing.code == 2
    assert "no cell has been timed on this machine" in nothing.stderr
    assert copy.scripts("run", cell("2.5.1")).code == 0
    done = copy.nox("-s", "plan", "--", "--platform", "all", "--simulate", "1,20,256")
    assert done.code == 0, done.output
    assert f"4 cells on other-arch, {PLATFORM}" in done.stdout or f"4 cells on {PLATFORM}, other-arch" in done.stdout
    assert "1 timed" in done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines()[-3:]] == ["1", "20", "256"]


def test_releases_on_the_index_that_the_matrix_lacks(index: LocalIndex, copy: Project) -> None:
    none = copy.nox("-s", "update")
    assert none.code == 1  # an index without torch is an error
    index.add(build_torch("2.5.1", label=None))
    index.add(build_torch("2.6.0", label=None), build_torch("2.7.0rc1", label=None))
    shown = copy.scripts("update")
    assert shown.code == 0, shown.output
    assert '+  "2.6.0",' in shown.stdout
    assert "pass --write to write it" in shown.stderr
    found = json.loads(copy.scripts("update", "--format", "json").stdout)
    assert found["releases"] == ["2.6.0"]
    assert copy.scripts("update", "--format", "github").stdout == "releases=2.6.0\ncount=1\n"
    assert '"2.6.0"' not in (copy.root / "matrix.toml").read_text()
    assert copy.nox("-s", "update", "--", "--write").code == 0
    assert '"2.6.0"' in (copy.root / "matrix.toml").read_text()
    again = copy.scripts("update")
    assert (again.code, again.stdout) == (0, "")


@pytest.mark.parametrize("settings", [None, "[pytest]\nmarkers = mine: of mine\n"], ids=["without", "with settings"])
def test_any_folder_of_tests_runs_over_the_releases(copy: Project, tmp_path: Path, settings: str | None) -> None:
    folder = tmp_path / "their tests"
    folder.mkdir()
    (folder / "helpers.py").write_text("LAST = '2'\n")
    (folder / "reference.py").write_text("MINE = True\n")  # named like a module of the built-in suite
    (folder / "test_mine.py").write_text(
        "import pytest, torch\nfrom helpers import LAST\nfrom reference import MINE\n\n"
        "@pytest.mark.mine\n"
        "def test_version():\n    assert MINE and torch.__version__ < LAST\n\n"
        "def test_observed(observe, phase):\n"
        "    with observe('mine'):\n        torch.jit.script(torch.nn.Linear(2, 2))\n"
    )
    if settings:
        (folder / "pytest.ini").write_text(settings)
    assert copy.nox("-s", "matrix").code == 0
    assert copy.nox("-s", "accept").code == 0
    done = copy.nox("-s", "matrix", "--", "--probes", str(folder))
    assert done.code == 0, done.output  # accepted results of another suite are no drift
    records = copy.records_of_a_folder()
    verdicts = [records[cell(release)]["tests"]["test_mine.py::test_version"]["outcome"] for release in RELEASES]
    assert verdicts == ["passed", "passed", "failed"]
    assert list(records[cell("2.5.1")]["observations"]) == ["mine"]
    assert "test_trace.py::test_traceable" not in records[cell("2.5.1")]["tests"]
    assert copy.nox("-s", "matrix", "--", "--probes", str(folder / "nowhere")).code == 1
