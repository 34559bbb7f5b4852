"""Processes that the engine starts, and their ends: nothing that one starts outlives it, nor the engine.

On Linux each runs under a supervisor (`scripts.core.supervisor`). On other systems they are found by their parents
and groups, and once the engine is gone, by the run's mark in their environment (`scripts.core.watchdog`).
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

#: Seconds in which a supervisor answers, and in which it ends what is left.
_ANSWER: Final = 60.0
_END: Final = 15.0


class Stopped(BaseException):
    """The run was interrupted; nothing more may be started. No `Exception`: nobody should handle it in passing."""


class Child(Protocol):
    """A program that was started."""

    returncode: int | None
    cpu: float  # processor seconds that it took with all that it started, 0 where the system doesn't say

    def wait(self, seconds: float) -> bool:
        """Wait so long at most for the program to end, and say whether it has."""

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the program alone."""

    def end(self) -> None:
        """End the program and everything it started."""


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
    """Start a program, with file descriptors for its output; `end` it in any case.

    Raises:
        Stopped: the run is being interrupted.
        OSError: it can't be started.
    """
    words = [str(part) for part in command]
    with _lock, contextlib.ExitStack() as opened:
        check_stopping()
        if stdin is None:
            stdin = opened.enter_context(Path(os.devnull).open("rb")).fileno()
        kind = _Supervised if sys.platform == "linux" else _Searched
        child: Child = kind(words, dict(env), str(cwd) if cwd else None, (stdin, stdout, stderr))
        _live.add(child)
    return child


def end(child: Child) -> None:
    """End a program and everything it started."""
    child.end()
    with _lock:
        _live.discard(child)


def stop() -> None:
    """End every child and let no new one start, until `resume`."""
    _stopping.set()
    with _lock:
        live = list(_live)
    for child in live:
        child.end()


def resume() -> None:
    """Let children start again."""
    _stopping.clear()


def check_stopping() -> None:
    """Raise `Stopped` where the run is being interrupted."""
    if _stopping.is_set():
        raise Stopped


class _Supervised:
    """A program under a supervisor, which is asked over a socket."""

    def __init__(self, command: list[str], env: dict[str, str], cwd: str | None, fds: tuple[int, int, int]) -> None:
        self.returncode: int | None = None
        self.cpu = 0.0
        self._ended = threading.Lock()
        self._text = b""
        self._control, theirs = socket.socketpair()
        with theirs:
            _request(theirs.fileno(), *fds)
        try:
            self._control.sendall(json.dumps({"command": command, "env": env, "cwd": cwd}).encode() + b"\n")
            answer = self._answer(_ANSWER)
        except OSError:
            answer = None
        if answer is None or "pid" not in answer:
            self._control.close()
            raise _not_started(answer or {})

    def wait(self, seconds: float) -> bool:
        with self._ended:
            if self.returncode is None and (answer := self._answer(seconds)) is not None:
                # No answer but the end of the connection: the supervisor itself was killed.
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
            self.wait(_END)

    def _answer(self, seconds: float) -> dict[str, Any] | None:
        """Return the supervisor's next line, None where it doesn't come in time; nothing at its end."""
        limit = time.monotonic() + seconds
        while b"\n" not in self._text:
            if not select.select([self._control], [], [], max(0.0, limit - time.monotonic()))[0]:
                return None
            more = self._control.recv(1 << 12)
            if not more:
                return {}
            self._text += more
        line, _, self._text = self._text.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _not_started(answer: Mapping[str, Any]) -> OSError:
    if "errno" in answer:
        return OSError(answer["errno"], answer["strerror"], answer["filename"])
    return ChildProcessError("the supervisor of programs died; is memory short?")


def _request(*fds: int) -> None:
    """Have the server fork a supervisor; where the server has died, a new one's."""
    try:
        socket.send_fds(_server(), [b"."], fds)
    except OSError:
        _server.cache_clear()
        socket.send_fds(_server(), [b"."], fds)


@functools.cache
def _server() -> socket.socket:
    """Start the program that forks supervisors. It ends when this process does, however it does: the socket closes."""
    ours, theirs = socket.socketpair()
    with theirs:
        program = subprocess.Popen(
            # By its path and isolated, whatever the variables of the user say.
            [sys.executable, "-I", str(Path(__file__).with_name("supervisor.py")), str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # out of Ctrl-C's reach
            umask=environment.UMASK,  # which all programs inherit
        )
    atexit.register(_dismiss, ours, program)
    return ours


def _dismiss(requests: socket.socket, program: subprocess.Popen[bytes]) -> None:
    requests.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(_END)


class _Searched:
    """A program whose descendants are looked for, where nothing keeps them together."""

    def __init__(self, command: list[str], env: dict[str, str], cwd: str | None, fds: tuple[int, int, int]) -> None:
        _guard()
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
            # The group reaches orphans whose parent has gone; the session's id is the child's.
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
    """Processor seconds of all children that ended, and of theirs. Windows doesn't say: 0."""
    times = psutil.Process().cpu_times()
    return float(times.children_user + times.children_system)


#: Started with the first child, and kept until this process ends.
_guard = functools.cache(watchdog.start)
