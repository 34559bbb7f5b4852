"""Various suites, run by a real pytest: each collected test has a verdict, or the record is incomplete."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from scripts.config.model import Limits
from scripts.config.suite import Suite
from scripts.run import pytest_runs
from scripts.run.events import TestFinished
from scripts.run.pytest_runs import SuiteReport
from tests.unit.cells.test_recorder import TORCH

THREE = """
    def test_one(): assert False
    def test_two(): pass
    def test_three(): assert False
    """
ALL = {"test_it.py::test_one": "failed", "test_it.py::test_two": "passed", "test_it.py::test_three": "failed"}


def run(folder: Path, files: Mapping[str, str], *, limit: float = 60, startup: float = 60) -> SuiteReport:
    """What a suite of some files reports, with a torch of a few lines that its conftest puts on the path."""
    suite, site = folder / "suite", folder / "site"
    path = f"import sys; sys.path.insert(0, {str(site)!r})\n"
    written = {**files, "conftest.py": path + textwrap.dedent(files.get("conftest.py", ""))}
    for root, texts in ((site, TORCH), (suite, written)):
        for name, text in texts.items():
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(textwrap.dedent(text), encoding="utf-8")
    tested = Suite(name="mine", folder=suite, limits=Limits(startup=startup, probe=limit))
    return pytest_runs.run(Path(sys.executable), tested, log=folder / "x.log", gpu=False)


def verdicts(report: SuiteReport) -> dict[str, str]:
    found = {event.test: str(event.outcome) for event in report.events if isinstance(event, TestFinished)}
    return {**found, **{abort.test: abort.message for abort in report.aborted if abort.test}}


@pytest.mark.parametrize(
    "option",
    [
        *("-x", "--maxfail=1", "-n 2", "-p no:terminal", "-p no:python", "-p no:recorder", "--co", "-k two"),
        *("-m slow", "--lf", "--ff", "--sw", "--deselect test_it.py::test_one", "--setup-only", "--fixtures"),
        "--setup-plan",
    ],
)
def test_options_of_a_suite_skip_no_test(tmp_path: Path, option: str) -> None:
    report = run(tmp_path, {"pytest.ini": f"[pytest]\naddopts = {option} --strict-markers", "test_it.py": THREE})
    assert (verdicts(report), report.missing, report.aborted) == (ALL, (), ()), report.output


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[tool.pytest.ini_options]\naddopts = ['-x']\npython_functions = ['check_*']"),
        ("setup.cfg", "[tool:pytest]\naddopts = -x\npython_functions = check_*"),
        ("tox.ini", "[pytest]\naddopts = -x\npython_functions = check_*"),
        ("pytest.ini", "[pytest]\naddopts = -x\npython_functions = check_*"),
    ],
)
def test_other_settings_of_a_suite_are_kept(tmp_path: Path, name: str, text: str) -> None:
    files = {
        name: text,
        "conftest.py": "import pytest\n@pytest.fixture\ndef mine(): return 7",
        "test_it.py": "def check_one(): assert 0\ndef check_two(mine): assert mine == 7\ndef test_no(): pass",
    }
    expected = {"test_it.py::check_one": "failed", "test_it.py::check_two": "passed"}
    assert verdicts(run(tmp_path, files)) == expected


@pytest.mark.parametrize(
    ("act", "message"),
    [
        ("import pytest; pytest.exit('enough', returncode=0)", "ended with exit code 0"),
        ("import pytest; pytest.exit('enough')", "ended with exit code 2"),
        ("import os; os._exit(0)", "ended with exit code 0"),
        ("raise KeyboardInterrupt", "ended with exit code 2"),
        ("import os; os.abort()", "crashed by SIGABRT"),
    ],
)
def test_a_crash_aborts_only_its_test(tmp_path: Path, act: str, message: str) -> None:
    report = run(tmp_path, {"test_it.py": f"def test_a(): pass\ndef test_b():\n    {act}\ndef test_c(): pass"})
    expected = {"test_it.py::test_a": "passed", "test_it.py::test_b": message, "test_it.py::test_c": "passed"}
    assert (verdicts(report), report.missing) == (expected, ())


def test_stopping_the_session_skips_no_test(tmp_path: Path) -> None:
    stop = "def pytest_runtest_teardown(item): item.session.shouldstop = 'enough'"
    assert verdicts(run(tmp_path, {"conftest.py": stop, "test_it.py": THREE})) == ALL


def test_options_set_by_a_conftest_skip_no_test(tmp_path: Path) -> None:
    text = "def pytest_configure(config): config.option.maxfail = 1; config.option.keyword = 'two'"
    assert verdicts(run(tmp_path, {"conftest.py": text, "test_it.py": THREE})) == ALL


def test_after_a_crash_before_the_first_test_the_others_are_missing(tmp_path: Path) -> None:
    conftest = """
        import os, pathlib
        def pytest_sessionstart(session):
            if pathlib.Path("begun").exists(): os._exit(9)
        def pytest_runtest_setup(item): pathlib.Path("begun").touch()
        """
    report = run(
        tmp_path, {"conftest.py": conftest, "test_it.py": "import os\ndef test_a(): os._exit(1)\ndef test_b(): 0"}
    )
    assert verdicts(report) == {"test_it.py::test_a": "ended with exit code 1"}
    assert report.missing == ("test_it.py::test_b",)


def test_a_killed_test_is_retried_once(tmp_path: Path) -> None:
    act = "import os, pathlib, signal\ndef test_a(): pass\ndef test_b():\n    {}os.kill(os.getpid(), signal.SIGKILL)\n"
    once = "pathlib.Path('x').exists() or pathlib.Path('x').touch() or "
    report = run(tmp_path / "once", {"test_it.py": act.format(once) + "def test_c(): pass"})
    assert set(verdicts(report).values()) == {"passed"}
    assert (len(verdicts(report)), report.aborted, report.missing) == (3, (), ())
    report = run(tmp_path / "always", {"test_it.py": act.format("") + "def test_c(): pass"})
    assert [(abort.test, abort.outcome) for abort in report.aborted] == [("test_it.py::test_b", "killed")]
    assert verdicts(report)["test_it.py::test_c"] == "passed"


@pytest.mark.parametrize("name", ["old [x]", "$HOME", "with blanks", "a::b", "ü ✓", "~", "-x", "%d {x}"])
def test_any_folder_name_works(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    writes = "import pathlib\ndef test_a(): pathlib.Path('left').touch()"
    report = run(folder, {"test_it.py": writes, "sub [1]/test_it_too.py": "def test_b(): pass"})
    assert verdicts(report) == {"test_it.py::test_a": "passed", "sub [1]/test_it_too.py::test_b": "passed"}, (
        report.output
    )
    assert not (folder / "suite" / "left").exists()


def test_a_line_break_in_a_file_name_does_not_repeat_a_crash(tmp_path: Path) -> None:
    report = run(tmp_path, {"test_a\nb.py": "import os\ndef test_a(): os.abort()", "test_c.py": "def test_c(): pass"})
    assert verdicts(report) == {"test_a\nb.py::test_a": "crashed by SIGABRT", "test_c.py::test_c": "passed"}


def test_a_file_name_that_is_not_utf_8_does_not_repeat_a_crash(tmp_path: Path) -> None:
    (tmp_path / "suite").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/suite/test_\xff.py")).write_text("import os\ndef test_a(): os.abort()")
    report = run(tmp_path, {"test_c.py": "def test_c(): pass"})
    assert verdicts(report) == {"test_\\udcff.py::test_a": "crashed by SIGABRT", "test_c.py::test_c": "passed"}


@pytest.mark.parametrize(
    "spoil",
    [
        "path.unlink()",
        "path.write_text('')",
        "path.open('a').write('{\"event\": \"finished\"')",
        'path.open(\'a\').write(\'{"event": "finished", "exit": 0, "tests": 9}\\n\')',
        'path.open(\'a\').write(\'{"event": "started", "torch": {"version": "9"}}\\n\')',
        "path.unlink(); os.mkfifo(path); path.chmod(0)",
    ],
)
def test_a_test_can_only_make_the_events_incomplete(tmp_path: Path, spoil: str) -> None:
    code = f"""
        import os, pathlib
        def test_a(): pass
        def test_b():
            for path in pathlib.Path("..").glob("events*"):
                {spoil}
        def test_c(): pass
        """
    report = run(tmp_path, {"test_it.py": code}, limit=10, startup=10)
    tests = [f"test_it.py::test_{name}" for name in "abc"]
    assert report.missing or report.started is None or list(verdicts(report)) == tests
    assert "9" not in {event.torch.version for event in [report.started] if event}


def test_an_invalid_observation_name_fails_the_test(tmp_path: Path) -> None:
    report = run(tmp_path, {"test_it.py": "def test_a(observe):\n    with observe(5): pass\ndef test_b(): pass"})
    assert verdicts(report) == {"test_it.py::test_a": "failed", "test_it.py::test_b": "passed"}
    assert report.problems == report.missing == ()
