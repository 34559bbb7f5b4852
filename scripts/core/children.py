"""Start child processes, and end each with all its descendants; none outlives its program or the engine.

On Linux each child runs under a supervisor (`scripts.core.supervisor`). On other systems descendants are found by
parent and process group and, after the engine was killed, by the run's mark in their environment
(`scripts.core.watchdog`).
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import psutil

from scripts.core import environment, watchdog

#: Timeouts in seconds: of a supervisor's answer, and of its killing all descendants.
_ANSWER_TIMEOUT: Final = 60.0
_END_TIMEOUT: Final = 15.0


class Stopped(BaseException):
    """The run was interrupted and starts no more processes. Not an `Exception`, so that no handler swallows it."""


class Child(Protocol):
    """A started program."""

    returncode: int | None
    cpu: float  # processor seconds of the program and its descendants; 0 if the system does not report them

    def wait(self, seconds: float) -> bool:
        """Wait up to ``seconds`` for the program to end; return whether it has ended."""

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the program, not to its descendants."""

    def end(self) -> None:
        """Kill the program and its descendants."""


_live: set[Child] = set()
_lock = threading.RLock()
_stopping = threading.Event()


def start(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path | None,
    stdout: int,
    stderr: int,
    stdin: int | None = None,
) -> Child:
    """Start a program that writes to the given file descriptors. The caller must call `end` in any case.

    Raises:
        Stopped: the run is being interrupted.
        OSError: the program cannot be started.
    """
    words = [str(part) for part in command]
    with _lock, contextlib.ExitStack() as opened:
        check_stopping()
        if stdin is None:
            stdin = opened.enter_context(Path(os.devnull).open("rb")).fileno()
        kind = _Supervised if sys.platform == "linux" else _Tracked
        child: Child = kind(words, dict(env), str(cwd) if cwd else None, (stdin, stdout, stderr))
        _live.add(child)
    return child


def end(child: Child) -> None:
    """Kill a program and its descendants."""
    child.end()
    with _lock:
        _live.discard(child)


def stop() -> None:
    """Kill all children and refuse to start others until `resume`."""
    _stopping.set()
    with _lock:
        live = list(_live)
    for child in live:
        child.end()


def resume() -> None:
    """Allow children to start again."""
    _stopping.clear()


def check_stopping() -> None:
    """Raise `Stopped` if the run is being interrupted."""
    if _stopping.is_set():
        raise Stopped


class _Supervised:
    """A program under a supervisor, which is controlled over a socket."""

    def __init__(self, command: list[str], env: dict[str, str], cwd: str | None, fds: tuple[int, int, int]) -> None:
        self.returncode: int | None = None
        self.cpu = 0.0
        self._ended = threading.Lock()
        self._received = b""
        self._control, theirs = socket.socketpair()
        with theirs:
            _request(theirs.fileno(), *fds)
        try:
            self._control.sendall(json.dumps({"command": command, "env": env, "cwd": cwd}).encode() + b"\n")
            answer = self._answer(_ANSWER_TIMEOUT)
        except OSError:
            answer = None
        if answer is None or "pid" not in answer:
            self._control.close()
            raise _not_started(answer or {})

    def wait(self, seconds: float) -> bool:
        with self._ended:
            if self.returncode is None and (answer := self._answer(seconds)) is not None:
                # An empty answer means that the connection was closed: the supervisor itself was killed.
                self.returncode = answer.get("returncode", -signal.SIGKILL)
                self.cpu = answer.get("cpu", 0.0)
                self._control.close()
        return self.returncode is not None

    def send_signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(OSError):
            self._control.sendall(bytes([number]))

    def end(self) -> None:
        if not self.wait(0):
            self.send_signal(signal.SIGKILL)
            self.wait(_END_TIMEOUT)

    def _answer(self, seconds: float) -> dict[str, Any] | None:
        """Return the supervisor's next message; None after a timeout, empty if the connection was closed."""
        limit = time.monotonic() + seconds
        while b"\n" not in self._received:
            if not select.select([self._control], [], [], max(0.0, limit - time.monotonic()))[0]:
                return None
            more = self._control.recv(1 << 12)
            if not more:
                return {}
            self._received += more
        line, _, self._received = self._received.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _not_started(answer: Mapping[str, Any]) -> OSError:
    if "errno" in answer:
        return OSError(answer["errno"], answer["strerror"], answer["filename"])
    return ChildProcessError("the process supervisor died, possibly for lack of memory")


def _request(*fds: int) -> None:
    """Have the fork server start a supervisor; restart a fork server that died."""
    try:
        socket.send_fds(_server(), [b"."], fds)
    except OSError:
        _server.cache_clear()
        socket.send_fds(_server(), [b"."], fds)


@functools.cache
def _server() -> socket.socket:
    """Start the fork server. It exits when this process ends, even by a kill, because that closes the socket."""
    ours, theirs = socket.socketpair()
    with theirs:
        program = subprocess.Popen(
            # By path and isolated (-I), so that the user's PYTHON* variables have no effect.
            [sys.executable, "-I", str(Path(__file__).with_name("supervisor.py")), str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # not interrupted by Ctrl-C
            umask=environment.UMASK,  # inherited by all programs
        )
    atexit.register(_dismiss, ours, program)
    return ours


def _dismiss(requests: socket.socket, program: subprocess.Popen[bytes]) -> None:
    requests.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(_END_TIMEOUT)


class _Tracked:
    """A program whose descendants are found by parent and process group, on systems without subreapers."""

    def __init__(self, command: list[str], env: dict[str, str], cwd: str | None, fds: tuple[int, int, int]) -> None:
        _start_watchdog()
        stdin, stdout, stderr = fds
        self.returncode: int | None = None
        self.cpu = 0.0
        self._before = _cpu_of_children()
        self._child = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env={watchdog.VARIABLE: watchdog.MARK, **env},
            cwd=cwd,
            umask=environment.UMASK,
            start_new_session=True,  # ignored on Windows, where psutil finds the children
        )

    def wait(self, seconds: float) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.returncode = self._child.wait(seconds)
        return self.returncode is not None

    def send_signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(OSError):
            self._child.send_signal(number)

    def end(self) -> None:
        tree = self._descendants()
        if self._child.poll() is None:
            self._child.kill()
        if sys.platform != "win32":
            # The process group also has orphans; its id is the child's pid, which leads the session.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)
        for process in tree:
            with contextlib.suppress(psutil.Error):
                process.kill()
        self.returncode = self._child.wait()
        self.cpu = _cpu_of_children() - self._before

    def _descendants(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self._child.pid).children(recursive=True) if self._child.poll() is None else []
        except psutil.Error:
            return []


def _cpu_of_children() -> float:
    """Return the processor seconds of all ended children and their descendants; 0 on Windows."""
    times = psutil.Process().cpu_times()
    return float(times.children_user + times.children_system)


#: Started with the first child, once per process.
_start_watchdog = functools.cache(watchdog.start)
