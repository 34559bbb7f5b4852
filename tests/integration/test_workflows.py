"""Run the workflows: every `run:` step of their jobs, in order, on this machine, against the local index."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.core import machine
from scripts.history.report import Report
from tests.integration.conftest import MakeProject
from tests.support.behaviour import Act, Behaviour, raises
from tests.support.hub.runner import Run
from tests.support.hub.store import Hub
from tests.support.index import Fault, LocalIndex
from tests.support.matrices import SUITE, cell, matrix_text
from tests.support.project import ROOT, Project
from tests.support.source_trees import write_library
from tests.support.torches import build_nightlies, build_torch
from tests.support.wheels import Wheel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the emulated runner is a Linux one, with bash")

PLATFORM = machine.platform_name()
RUNNERS = f"[runners.{PLATFORM}]\nlabel = 'a-runner'\n"
RELEASES = ("1.12.1", "1.13.1", "2.5.1")

MakeHub = Callable[[Project], Hub]


@pytest.fixture
def hub(tmp_path: Path) -> MakeHub:
    """Make a repository of the emulated GitHub from a copy of the project, with its workflows."""

    def make(copy: Project) -> Hub:
        for name in (".github", ".gitignore"):
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, copy.root / name)
        return Hub(tmp_path / "hub", copy.root)

    return make


@pytest.fixture(scope="module")
def results(real_pytest: list[Wheel], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The accepted results of three releases; they do not depend on the index they came from."""
    with LocalIndex() as index:
        index.add(*real_pytest)
        index.add(*map(build_torch, RELEASES), channel="cpu")
        copy = Project(tmp_path_factory.mktemp("accepted"), matrix_text(index, RELEASES), index)
        assert copy.nox("-s", "matrix").code == 0
        assert copy.nox("-s", "accept").code == 0
    return copy.root / "results"


@pytest.fixture
def accepted(index: LocalIndex, project: MakeProject, results: Path) -> Project:
    """Make a copy of the project with accepted results of three releases."""
    index.add(*map(build_torch, RELEASES), channel="cpu")
    copy = project(*RELEASES, extra=RUNNERS)
    shutil.copytree(results, copy.root / "results", dirs_exist_ok=True)
    return copy


def change_behaviour(index: LocalIndex, release: str, message: str = "no more") -> None:
    """Replace the wheel of a release by one that behaves differently."""
    index.remove(build_torch(release), channel="cpu")
    index.add(
        build_torch(release, behaviour=Behaviour(observations={"trace": raises("ValueError", message)})), channel="cpu"
    )


def issues(at: Hub) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = at.state["issues"]
    return found


def test_the_matrix_runs_a_rerun_completes_it_and_the_report_shows_the_drift(
    index: LocalIndex, accepted: Project, hub: MakeHub
) -> None:
    at = hub(accepted)
    change_behaviour(index, "2.5.1")
    index.fail("/whl/cpu/torch-1.13.1*.whl", Fault.status(404))
    run = Run(
        at, "matrix.yml", env=accepted.env, event="workflow_call", inputs={"jobs": "3", "platforms": "all"}
    ).start()

    # Three releases, three jobs on a runner each; one cannot download its wheel.
    legs = run.jobs["cells"].legs
    assert len(legs) == 3, run.log
    assert [leg.result for leg in legs.values()] == ["success", "failure", "success"], run.log
    assert run.jobs["report"].result == "failure"
    assert run.jobs["report"].outputs["verdict"] == "unexpected"
    summary = run.jobs["report"].summary
    assert "2 of 3 cells recorded" in summary
    assert "1.13.1" in summary

    # A file that is not a record is refused by name; the others are merged.
    hostile = run.artifacts / "matrix-records-hostile" / PLATFORM / f"{cell('1.13.1')}.json"
    hostile.parent.mkdir(parents=True)
    hostile.write_text('{"schema": 3, "cell": "::stop-commands::x"}')

    # The rerun runs only the missing cell.
    index.heal()
    index.forget()
    run.rerun_failed()
    assert [leg.attempt for leg in run.jobs["cells"].legs.values()] == [1, 2, 1]
    assert run.jobs["plan"].attempt == 1
    assert {request.path.rpartition("/")[2] for request in index.downloads("*/torch-*")} == {
        "torch-1.13.1+cpu-py3-none-any.whl"
    }
    assert run.jobs["cells"].result == "success", run.log

    # All cells are recorded now; the run still fails because of the drift.
    report = run.artifacts / "matrix-report"
    assert run.jobs["report"].result == "failure"
    assert "3 of 3 cells recorded" in run.jobs["report"].summary
    assert "### Refused files" in run.jobs["report"].summary
    assert "unknown schema 3; this version reads schema 2" in run.jobs["report"].summary
    assert run.jobs["report"].outputs["drift"] == "4", run.jobs["report"].summary
    text = json.loads((report / "issue.json").read_text())
    assert text["title"] == "Drift: 4 observations in 1 cell"
    assert "ValueError 'no more'" in text["body"]
    assert f"{PLATFORM}/{cell('2.5.1')}" in text["body"]
    assert (report / "site" / "index.html").exists()

    # The next run does not run cells with a current record again.
    index.forget()
    again = Run(at, "matrix.yml", env=accepted.env, event="workflow_call", inputs={"platforms": "all"}).start()
    assert again.jobs["plan"].outputs["jobs"] == "0"
    assert again.jobs["cells"].result == "skipped"
    assert index.downloads() == []
    assert again.jobs["report"].outputs["drift"] == "4"


def test_publishing_maintains_one_issue_and_the_page(index: LocalIndex, accepted: Project, hub: MakeHub) -> None:
    at = hub(accepted)

    def publish(*, fresh: bool = True) -> Run:
        return Run(at, "publish.yml", env=accepted.env, inputs={"platforms": PLATFORM, "fresh": fresh}).start()

    run = publish()
    assert run.failed == [], run.log
    assert run.jobs["matrix"].outputs["verdict"] == "ok"
    assert (at.pages / "index.html").exists()
    assert issues(at) == []

    change_behaviour(index, "2.5.1")
    run = publish()
    assert run.failed == ["matrix/report ", "matrix"], run.log
    assert (run.jobs["pages"].result, run.jobs["issue"].result) == ("success", "success"), run.log
    assert [(issue["title"], issue["state"], issue["label"]) for issue in issues(at)] == [
        ("Drift: 4 observations in 1 cell", "open", "matrix")
    ]
    assert f"https://github.example/someone/matrix/actions/runs/{run.id}" in issues(at)[0]["body"]
    assert "### Change points" in issues(at)[0]["body"]

    publish(fresh=False)  # the same drift: the issue stays as it is
    assert sum(call[:2] == ["issue", "edit"] for call in at.state["calls"]) == 0
    change_behaviour(index, "1.13.1", "never")
    publish()
    assert [issue["title"] for issue in issues(at)] == ["Drift: 8 observations in 2 cells"]
    assert "'never'" in issues(at)[0]["body"]

    for release in ("1.13.1", "2.5.1"):
        index.remove(build_torch(release), channel="cpu")
        index.add(build_torch(release), channel="cpu")
    assert publish().failed == []
    assert [issue["state"] for issue in issues(at)] == ["closed"]


def test_another_repository_runs_its_tests_over_the_releases(
    index: LocalIndex, project: MakeProject, hub: MakeHub, tmp_path: Path
) -> None:
    for release in RELEASES:
        index.add(build_torch(release), channel="cpu")
    copy = project(*RELEASES, extra=RUNNERS)
    at = hub(copy)
    library = tmp_path / "library"
    (library / "tests").mkdir(parents=True)
    test = library / "tests" / "test_mine.py"
    test.write_text(
        "import torch\n\n"
        "def test_version():\n    assert torch.__version__ < '2'\n\n"
        "def test_observed(observe):\n    with observe('mine'):\n        torch.jit.script(torch.nn.Linear(2, 2))\n"
    )
    caller = Hub(tmp_path / "other", library, "else/library")
    at.repositories["else/library"] = caller.repository
    inputs = {"probes": "tests", "require": "iniconfig", "platforms": PLATFORM, "name": "mine"}
    run = Run(at, "matrix.yml", env=copy.env, event="workflow_call", inputs=inputs, caller="else/library").start()
    assert run.jobs["cells"].result == "success", run.log
    assert run.jobs["report"].result == "failure"
    assert f"{PLATFORM}/{cell('2.5.1')} test_mine.py::test_version: failed" in run.jobs["report"].summary
    assert f"{cell('1.13.1')} test_mine.py::test_version" not in run.jobs["report"].summary
    report = Report.model_validate_json((run.artifacts / "mine-report" / "report.json").read_bytes())
    assert {"mine", "test_mine.py::test_version"} <= {name.name for name in report.names}

    bad = Run(
        at,
        "matrix.yml",
        env=copy.env,
        event="workflow_call",
        inputs={**inputs, "probes": "../.."},
        caller="else/library",
    ).start()
    assert bad.failed == ["plan "]
    assert "the input 'probes' is '../..', which is outside the repository" in bad.log

    # The library itself: its wheel and its tests, on the releases that it admits.
    write_library(library, "mine", {"mine/__init__.py": ""}, requires=["torch<2"])
    caller.push("A library")
    inputs = {"project": ".", "platforms": PLATFORM, "name": "library"}
    run = Run(at, "matrix.yml", env=copy.env, event="workflow_call", inputs=inputs, caller="else/library").start()
    assert run.failed == [], run.log
    report = Report.model_validate_json((run.artifacts / "library-report" / "report.json").read_bytes())
    assert {item.id for item in report.cells} == {cell(release) for release in RELEASES if release < "2"}
    assert "tests/test_mine.py::test_version" in {name.name for name in report.names}


def test_only_cells_affected_by_a_change_are_planned(index: LocalIndex, accepted: Project, hub: MakeHub) -> None:
    at = hub(accepted)
    before = at.commit()
    inputs = {"since": before, "platforms": PLATFORM}

    def plan() -> Run:
        return Run(at, "matrix.yml", env=accepted.env, event="workflow_call", inputs=inputs).start()

    run = plan()
    assert (run.failed, run.jobs["plan"].outputs["jobs"]) == ([], "0"), run.log
    matrix = (accepted.root / "matrix.toml").read_text()
    pin = '[[pins]]\nrequire = "iniconfig"\nreleases = "<1.13"\nreason = "to see it"\n'
    accepted.write_matrix(matrix + pin)
    at.push("A pin for one release")
    run = plan()
    assert [leg for leg in run.jobs["cells"].legs.values() if cell("1.12.1") in leg.log], run.log
    assert cell("2.5.1") not in run.jobs["cells"].legs[f"{PLATFORM}-1"].log
    assert run.failed == [], run.log


def test_a_pull_request_runs_the_smoke_cells_that_it_affects(
    index: LocalIndex, accepted: Project, hub: MakeHub
) -> None:
    smoke = '[selections.smoke]\ndescription = "A few"\nreleases = ["1.13.1", "2.5.1"]\n'
    accepted.write_matrix((accepted.root / "matrix.toml").read_text() + smoke)
    at = hub(accepted)
    payload = {"pull_request": {"base": {"sha": at.commit()}}}
    (accepted.root / "README.md").write_text("More.")
    at.push("Words")
    index.forget()

    def ci(event: str) -> Run:
        return Run(at, "ci.yml", env=accepted.env, event=event, payload=payload, only=["smoke"]).start()

    run = ci("pull_request")
    assert (run.failed, run.jobs["smoke/cells"].result) == ([], "skipped"), run.log
    probe = accepted.suite / "test_trace.py"
    probe.write_text(probe.read_text() + "\n\ndef test_more():\n    pass\n")
    at.push("A probe")
    run = ci("pull_request")
    assert (run.failed, run.jobs["smoke/cells"].result) == ([], "success"), run.log
    assert "2 of 2 cells recorded" in run.jobs["smoke/report"].summary


def test_a_new_release_becomes_a_pull_request_with_its_results(
    index: LocalIndex, accepted: Project, hub: MakeHub
) -> None:
    at = hub(accepted)
    index.add(build_torch("2.6.0", label=None))
    index.add(
        build_torch("2.6.0", behaviour=Behaviour(observations={"trace": raises("ValueError", "no more")})),
        channel="cpu",
    )
    index.add(*build_nightlies(1), channel="nightly/cpu")
    run = Run(at, "watch.yml", env=accepted.env, event="schedule").start()
    assert run.jobs["releases"].outputs["releases"] == "2.6.0", run.log
    assert run.jobs["pull-request"].result == "success", run.log
    (pull,) = at.state["pulls"]
    assert (pull["title"], pull["head"]) == ("torch 2.6.0: release and results", "matrix/new-releases")
    assert "2.5.1 → 2.6.0" in pull["body"]
    assert '"2.6.0"' in at.show(pull["head"], "matrix.toml")
    record = json.loads(at.show(pull["head"], f"results/{SUITE}/{PLATFORM}/{cell('2.6.0')}.json"))
    assert record["observations"]["trace"]["exception"] == "builtins.ValueError"
    assert '"2.6.0"' not in at.show("main", "matrix.toml")

    again = Run(at, "watch.yml", env=accepted.env, event="schedule").start()
    assert again.jobs["pull-request"].result == "success", again.log
    assert len(at.state["pulls"]) == 1


def test_a_nightly_that_behaves_differently_becomes_an_issue_with_the_day(
    index: LocalIndex, accepted: Project, hub: MakeHub
) -> None:
    at = hub(accepted)
    index.add(build_torch("2.5.1", label=None))
    changed = Behaviour(observations={"script": raises("ValueError", "no more")})
    nights = build_nightlies(5, version="2.6.0", behaviour=lambda day: changed if day.day >= 9 else None)
    index.add(*nights, channel="nightly/cpu")
    run = Run(at, "watch.yml", env=accepted.env, event="schedule").start()
    assert run.failed == [], run.log
    assert run.jobs["pull-request"].result == "skipped"
    (issue,) = issues(at)
    assert "Nightly: " in issue["title"]
    assert "'no more'" in issue["body"]
    assert "2.6.0.dev20261109" in issue["body"]


def test_a_job_without_permission_is_refused(index: LocalIndex, accepted: Project, hub: MakeHub) -> None:
    at = hub(accepted)
    workflow = accepted.root / ".github" / "workflows" / "publish.yml"
    workflow.write_text(workflow.read_text().replace("issues: write", "issues: read"))
    at.push("No permission")
    change_behaviour(index, "2.5.1")
    run = Run(at, "publish.yml", env=accepted.env, inputs={"platforms": PLATFORM}).start()
    assert run.jobs["issue"].result == "failure"
    assert "Resource not accessible by integration" in run.log
    assert issues(at) == []


@pytest.mark.parametrize(
    ("act", "expected"),
    [(None, ("success", "qualified")), (raises("ValueError", "no more"), ("failure", "blocked"))],
    ids=["qualified", "blocked"],
)
def test_the_verdict_on_a_candidate_decides_the_job_and_is_in_its_summary(
    index: LocalIndex, project: MakeProject, hub: MakeHub, act: Act | None, expected: tuple[str, str]
) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    behaviour = Behaviour(observations={"trace": act}) if act else None
    index.add(build_torch("2.6.0", behaviour=behaviour), channel="test/cpu")
    copy = project("2.5.1", extra=RUNNERS)
    at = hub(copy)
    inputs = {"candidate": "2.6.0", "baseline": "2.5.1", "channel": "test"}
    run = Run(at, "qualify.yml", env=copy.env, inputs=inputs).start()
    assert run.jobs["qualify"].result == expected[0], run.log
    assert expected[1] in run.jobs["qualify"].summary.lower()
    assert ("no more" in run.jobs["qualify"].summary) is (act is not None)
    assert list((run.artifacts / "qualify").rglob("*.json"))
