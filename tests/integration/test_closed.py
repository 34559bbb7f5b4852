"""Closed cells and true fingerprints: a hostile shell, what a suite declares, mirrors, and tests that are edited."""

from __future__ import annotations

import datetime as dt
import json
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from scripts.core import machine
from tests.integration.conftest import MakeProject
from tests.support.index import LocalIndex
from tests.support.matrices import cell
from tests.support.project import Finished, Project
from tests.support.shells import HOSTILE, SECRETS, WHICH
from tests.support.torches import build_torch
from tests.support.wheels import build_package

CELL = cell("2.5.1")
#: These would change what the engine prints, or where its own Python finds modules.
_OF_THE_ENGINE = (
    "FORCE_COLOR",
    "COLUMNS",
    "PYTHONPATH",
    "PYTHONSAFEPATH",
    "PYTHONUTF8",
    "PYTHONIOENCODING",
    "PYTHONWARNINGS",
)


@pytest.fixture
def copy(index: LocalIndex, project: MakeProject) -> Project:
    """A copy of the project with one release."""
    index.add(build_torch("2.5.1"), channel="cpu")
    return project("2.5.1")


def add_test(copy: Project, text: str, name: str = "test_more.py") -> Path:
    path = copy.suite / name
    path.write_text(text)
    return path


def results(copy: Project) -> dict[str, bytes]:
    folder = copy.root / "results"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def planned(copy: Project, *options: str, env: dict[str, str | None] | None = None) -> bool:
    """Return whether the only cell is current."""
    done = copy.scripts("plan", "--format", "json", *options, env=env)
    assert done.code == 0, done.output
    (found,) = json.loads(done.stdout)["cells"]
    return bool(found["current"])


# --- a hostile shell --------------------------------------------------------------------------------------------------

_SEES = f"""\
import json, locale, os, sys, time

def test_environment(observe):
    seen = {{name: os.environ[name] for name in {sorted({*HOSTILE, *SECRETS})!r} if name in os.environ}}
    umask = os.umask(0)
    os.umask(umask)
    fixed = [hash("x"), time.tzname, locale.getpreferredencoding(False), umask, sys.flags.dev_mode, sys.flags.optimize]
    with observe("environment"):
        raise LookupError(json.dumps([seen, fixed]))
"""


def hostile(copy: Project, *arguments: str) -> Finished:
    """Run nox in a shell with everything that the issue names, and no permissions for others."""
    shell = {name: value for name, value in HOSTILE.items() if name not in _OF_THE_ENGINE}
    command = shlex.join([sys.executable, "-m", "nox", *arguments])
    return copy.run(["sh", "-c", f"umask 077; exec {command}"], env=shell, timeout=120)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_a_hostile_shell_gives_the_same_bytes_as_a_clean_one(copy: Project) -> None:
    add_test(copy, _SEES)
    assert copy.nox("-s", "matrix").code == 0
    assert copy.nox("-s", "accept").code == 0
    clean = results(copy)
    shutil.rmtree(copy.root / "results")
    shutil.rmtree(copy.root / ".matrix")
    done = hostile(copy, "-s", "matrix")
    assert done.code == 0, done.output
    (note,) = [line for line in done.stderr.splitlines() if line.startswith("note: ignored")]
    assert {name.strip(",") for name in note.split() if name.startswith(("UV_", "PIP_"))} == set(WHICH)
    assert hostile(copy, "-s", "accept").code == 0
    assert results(copy) == clean
    record = copy.results()[CELL]
    seen, _ = json.loads(record["observations"]["environment"]["message"])
    assert not {*SECRETS, *WHICH, "PYTORCH_JIT", "PYTEST_PLUGINS", "LD_LIBRARY_PATH"} & set(seen)
    assert planned(copy, env={"PYTORCH_JIT": "0"}), "a shell's variable is no part of the fingerprint"


def test_settings_that_select_versions_are_ignored_and_named(copy: Project, index: LocalIndex, tmp_path: Path) -> None:
    old = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    index.add(build_package("extra", "1.0", upload_time=old), build_package("extra", "2.0", upload_time=old))
    config = tmp_path / "home" / ".config" / "uv" / "uv.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'resolution = "lowest"\nexclude-newer = "2001-01-01"\nindex-url = "{index.url()}"\n')
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "above"\nversion = "0"\n[tool.uv.workspace]\n'
        'members = ["project/.matrix/parametrization/locks/*"]\n'
        '[tool.uv.sources]\nextra = { url = "https://nowhere.invalid/extra-3.0-py3-none-any.whl" }\n'
    )
    env = {"UV_NO_CONFIG": None, "UV_DEFAULT_INDEX": None, "PIP_INDEX_URL": "https://nowhere.invalid"}
    done = copy.scripts("run", "--require", "extra", env=env)
    assert done.code == 0, done.output
    assert f"resolution in {config}, exclude-newer in {config}" in done.stderr
    assert copy.records()[CELL]["packages"]["extra"] == "2.0"
    assert f"resolution in {config}" in copy.scripts("doctor", env=env).stdout


@pytest.mark.parametrize("command", ["run", "plan", "doctor"])
def test_an_unusable_setting_is_named(copy: Project, command: str) -> None:
    done = copy.scripts(command, env={"UV_HTTP_TIMEOUT": "abc"})
    assert (done.code, done.stderr) == (2, "error: UV_HTTP_TIMEOUT: 'abc' is not a whole number of seconds\n")


# --- what a suite declares --------------------------------------------------------------------------------------------


def test_a_suite_gets_its_declared_variables(copy: Project) -> None:
    add_test(copy, "import os\n\ndef test_x():\n    assert os.environ.get('MINE') == 'yes'\n")

    def outcome() -> str:
        return str(copy.records()[CELL]["tests"]["test_more.py::test_x"]["outcome"])

    assert copy.scripts("run", env={"MINE": "yes"}).code == 0
    assert outcome() == "failed"
    assert not planned(copy, "--env", "MINE=yes")
    assert copy.scripts("run", "--env", "MINE=yes").code == 0
    assert (outcome(), planned(copy, "--env", "MINE=yes"), planned(copy)) == ("passed", True, False)
    matrix = (
        (copy.root / "matrix.toml").read_text().replace("plugins = false", 'plugins = false\nenv = { MINE = "yes" }')
    )
    copy.write_matrix(matrix)
    assert planned(copy), "declared in matrix.toml or by an option: the question is the same"
    copy.write_matrix(matrix.replace("MINE", "MATRIX_DONE"))
    done = copy.scripts("run")
    assert (done.code, "suites.parametrization.env: MATRIX_DONE is set by the engine" in done.stderr) == (2, True)


@pytest.mark.parametrize("command", ["run", "plan", "bisect", "qualify"])
@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--env=FOO", "argument --env: 'FOO' has no value; write NAME=VALUE"),
        ("--env=1A=x", "argument --env: '1A' is not a variable name"),
        ("--env=HOME=x", "argument --env: HOME is set by the engine"),
        ("--exclude-newer=yesterday", "not a date or a timestamp with a time zone: 'yesterday'"),
        ("--exclude-newer=2026-02-30", "not a date or a timestamp with a time zone: '2026-02-30'"),
    ],
)
def test_bad_options_of_the_environment_are_named(copy: Project, command: str, option: str, message: str) -> None:
    done = copy.scripts(command, option)
    assert (done.code, message in done.stderr) == (2, True), done.output


def test_a_command_runs_in_the_same_closed_environment(index: LocalIndex, copy: Project) -> None:
    index.add(build_torch("2.6.0"), channel="cpu")
    copy.write_matrix((copy.root / "matrix.toml").read_text().replace('"2.5.1"', '"2.5.1", "2.6.0"'))
    (copy.root / "check.py").write_text(
        "import os, sys\n"
        "assert os.environ['MINE'] == 'yes' and os.environ['TZ'] == 'UTC', os.environ\n"
        "assert not {'PYTORCH_JIT', 'GITHUB_TOKEN'} & set(os.environ)\n"
        "sys.exit(sys.argv[1].startswith('2.6'))\n"
    )
    found = copy.scripts(
        *("bisect", "--good", "2.5.1", "--bad", "2.6.0", "--command", "{python} check.py {torch}", "--env", "MINE=yes"),
        *("--no-evidence", "--format", "json"),
        env=HOSTILE | dict.fromkeys(_OF_THE_ENGINE),
    )
    assert found.code == 0, found.output
    assert "--env MINE=yes" in json.loads(found.stdout)["findings"][0]["reproduce"]


# --- as of a day ------------------------------------------------------------------------------------------------------


def test_exclude_newer_ignores_later_files(copy: Project, index: LocalIndex) -> None:
    for version, year in (("1.0", 2024), ("2.0", 2025)):
        index.add(build_package("extra", version, upload_time=dt.datetime(year, 6, 1, 12, tzinfo=dt.UTC)))
    options = ("--require", "extra", "--exclude-newer")
    assert copy.scripts("run", "--require", "extra").code == 0
    assert copy.records()[CELL]["packages"]["extra"] == "2.0"
    assert not planned(copy, *options, "2025-05-31")
    assert copy.scripts("run", *options, "2025-05-31").code == 0
    record = copy.records()[CELL]
    assert record["packages"]["extra"] == "1.0"
    assert record["run"]["exclude_newer"] == "2025-06-01T00:00:00Z"
    assert planned(copy, *options, "2025-06-01T02:00:00+02:00"), "the same moment"
    assert copy.scripts("run", *options, "2025-06-01").code == 0
    assert copy.records()[CELL]["packages"]["extra"] == "2.0"


# --- mirrors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "UV_INDEX", "PIP_EXTRA_INDEX_URL", "UV_FIND_LINKS"])
def test_another_index_makes_records_out_of_date(copy: Project, index: LocalIndex, name: str) -> None:
    assert copy.scripts("run").code == 0
    assert planned(copy)
    assert not planned(copy, env={name: index.url("other")})
    same = {"UV_DEFAULT_INDEX": None, "UV_INDEX_URL": f"{index.url()}/"}
    assert planned(copy, env=same), "the same index by another name"


def test_records_made_with_another_mirror_stay_current(copy: Project, index: LocalIndex, tmp_path: Path) -> None:
    assert copy.scripts("run").code == 0
    theirs = tmp_path / "theirs"
    shutil.copytree(copy.state / "records", theirs)
    shutil.rmtree(copy.state / "records")
    mirror: dict[str, str | None] = {"UV_DEFAULT_INDEX": f"{index.url()}?mirror", "PIP_INDEX_URL": None}
    assert copy.scripts("merge", str(theirs), env=mirror).code == 0
    assert planned(copy, env=mirror)
    plan = copy.root / ".matrix" / "plan" / "plan.json"
    plan.parent.mkdir(parents=True)
    plan.write_text(json.dumps({"schema": 1, "cells": [{"platform": machine.platform_name(), "id": CELL}]}))
    shutil.rmtree(copy.state / "records")
    report = copy.scripts("ci", "report", str(theirs), env=mirror)
    assert report.code == 0, report.output
    facts = json.loads((copy.state / "reports" / "ci" / "facts.json").read_text())
    assert (facts["recorded"], facts.get("missing", [])) == (1, [])


# --- tests that are edited --------------------------------------------------------------------------------------------

#: Edits another file of the suite while it runs, and puts it back, as a person with an editor might.
_EDITS = """\
import os, pathlib

def test_edit():
    file, marker = pathlib.Path(__file__).with_name("data.txt"), pathlib.Path({marker!r})
    if {times} > (len(marker.read_text()) if marker.exists() else 0):
        marker.open("a").write("x")
        content, stat = file.read_bytes(), file.stat()
        file.write_bytes(b"edited")
        file.write_bytes({back})
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no time of the last change of a file's state")
@pytest.mark.parametrize(
    ("times", "back", "runs", "current"),
    [
        (1, "content", 2, True),  # edited and put back once: what was seen then does not count
        (99, "content", 2, True),  # written every time, always the same: the suite's own doing
        (99, "content + b'more'", 2, False),  # it never stays the same
    ],
)
def test_a_suite_that_changes_while_it_runs(copy: Project, times: int, back: str, runs: int, *, current: bool) -> None:
    (copy.suite / "data.txt").write_text("data")
    marker = copy.root.parent / "marker"
    add_test(copy, _EDITS.format(marker=str(marker), times=times, back=back))
    assert copy.scripts("run").code == 0
    log = (copy.root / copy.records()[CELL]["run"]["log"]).read_text()
    assert log.count("test session starts") == runs
    assert "running again: files of the suite were written: suite/data.txt" in log
    assert planned(copy) == current
    assert (copy.records()[CELL]["run"]["inputs"] != "") == current


def test_line_endings_and_compiled_files_change_nothing(copy: Project) -> None:
    assert copy.scripts("run").code == 0
    for path in copy.suite.rglob("*.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    (copy.suite / ".pytest_cache").mkdir(exist_ok=True)
    (copy.suite / ".pytest_cache" / "README.md").write_text("x")
    assert planned(copy)
