"""Running programs: output, timeouts, and the end of whole process trees."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import filelock
import psutil
import pytest

from scripts.core import environment, processes, watchdog
from scripts.core.locking import locked

SLEEP = "import time; time.sleep(600)"


def run(log: Path, code: str, **limits: Any) -> processes.Finished:
    limits = {"timeout": 30, **limits}
    return processes.run([sys.executable, "-c", code], log=log, env=environment.tool(), **limits)


def gone(pid: int) -> bool:
    """Return whether a process ends within 10 seconds."""
    try:
        return not psutil.wait_procs([psutil.Process(pid)], timeout=10)[1]
    except psutil.NoSuchProcess:
        return True


def written(path: Path) -> bool:
    return path.exists() and bool(path.read_text())


def test_output_follows_the_command_in_the_log(tmp_path: Path) -> None:
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
def test_a_timeout_kills_the_process_tree(tmp_path: Path, session: bool) -> None:
    pid_file = tmp_path / "pid"
    code = (
        "import pathlib, subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session={session})\n"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(child.pid))\n"
        f"{SLEEP}"
    )
    ended = run(tmp_path / "x.log", code, deadline=lambda: -math.inf if written(pid_file) else math.inf)
    assert ended.timed_out
    assert not ended.ok
    assert gone(int(pid_file.read_text()))


def test_orphans_in_the_process_group_are_killed(tmp_path: Path) -> None:
    code = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEP!r}]).pid)"
    assert gone(int(run(tmp_path / "x.log", code).output))


#: Starts what no mark, session, group or parent leads to, and prints its process's id.
DAEMON = f"""
import os, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 3)
        os.chdir("/")
        os.execve(sys.executable, [sys.executable, "-c", {SLEEP!r}], {{}})
    os._exit(0)
os.wait()
"""
FIND = f"""
import psutil
[found] = [p for p in psutil.Process().parent().children(recursive=True) if p.cmdline()[-1:] == [{SLEEP!r}]]
print(found.pid, flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps together what a program starts")
def test_a_daemon_is_killed_when_its_program_ends(tmp_path: Path) -> None:
    ended = run(tmp_path / "x.log", f"{DAEMON}{FIND}")
    assert ended.ok, ended.output
    assert gone(int(ended.output))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps together what a program starts")
def test_a_daemon_is_killed_when_the_run_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = f"{DAEMON}{FIND}open({str(pid_file)!r}, 'w').write(str(found.pid))\n{SLEEP}"
    engine = (
        "import pathlib, sys; from scripts.core import processes; from scripts.core import environment\n"
        f"processes.run([sys.executable, '-c', {code!r}], log=pathlib.Path({str(tmp_path / 'x.log')!r}), "
        "env=environment.tool(), timeout=60)"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONSAFEPATH": "1"}
    with subprocess.Popen([sys.executable, "-c", engine], env=env, cwd=tmp_path) as child:
        while not written(pid_file):
            assert child.poll() is None
            time.sleep(0.01)
        child.kill()
    assert gone(int(pid_file.read_text()))


def test_long_output_is_cut(tmp_path: Path) -> None:
    code = "import sys\nprint('first')\nfor _ in range(300): sys.stdout.write('x' * 999_999 + '\\n')\nprint('last')"
    before = psutil.Process().memory_info().rss
    ended = run(tmp_path / "x.log", code, timeout=120)
    assert psutil.Process().memory_info().rss - before < 100_000_000
    assert ended.ok
    assert ended.output.endswith("x\nlast\n")
    assert len(ended.output) < 1_000_000
    log = (tmp_path / "x.log").read_text()
    assert 7_000_000 < len(log) < 9_000_000
    assert "first\n" in log[:10_000]
    assert "bytes of output cut]" in log
    assert log.endswith("last\n")


def test_output_within_the_limits_is_complete(tmp_path: Path) -> None:
    ended = run(tmp_path / "x.log", "print(*range(900_000))")
    assert (tmp_path / "x.log").read_text().endswith(f"{' '.join(map(str, range(900_000)))}\n")
    assert ended.ok


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a file that is always full")
def test_an_unwritable_log_is_ignored() -> None:
    assert run(Path("/dev/full"), "print('out')").output == "out\n"


def test_capture_returns_the_output() -> None:
    code = "import sys; print(sys.stdin.read() + '\u2713'); print('no', file=sys.stderr); sys.exit(3)"
    captured = processes.capture([sys.executable, "-X", "utf8", "-c", code], text="some ")
    assert (captured.returncode, captured.stdout, captured.stderr) == (3, "some \u2713\n", "no\n")
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        processes.capture(["no-such-program"])
    assert processes.capture([sys.executable, "-c", SLEEP], timeout=0.1).returncode != 0


def test_an_interruption_ends_the_wait_for_a_lock(tmp_path: Path) -> None:
    stopped_by: list[BaseException] = []

    def wait() -> None:
        try:
            with locked(tmp_path / "lock"):
                pass
        except processes.Stopped as stopped:
            stopped_by.append(stopped)

    def interrupted() -> None:
        with processes.interruptible():
            worker.start()
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                processes.stop_all()
                worker.join(timeout=30)

    worker = threading.Thread(target=wait)
    with filelock.FileLock(tmp_path / "lock"), pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(stopped_by) == 1
    with locked(tmp_path / "lock"):
        pass


def test_an_interruption_kills_children_and_starts_none(tmp_path: Path) -> None:
    stopped_by: list[BaseException] = []
    pid_file = tmp_path / "pid"

    def work() -> None:
        try:
            run(
                tmp_path / "x.log",
                f"import os, pathlib; pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid())); {SLEEP}",
            )
        except processes.Stopped as stopped:
            stopped_by.append(stopped)

    worker = threading.Thread(target=work)

    def interrupted() -> None:
        with processes.interruptible():
            worker.start()
            while not written(pid_file):
                worker.join(0.01)
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                processes.stop_all()
                worker.join(timeout=30)

    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        interrupted()
    assert len(stopped_by) == 1
    assert gone(int(pid_file.read_text()))
    assert run(tmp_path / "x.log", "").ok  # after the interruption is over


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no umask")
def test_children_have_a_fixed_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        shown = run(tmp_path / "x.log", "import os; print(oct(os.umask(0)))")
    finally:
        os.umask(before)
    assert shown.output == "0o22\n"


def test_the_watchdog_starts_regardless_of_the_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "psutil.py").write_text("raise SystemExit('not mine')")
    process = watchdog.start()
    assert process.poll() is None
    watchdog._dismiss(process)
    assert process.returncode == 0


def test_the_watchdog_kills_only_marked_processes() -> None:
    marked, unmarked = (
        subprocess.Popen([sys.executable, "-c", SLEEP], env={**os.environ, watchdog.VARIABLE: mark})
        for mark in ("this", "another")
    )
    try:
        watchdog.end("this")
        assert marked.poll() is not None
        assert unmarked.poll() is None
    finally:
        unmarked.kill()
        unmarked.wait(timeout=10)
