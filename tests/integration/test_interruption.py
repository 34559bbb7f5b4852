"""Runs that are killed or interrupted: no finished cell is lost or repeated, and no process is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.conftest import MakeProject
from tests.support.behaviour import Behaviour, hangs
from tests.support.index import Fault, LocalIndex
from tests.support.matrices import cell
from tests.support.project import Project, kill_tree
from tests.support.torches import build_torch

FIRST, SECOND = "2.4.1", "2.5.1"
MATRIX = [sys.executable, "-m", "nox", "-s", "matrix"]


def until(condition: Callable[[], Any], *, seconds: float = 30) -> None:
    """Wait for what other processes do."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it never came"
        time.sleep(0.05)


def of_project(copy: Project) -> list[psutil.Process]:
    """Every process that works for a copy of the project, whoever started it: all have its HOME or its folder."""
    found = []
    for process in psutil.process_iter():
        try:
            environ, folder = process.environ(), process.cwd()
        except (psutil.Error, OSError):
            continue
        if environ.get("UV_CACHE_DIR") == copy.env["UV_CACHE_DIR"] or Path(folder).is_relative_to(copy.root):
            found.append(process)
    return found


def stopped(copy: Project, run: subprocess.Popen[str], number: signal.Signals) -> int:
    """Send a signal to the run alone; its exit code, once nothing of it is left."""
    try:
        os.kill(run.pid, number)
        run.communicate(timeout=30)
        until(lambda: of_project(copy) == [])
    finally:
        kill_tree(run)
    return run.returncode


def resolving(index: LocalIndex, copy: Project) -> Callable[[], bool]:
    """The second cell is being resolved, once the first is recorded."""
    index.fail(f"*/torch-{SECOND}*.metadata", Fault.hang())
    return lambda: bool(index.requests_to(f"*/torch-{SECOND}*.metadata")) and len(copy.records()) == 1


def downloading(index: LocalIndex, copy: Project) -> Callable[[], bool]:
    """The second cell's torch is coming, slowly."""
    index.fail(f"*/torch-{SECOND}*.whl", Fault.slow(1000))
    return lambda: index.sent(f"*/torch-{SECOND}*.whl") > 0 and len(copy.records()) == 1


def probing(index: LocalIndex, copy: Project) -> Callable[[], bool]:
    """The second cell's probes are running, and one hangs."""
    wheel = build_torch(SECOND)
    index.remove(wheel, channel="cpu")
    index.add(build_torch(SECOND, behaviour=Behaviour(observations={"trace": hangs()})), channel="cpu")
    log = copy.state / "logs" / f"{cell(SECOND)}.attempt.log"
    return lambda: log.exists() and "test_trace.py" in log.read_text() and len(copy.records()) == 1


@pytest.mark.parametrize(
    ("stage", "number"),
    [
        *((stage, number) for stage in (resolving, downloading, probing) for number in (signal.SIGKILL, signal.SIGINT)),
        (probing, signal.SIGTERM),
    ],
    ids=lambda parameter: parameter.__name__ if callable(parameter) else parameter.name,
)
def test_a_stopped_run_continues(
    index: LocalIndex,
    project: MakeProject,
    stage: Callable[[LocalIndex, Project], Callable[[], bool]],
    number: signal.Signals,
) -> None:
    index.add(build_torch(FIRST), build_torch(SECOND), channel="cpu")
    copy = project(FIRST, SECOND, extra="[budget]\njobs = 2\n")
    reached = stage(index, copy)
    run = copy.start(MATRIX)
    until(reached)
    code = stopped(copy, run, number)
    assert code == (-number if number == signal.SIGKILL else 1)
    finished = copy.records()
    assert list(finished) == [cell(FIRST)]

    index.heal()
    index.remove(build_torch(SECOND), channel="cpu")
    index.add(build_torch(SECOND), channel="cpu")
    index.forget()
    done = copy.nox("-s", "matrix")
    assert done.code == 0, done.output
    assert copy.records()[cell(FIRST)] == finished[cell(FIRST)]
    assert copy.records()[cell(SECOND)]["status"] == "recorded"
    assert not index.requests_to(f"*/torch-{FIRST}*")
    assert not list((copy.state / "envs").iterdir())


def test_a_run_completes_after_repeated_kills(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch(FIRST), build_torch(SECOND), channel="cpu")
    copy = project(FIRST, SECOND, extra="[budget]\njobs = 1\n")
    finished: dict[str, Any] = {}
    for requests in (1, 8, 16, 24):
        index.forget()
        run = copy.start(MATRIX)
        until(lambda: run.poll() is not None or len(index.requests) >= requests)  # noqa: B023 - called in this round
        stopped(copy, run, signal.SIGKILL)
        now = copy.records()
        assert finished.items() <= now.items()
        finished = now
    assert copy.nox("-s", "matrix").code == 0
    assert finished.items() <= copy.records().items()
    assert {record["status"] for record in copy.records().values()} == {"recorded"}


def test_a_waiting_cell_does_not_block_an_interrupted_run(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch(FIRST), build_torch(SECOND), channel="cpu")
    index.fail(f"*/torch-{FIRST}*.metadata", Fault.hang())
    copy = project(FIRST, SECOND, extra="[budget]\njobs = 2\n")
    run = copy.start(MATRIX)
    lock = copy.state / "locks" / cell(SECOND) / "pylock.toml"
    until(lambda: index.requests_to(f"*/torch-{FIRST}*.metadata") and lock.exists())
    assert stopped(copy, run, signal.SIGINT) == 1
    assert copy.records() == {}


def test_processes_started_by_a_test_are_killed(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch(SECOND), channel="cpu")
    copy = project(SECOND)
    (copy.suite / "test_daemon.py").write_text(
        "import subprocess, sys\n"
        "def test_daemon():\n"
        "    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
    )
    assert copy.nox("-s", "matrix").code == 0
    until(lambda: of_project(copy) == [])
