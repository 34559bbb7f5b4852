"""From the probes' events to a record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.config.cell import Cell
from scripts.index.sources import Source
from scripts.records.model import FreshRecord, Run
from scripts.run import recording
from scripts.run.events import TorchVersions, parse
from scripts.run.failures import CellError
from scripts.run.locks import Lock, LockedWheel
from scripts.run.pytest_runs import SuiteReport
from scripts.run.session import Abort, AbortedTest

CELL = Cell(torch="2.5.1", build="cpu", python="3.11")
RUN = Run(asked=CELL.id, inputs="0", recorded_at="2026-01-01T00:00:00+00:00", machine="any")
STARTED = {"event": "started", "torch": {"version": "2.5.1+cu124", "git_version": "abc", "cuda": "12.4", "hip": None}}
RAISED = {
    "exception": "builtins.RuntimeError",
    "bases": ["builtins.Exception"],
    "message": "at /home/somebody/x.py:12",
    "frames": [{"file": "torch/x.py", "line": 1, "function": "f"}],
    "traceback": "Traceback …",
}


def locked(name: str, version: str) -> LockedWheel:
    url = f"https://example.org/{name}-{version.replace('+', '%2B')}-py3-none-any.whl"
    return LockedWheel(name=name, version=version, url=url, sha256="f" * 64, size=1)


def lock(index: str | None = None) -> Lock:
    wheels = (locked("torch", "2.5.1+cpu"), locked("numpy", "1.26.4"))
    return Lock(path=Path("pylock.toml"), digest="0", wheels=wheels, source=Source(build="cpu", index=index))


def record(
    *events: dict[str, Any], aborted: tuple[AbortedTest, ...] = (), output: str = "", index: str | None = None
) -> FreshRecord:
    read = parse("\n".join(map(json.dumps, events)).encode())
    assert not read.problems
    report = SuiteReport(events=read.events, aborted=aborted, seconds=1.0, output=output)
    return recording.recorded(CELL, "linux-x86_64", lock(index), report, RUN)


def finished(test: str, outcome: str = "passed", **more: Any) -> dict[str, Any]:
    return {"event": "test-finished", "test": test, "outcome": outcome, **more}


def observed(name: str, outcome: str = "returned", **more: Any) -> dict[str, Any]:
    return {"event": "observed", "test": "t", "name": name, "outcome": outcome, **more}


# --- what was tested --------------------------------------------------------------------------------------------------


def test_the_cell_is_the_tested_one() -> None:
    made = record(STARTED, finished("t"))
    assert (made.status, made.cell.id, made.run.asked) == ("recorded", "2.5.1-cu124-py3.11", CELL.id)
    assert made.wheel is not None
    assert (made.wheel.filename, made.wheel.index) == ("torch-2.5.1+cpu-py3-none-any.whl", "default")
    assert made.packages == {"numpy": "1.26.4"}
    behind = record(STARTED, finished("t"), index="https://example.org/whl/cpu").wheel
    assert behind is not None
    assert behind.index == "cpu"


@pytest.mark.parametrize(
    ("version", "cuda", "hip", "build"),
    [
        ("2.5.1+cpu", None, None, "cpu"),
        ("2.5.1", None, None, "cpu"),
        ("2.5.1", "12.4", None, "cu124"),
        ("2.5.1+cu124", "12.4", None, "cu124"),
        ("1.12.1+cu102.post2", "10.2", None, "cu102"),
        ("2.5.1+rocm6.2", None, "6.2", "rocm6.2"),
        ("2.5.1", None, "6.2", "rocm6.2"),
        ("2.5.1+xpu", None, None, "xpu"),
        ("2.5.1+gitabc123", "12.4", None, "cu124"),
    ],
)
def test_the_build_comes_from_label_or_cuda(version: str, cuda: str | None, hip: str | None, build: str) -> None:
    assert recording.tested_build(TorchVersions(version=version, cuda=cuda, hip=hip)) == build


def test_a_torch_of_another_version_than_its_wheel_is_an_error() -> None:
    other = {"event": "started", "torch": {"version": "2.5.0", "cuda": None, "hip": None}}
    with pytest.raises(CellError, match=r"the wheel of 2\.5\.1 says it is 2\.5\.0") as caught:
        record(other, finished("t"))
    assert (caught.value.status, caught.value.reason.kind) == ("error", "wrong version")


# --- tests and observations ------------------------------------------------------------------------------------------


def test_texts_are_normalised_and_tracebacks_stay_with_the_run() -> None:
    warned = [{"category": "builtins.UserWarning", "message": "in /home/somebody/y.py:3"}]
    made = record(STARTED, observed("trace", "raised", phase="tracing", warnings=warned, **RAISED), finished("t"))
    trace = made.observations["trace"]
    assert (trace.message, trace.warnings[0].message, trace.phase) == ("at x.py", "in y.py", "tracing")
    assert made.run.tracebacks == {"trace": "Traceback …"}
    assert "tracebacks" not in made.accepted().model_dump()


def test_blocked_and_skipped_observations_have_a_reason() -> None:
    made = record(
        STARTED, observed("a", "blocked", blocked_by="b"), observed("c", "skipped", why="none"), finished("t")
    )
    assert (made.observations["a"].blocked_by, made.observations["c"].why) == ("b", "none")


def test_an_observation_that_ended_its_process_is_recorded() -> None:
    abort = AbortedTest(test="t", observation="trace", outcome="crashed", message="crashed by SIGSEGV")
    begun = {"event": "observing", "test": "t", "name": "trace"}
    made = record(STARTED, begun, observed("script"), finished("u"), aborted=(abort,))
    assert made.status == "recorded"
    assert (made.tests["t"].outcome, made.tests["t"].message) == ("crashed", "crashed by SIGSEGV")
    assert (made.observations["trace"].outcome, made.observations["trace"].test) == ("crashed", "t")
    assert made.observations["script"].outcome == "returned"


# --- cells without a verdict ------------------------------------------------------------------------------------------


def test_a_failed_import() -> None:
    with pytest.raises(CellError, match="OSError: libx") as caught:
        record({"event": "import-failed", "exception": "builtins.OSError", "message": "libx"})
    assert (caught.value.status, caught.value.reason.stage, caught.value.reason.kind) == (
        "error",
        "import",
        "import failed",
    )


@pytest.mark.parametrize(
    ("outcome", "message", "status"),
    [("crashed", "crashed by SIGABRT", "crashed"), ("timed-out", "no sign of life within the limit", "timed-out")],
)
def test_a_process_that_ended_before_the_import(outcome: Abort, message: str, status: str) -> None:
    output = (
        "terminate called\n  what():  no\nFatal Python error: Aborted\n\n"
        '  File "x.py", line 1 in inner\n  File "y.py", line 2 in outer\n'
    )
    with pytest.raises(CellError) as caught:
        record(aborted=(AbortedTest(test=None, observation=None, outcome=outcome, message=message),), output=output)
    assert caught.value.status == status
    assert "terminate called" in str(caught.value)
    assert "in inner" in str(caught.value)
    assert "outer" not in str(caught.value)


def test_a_cell_with_collection_failures_only_is_an_error() -> None:
    failed = {"event": "collection-failed", "test": "test_x.py", "message": "No module named 'x'"}
    made = record(STARTED, failed)
    assert made.reason is not None
    assert (made.status, made.reason.stage, made.reason.kind) == ("error", "run", "collection failed")
    assert made.tests["test_x.py"].outcome == "error"
    assert record(STARTED, failed, finished("t")).status == "recorded"


def test_a_suite_without_tests_is_an_error() -> None:
    made = record(STARTED, {"event": "finished", "exit": 5})
    assert made.reason is not None
    assert (made.status, made.reason.kind) == ("error", "no probes")


def test_an_unavailable_cell() -> None:
    error = CellError("resolve", "no wheel", "none for this Python")
    made = recording.unavailable(CELL, "linux-x86_64", error, RUN, None)
    assert (made.status, made.cell.id, made.is_conclusive, made.usable) == ("unavailable", CELL.id, False, False)
