"""Sessions of nox: lists, selection of cells, help, and errors."""

from __future__ import annotations

import json
import re

import pytest

from tests.integration.conftest import MakeProject
from tests.support.index import Fault, LocalIndex
from tests.support.matrices import PYTHON, cell
from tests.support.project import Project
from tests.support.torches import build_torch

OLD, NEW = cell("1.12.1"), cell("2.5.1")

OTHER = """
[selections.new]
description = "The newer one"
releases = ">=2"
"""


@pytest.fixture
def copy(index: LocalIndex, project: MakeProject) -> Project:
    """A project of two cells, one of which has a selection of its own."""
    index.add(build_torch("1.12.1"), build_torch("2.5.1"), channel="cpu")
    return project("1.12.1", "2.5.1", extra=OTHER)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-s", f"cell({NEW})"], [NEW]),
        (["-s", "cell"], [OLD, NEW]),
        (["-k", "cell and new"], [NEW]),
        (["-t", "new"], [NEW]),
        (["-s", "cell", "-p", PYTHON], [OLD, NEW]),
        (["-s", "new"], [NEW]),
        (["-s", "matrix", "--", "--torch", "<2"], [OLD]),
        (["-s", "matrix", "--", OLD], [OLD]),
        ([], [OLD, NEW]),
    ],
    ids=" ".join,
)
def test_selected_cells_run(copy: Project, arguments: list[str], expected: list[str]) -> None:
    done = copy.nox(*arguments)
    assert done.code == 0, done.output
    assert list(copy.records()) == expected


def test_a_python_without_cells_selects_none(copy: Project) -> None:
    assert copy.nox("-s", "cell", "-p", "3.99").code != 0
    assert copy.records() == {}


@pytest.mark.parametrize(
    "arguments", [["-j2", "-s", "matrix"], ["-s", "matrix", "--", "--jobs", "2"], ["-j2", "-s", "cell"]]
)
def test_many_cells_run_in_parallel(index: LocalIndex, project: MakeProject, arguments: list[str]) -> None:
    releases = ["1.12.1", "1.13.1", "2.4.1", "2.5.1"]
    index.add(*(build_torch(release) for release in releases), channel="cpu")
    copy = project(*releases)
    done = copy.nox(*arguments)
    assert done.code == 0, done.output
    assert {id: record["status"] for id, record in copy.records().items()} == {  # noqa: A001
        cell(release): "recorded" for release in releases
    }


def test_the_machine_readable_session_list(copy: Project) -> None:
    assert [session["session"] for session in json.loads(copy.nox("-l", "--json").stdout)] == ["matrix"]
    done = copy.nox("-l", "--json", "-s", "cell", "plan", "doctor", "accept", "report", "tests", "lint", "new")
    assert done.code == 0, done.output
    sessions = {session["session"]: session for session in json.loads(done.stdout)}
    assert sessions[f"cell({NEW})"]["python"] == PYTHON
    assert sessions[f"cell({NEW})"]["tags"] == ["matrix", "new"]
    assert sessions["new"]["description"] == "The newer one."
    assert {"accept", "report", "plan", "doctor", "tests", "lint"} <= sessions.keys()


def test_the_session_list_describes_each_session(copy: Project) -> None:
    said = copy.nox("-l").stdout
    assert "- new -> The newer one." in said
    assert f"- cell({OLD}) [matrix] -> Run one cell." in said
    assert "* matrix -> Run what has no current record" in said


def test_the_session_list_is_short_with_the_cells_last(copy: Project) -> None:
    listed = [line for line in copy.nox("-l").stdout.splitlines() if line.startswith(("* ", "- "))]
    names = [line.split(" ")[1] for line in listed]
    assert names[:2] == ["matrix", "new"]
    assert [name for name in names if name.startswith("cell(")] == names[-2:]
    assert {"report", "tests", "lint"} <= set(names[:-2])
    for line in listed:
        assert len(line) <= 80
        assert re.search(r" -> [A-Z].*\.$", line), line


@pytest.mark.parametrize(("columns", "color"), [("80", "FORCE_COLOR"), ("120", "NO_COLOR")])
def test_no_command_prints_trailing_blanks(copy: Project, columns: str, color: str) -> None:
    copy.env.update({"COLUMNS": columns, color: "1", "TERM": "xterm-256color"})
    commands = [["run", NEW], ["run"], ["accept"], ["report"], ["report", "--timings"], ["report", "--all", "--cells"]]
    commands += [["report", "--compare", "1.12.1", "2.5.1"], ["doctor"], ["plan"], ["plan", "--simulate", "1,2"]]
    commands += [["scan", "torch/version.py"], ["scan", "torch/version.py", "--diff", "1.12.1", "2.5.1"]]
    commands += [["bisect", "--observation", "script", "--good", "1.12.1", "--bad", "2.5.1"]]
    commands += [["qualify", "2.5.1", "--baseline", "1.12.1", "--build", "cpu"], ["--help"], ["report", "--help"]]
    for command in commands:
        done = copy.scripts(*command)
        assert done.output, command
        lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", done.output).split("\n")
        assert [line for line in lines if line != line.rstrip()] == [], command


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[limits]", "[limit]"), "limit: unknown key 'limit'; did you mean 'limits'?"),
        (('">=0"', '">>0"'), "not a PEP 440 specifier: '>>0'"),
        (('"cpu"]', '"cup"]'), "selections.matrix.builds: unknown build 'cup'; did you mean 'cpu'?"),
        (("schema = 1", "schema = "), "not TOML"),
    ],
    ids=["key", "specifier", "build", "TOML"],
)
def test_every_session_reports_a_bad_matrix(copy: Project, change: tuple[str, str], said: str) -> None:
    copy.write_matrix((copy.root / "matrix.toml").read_text().replace(*change))
    for arguments in (["-l"], ["-s", "matrix"]):
        done = copy.nox(*arguments)
        assert done.code == 1
        assert "matrix.toml: " in done.stderr
        assert said in done.stderr
        assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--selection", "matrx"], "unknown selection 'matrx'; did you mean 'matrix'?"),
        (["2.5.1-cup-py3.11"], "unknown build 'cup'; did you mean 'cpu'?"),
        (["2.5.1"], "is not a cell id; one looks like"),
        (["--jobs", "0"], "not a positive integer: '0'"),
        (["--torch", "2.5"], "not a PEP 440 specifier: '2.5'; example:"),
        (["--torch", ">9"], "no cell matches these options; `nox -s plan` lists all cells"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_usage_errors_name_the_remedy(copy: Project, arguments: list[str], said: str) -> None:
    done = copy.scripts("run", *arguments)
    assert done.code == 2
    assert said in done.stderr
    assert copy.nox("-s", "matrix", "--", *arguments).code == 1


def test_each_session_has_help(copy: Project) -> None:
    for session in ("matrix", "new", f"cell({NEW})", "plan"):
        done = copy.nox("-s", session, "--", "--help")
        assert done.code == 0, done.output
        assert "usage: nox -s" in done.stdout


def test_the_plan_lists_current_cells_and_downloads(index: LocalIndex, copy: Project) -> None:
    def planned() -> dict[str, dict[str, object]]:
        done = copy.scripts("plan", "--format", "json")
        assert done.code == 0, done.output
        return {item["id"]: item for item in json.loads(done.stdout)["cells"]}

    assert {(item["current"], item["wheels"]) for item in planned().values()} == {(False, None)}
    assert copy.scripts("run", NEW).code == 0
    assert planned()[NEW]["current"] is True
    assert planned()[NEW]["to_come"] == 0
    assert planned()[OLD]["current"] is False
    torch = len(build_torch("2.5.1").content)
    wheels = planned()[NEW]["wheels"]
    assert isinstance(wheels, int)
    assert wheels > torch  # the index of torch tells no sizes


def test_doctor_shows_what_is_available_without_downloading(index: LocalIndex, copy: Project) -> None:
    done = copy.scripts("doctor")
    assert done.code == 0, done.output
    assert "2 of 2 available here" in done.stdout
    assert index.url("cpu") in done.stdout
    index.fail("cpu", Fault.status(503))
    said = copy.scripts("doctor").stdout
    assert "(unreachable: " in said
    assert "; using its fallback 'default'" in said
    assert index.downloads() == []
    assert not (copy.state / "records").exists()
