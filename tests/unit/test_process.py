"""Running programs: output, limits, and that nothing of a tree of processes is left."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from scripts import guardian, process

SLEEP = "import time; time.sleep(600)"


def run(log: Path, code: str, **limits: Any) -> process.Finished:
    limits = {"timeout": 30, **limits}
    return process.run([sys.executable, "-c", code], log=log, env=process.clean_environment(), **limits)


def gone(pid: int) -> bool:
    """Whether a process has ended, or does so shortly."""
    try:
        return not psutil.wait_procs([psutil.Process(pid)], timeout=10)[1]
    except psutil.NoSuchProcess:
        return True


def written(path: Path) -> bool:
    return path.exists() and bool(path.read_text())


def test_output_goes_to_the_log_behind_the_command(tmp_path: Path) -> None:
    log = tmp_path / "new" / "x.log"
    first = run(log, "import sys; print('out', flush=True); print('err', file=sys.stderr)")
    assert (first.ok, first.output) == (True, "out\nerr\n")
    second = run(log, "raise SystemExit(3)")
    assert (second.ok, second.returncode, second.output, second.signal_name) == (False, 3, "", None)
    assert log.read_text().count("$ ") == 2


def test_a_signal_is_named(tmp_path: Path) -> None:
    ended = run(tmp_path / "x.log", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert (ended.ok, ended.timed_out, ended.signal_name) == (False, False, "SIGSEGV")


@pytest.mark.parametrize("session", [True, False])
def test_what_takes_too_long_is_ended_with_all_it_started(tmp_path: Path, session: bool) -> None:
    told = tmp_path / "pid"
    code = (
        "import pathlib, subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session={session})\n"
        f"pathlib.Path({str(told)!r}).write_text(str(child.pid))\n"
        f"{SLEEP}"
    )
    ended = run(tmp_path / "x.log", code, deadline=lambda: -math.inf if written(told) else math.inf)
    assert ended.timed_out
    assert not ended.ok
    assert gone(int(told.read_text()))


def test_what_a_program_leaves_in_its_group_is_ended_too(tmp_path: Path) -> None:
    code = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEP!r}]).pid)"
    assert gone(int(run(tmp_path / "x.log", code).output))


def test_an_interruption_ends_what_runs_and_lets_nothing_start(tmp_path: Path) -> None:
    seen: list[BaseException] = []
    told = tmp_path / "pid"

    def work() -> None:
        try:
            run(
                tmp_path / "x.log",
                f"import os, pathlib; pathlib.Path({str(told)!r}).write_text(str(os.getpid())); {SLEEP}",
            )
        except process.Stopped as stopped:
            seen.append(stopped)

    worker = threading.Thread(target=work)

    def interrupted() -> None:
        with process.interruptible():
            worker.start()
            while not written(told):
                worker.join(0.01)
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                process.stop_all()
                worker.join(timeout=30)

    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        interrupted()
    assert len(seen) == 1
    assert gone(int(told.read_text()))
    assert run(tmp_path / "x.log", "").ok  # after the interruption is over


def test_an_environment_lets_no_other_python_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "VIRTUAL_ENV", "PYTEST_ADDOPTS", "KEPT"):
        monkeypatch.setenv(name, "x")
    env = process.clean_environment(ADDED="y")
    assert not {"PYTHONPATH", "VIRTUAL_ENV", "PYTEST_ADDOPTS"} & env.keys()
    assert (env["KEPT"], env["ADDED"]) == ("x", "y")


def test_the_guardian_ends_what_has_the_mark_and_nothing_else() -> None:
    marked, other = (
        subprocess.Popen([sys.executable, "-c", SLEEP], env=process.clean_environment(**{guardian.VARIABLE: mark}))
        for mark in ("this", "another")
    )
    try:
        guardian.end("this")
        assert marked.poll() is not None
        assert other.poll() is None
    finally:
        other.kill()
        other.wait(timeout=10)
