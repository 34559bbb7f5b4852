"""The recorder of tests/cells, run by a real pytest in a new process, with a minimal torch."""

from __future__ import annotations

import ast
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from scripts.run import harness

BUILT_IN = Path(__file__).parents[2] / "cells" / "parametrization"

TORCH = {
    "torch/__init__.py": """
        import warnings
        from . import _C, jit, version
        warnings.warn("old numpy", UserWarning)
        __version__ = "2.5.1+cpu"
        def set_warn_always(_): ...
        """,
    "torch/_C.py": "class JITException(RuntimeError): ...",
    "torch/version.py": "git_version = 'a8d6afb'; cuda = None; hip = None",
    "torch/jit/__init__.py": """
        from .._C import JITException as Error
        from ._trace import TracerWarning
        """,
    "torch/jit/_trace.py": """
        class TracerWarning(Warning): ...
        class Hidden(Exception): ...
        """,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """Result of one pytest process."""

    events: list[dict[str, Any]]
    code: int
    output: str

    def names(self) -> list[str]:
        return [event["event"] for event in self.events]

    def only(self, name: str, /, **fields: object) -> dict[str, Any]:
        """The one event that has these fields."""
        found = [e for e in self.events if e["event"] == name and fields.items() <= e.items()]
        assert len(found) == 1, (name, fields, found, self.output)
        return found[0]

    def observation(self, name: str) -> dict[str, Any]:
        """Return the event of an observation."""
        return self.only("observed", name=name)

    def verdict(self, test: str) -> dict[str, Any]:
        """The end of a test."""
        return self.only("test-finished", test=test)


class Suite:
    """A suite with the settings of the built-in one, the recorder, and an installed torch that isn't one."""

    def __init__(self, folder: Path) -> None:
        self.cells, self.site, self.work = folder / "cells", folder / "site-packages", folder / "work"
        self.events, self.done = folder / "events.jsonl", folder / "done.json"
        self.scratch = folder / "scratch"
        for path in (self.cells, self.scratch, self.work):
            path.mkdir()
        for name in ("conftest.py", "pytest.ini"):
            shutil.copy(BUILT_IN / name, self.cells)
        self.write(self.site, TORCH)

    def write(self, folder: Path, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")

    def probe(self, text: str, name: str = "test_it.py") -> Suite:
        """Add a file of probes."""
        self.write(self.cells, {name: text})
        return self

    def start(self, *, record: bool = True, **env: str) -> subprocess.Popen[str]:
        """Start pytest just as the engine does."""
        extra = {"MATRIX_EVENTS": str(self.events), "MATRIX_DONE": str(self.done)} if record else {}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "MATRIX_", "COV_"))}
        return subprocess.Popen(
            dataclasses.replace(harness.prepare(self.cells, self.scratch), work=self.work).command(
                Path(sys.executable)
            ),
            cwd=self.cells,
            env={**inherited, "PYTHONPATH": str(self.site), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **extra, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )

    def finish(self, process: subprocess.Popen[str], earlier: int = 0) -> Run:
        output, _ = process.communicate(timeout=60)
        return Run(events=self.read()[earlier:], code=process.returncode, output=output)

    def run(self, *, record: bool = True, **env: str) -> Run:
        """Run the suite; return the events of this process only."""
        earlier = len(self.read())
        return self.finish(self.start(record=record, **env), earlier)

    def leave_out(self, *tests: str, lost: Sequence[str] = ()) -> None:
        """Write the results of an earlier process."""
        self.done.write_text(json.dumps({"tests": tests, "lost": lost}), encoding="utf-8")

    def read(self) -> list[dict[str, Any]]:
        if not self.events.exists():
            return []
        return [json.loads(line) for line in self.events.read_bytes().splitlines() if line]

    def wait_for(self, name: str) -> None:
        """Until an event was written."""
        limit = time.monotonic() + 30
        while name not in [event["event"] for event in self.read()]:
            assert time.monotonic() < limit
            time.sleep(0.01)


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return Suite(tmp_path)


def test_events_are_in_order(suite: Suite) -> None:
    run = suite.probe("def test_a(observe):\n    with observe('one'): pass\ndef test_b(): pass").run()
    assert run.names() == [
        *("started", "collected", "test-started", "observing", "observed", "test-finished"),
        *("test-started", "test-finished", "finished"),
    ]
    assert run.only("collected")["tests"] == ["test_it.py::test_a", "test_it.py::test_b"]
    assert run.only("finished")["exit"] == run.code == 0
    assert len({event["pid"] for event in run.events}) == 1


def test_the_start_has_the_versions_of_torch(suite: Suite) -> None:
    started = suite.probe("def test_a(): pass").run().only("started")
    assert started["torch"] == {"version": "2.5.1+cpu", "git_version": "a8d6afb", "cuda": None, "hip": None}
    assert started["python"] == ".".join(map(str, sys.version_info[:3]))
    assert started["pytest"] == pytest.__version__
    assert started["warnings"] == [{"category": "builtins.UserWarning", "message": "old numpy"}]
    assert started["gpu"] is None
    assert 0 < started["seconds"] < 10


@pytest.mark.parametrize(("visible", "gpu"), [("0", "H100"), ("", None)])
def test_hidden_gpus_are_not_queried(suite: Suite, visible: str, gpu: str | None) -> None:
    cuda = "def is_available(): return True\ndef get_device_name(_): return 'H100'"
    suite.write(suite.site, {"torch/cuda.py": cuda, "torch/version.py": "cuda = '12.4'"})
    suite.write(suite.site, {"torch/__init__.py": "from . import cuda, version; __version__ = '2'"})
    assert suite.probe("def test_a(): pass").run(CUDA_VISIBLE_DEVICES=visible).only("started")["gpu"] == gpu


@pytest.mark.parametrize(
    ("torch", "exception", "message"),
    [
        (
            "raise ImportError('libtorch.so: \\ud800 not found')",
            "builtins.ImportError",
            "libtorch.so: \ud800 not found",
        ),
        ("raise SystemExit(3)", "builtins.SystemExit", "3"),
        ("", "builtins.AttributeError", "module 'torch' has no attribute 'version'"),
    ],
)
def test_no_test_runs_without_torch(suite: Suite, torch: str, exception: str, message: str) -> None:
    suite.write(suite.site, {"torch/__init__.py": torch})
    run = suite.probe("def test_a(): pass").run()
    assert run.names() == ["import-failed"]
    assert run.code == 70
    failed = run.only("import-failed")
    assert (failed["exception"], failed["message"]) == (exception, message)
    assert "Traceback" in failed["traceback"]


@pytest.mark.parametrize("end", ["os.abort()", "os._exit(0)", "pytest.exit('enough')", "raise KeyboardInterrupt"])
def test_a_crash_aborts_only_its_observation(suite: Suite, end: str) -> None:
    suite.probe(f"""
        import os, pytest
        def test_a(observe):
            with observe("first"): pass
            with observe("second"): {end}
        def test_b(observe):
            with observe("third"):
                with observe.needs("second"): pass
        """)
    first = suite.run()
    assert "finished" not in first.names()
    assert first.observation("first")["outcome"] == "returned"
    assert "test_a" not in [event.get("test") for event in first.events if event["event"] == "test-finished"]

    told = "observed" in [event["event"] for event in first.events if event.get("name") == "second"]
    suite.leave_out("test_it.py::test_a", lost=[] if told else ["second"])
    second = suite.run()
    assert second.only("collected")["tests"] == ["test_it.py::test_b"]
    assert second.only("finished")["exit"] == 0
    third = second.observation("third")
    assert (third["outcome"], third.get("blocked_by")) == (("returned", None) if told else ("blocked", "second"))


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGABRT from outside")
def test_a_hanging_process_prints_its_stack(suite: Suite) -> None:
    suite.probe("import time\ndef test_a(observe):\n    with observe('endless'): time.sleep(600)")
    process = suite.start()
    suite.wait_for("observing")
    process.send_signal(signal.SIGABRT)
    run = suite.finish(process)
    assert run.code == -signal.SIGABRT
    assert run.events[-1]["event"] == "observing"
    assert "test_it.py" in run.output
    assert "Fatal Python error: Aborted" in run.output


def test_a_collection_failure_affects_only_its_file(suite: Suite) -> None:
    suite.probe("import torch.no_such_thing", "test_broken.py").probe("def test_a(): pass")
    suite.probe("import pytest\npytest.importorskip('torch.export')", "test_skipped.py")
    run = suite.run()
    failed = run.only("collection-failed")
    assert failed["test"] == "test_broken.py"
    assert "No module named 'torch.no_such_thing'" in failed["message"]
    assert run.verdict("test_skipped.py")["outcome"] == "skipped"
    assert "could not import 'torch.export'" in run.verdict("test_skipped.py")["message"]
    assert run.verdict("test_it.py::test_a")["outcome"] == "passed"
    assert run.only("finished")["exit"] == 1


def test_a_process_without_remaining_tests_finishes(suite: Suite) -> None:
    suite.leave_out("test_it.py::test_a")
    run = suite.probe("def test_a(): pass").run()
    assert (run.only("collected")["tests"], run.only("finished")["exit"]) == ([], 5)


def test_without_an_events_file_the_suite_runs_as_usual(suite: Suite) -> None:
    suite.probe("""
        def test_good(observe):
            with observe("fine"): pass
            with observe("bad"): raise ValueError("so bad\\nin detail")
        def test_bad(): assert False
        """)
    run = suite.run(record=False)
    assert (run.code, run.events) == (1, [])
    assert "1 failed, 1 passed" in run.output
    assert "raised builtins.ValueError: so bad\n" in run.output


def test_settings_outside_the_suite_are_ignored(suite: Suite) -> None:
    outside = {"pytest.ini": "[pytest]\naddopts = --no-such-option", "conftest.py": "raise RuntimeError('not mine')"}
    suite.write(suite.work, outside)
    suite.write(suite.cells.parent, outside)
    assert suite.probe("def test_a(): pass").run().only("finished")["exit"] == 0


def test_no_cache_is_written(suite: Suite) -> None:
    suite.probe("def test_a(): pass").run()
    assert not list(suite.cells.parent.rglob(".pytest_cache"))
    assert list(suite.work.iterdir()) == []


def test_the_built_in_suite_records_the_documented_observations() -> None:
    calls = (node for path in BUILT_IN.glob("test_*.py") for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    names = [
        ast.literal_eval(node.args[0])
        for node in calls
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "observe"
    ]
    kinds: Callable[[str], list[str]] = lambda done: [f"{done}-call", f"{done}-call-under-cached"]  # noqa: E731
    expected = ["trace", *kinds("traced"), "trace-while-caching", "script", *kinds("scripted"), "script-while-caching"]
    assert sorted(names) == sorted(expected)


def test_a_note_is_recorded_with_what_returned(suite: Suite) -> None:
    run = suite.probe("""
        def test_a(observe):
            with observe("noted"): observe.note("digest abc")
            with observe("silent"): pass
            with observe("failed"):
                observe.note("digest abc")
                raise ValueError("why")
            with observe("empty"): observe.note(" ")
        """).run()
    assert run.observation("noted")["message"] == "digest abc"
    assert "message" not in run.observation("silent")
    assert run.observation("failed")["message"] == "why"
    assert run.observation("empty")["message"] == "a note must be a non-empty string, not ' '"


def test_a_known_defect_is_recorded_and_needs_a_sentence(suite: Suite) -> None:
    test = """
        import pytest

        @pytest.mark.parametrize("n", [1, 2])
        @pytest.mark.known_defect("saving  fails as upstream expects")
        def test_save(n):
            assert n == 1

        def test_plain(): ...
        """
    suite.write(suite.cells, {"test_suite.py": test})
    run = suite.run()
    for n, outcome in ((1, "passed"), (2, "failed")):
        verdict = run.verdict(f"test_suite.py::test_save[{n}]")
        assert (verdict["outcome"], verdict["known_defect"]) == (outcome, "saving fails as upstream expects")
    assert "known_defect" not in run.verdict("test_suite.py::test_plain")
    suite.write(suite.cells, {"test_suite.py": test.replace('"saving  fails as upstream expects"', "")})
    suite.events.unlink()
    refused = suite.run()
    assert refused.code == pytest.ExitCode.USAGE_ERROR
    assert "test_save[1]: the marker known_defect takes one sentence: @pytest.mark.known_defect(" in refused.output
