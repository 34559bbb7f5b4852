"""Starts programs for the engine, each under a process that ends all that it leaves behind. Linux.

A program of its own, run by its path: it stands on nothing but the standard library. It waits for requests on a socket
and forks a supervisor for each, which is the subreaper (prctl(2)) of the program: whatever is started, with whichever
environment, session or parent, stays below it. When the program ends, or the engine does, even by a kill, the
supervisor kills the rest.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from typing import Any, Final

_PR_SET_CHILD_SUBREAPER: Final = 36

#: Seconds in which killed processes have to be gone.
_LIMIT: Final = 10.0

#: File descriptors of a request: the control socket, and the program's input, output and errors.
FDS: Final = 4


def serve(requests: socket.socket) -> None:
    """Fork a supervisor for each request, until the engine is gone and all supervisors are."""
    while True:
        byte, fds, _, _ = socket.recv_fds(requests, 1, FDS)
        _reap(os.WNOHANG if byte else 0)
        if not byte:
            return
        if os.fork() == 0:
            requests.close()
            try:
                _supervise(*fds)
            finally:
                os._exit(0)
        for fd in fds:
            os.close(fd)


def _reap(how: int) -> None:
    """Wait for supervisors, whose processor time counts as this program's only then."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, how)[0]:
            pass


def _supervise(control_fd: int, stdin: int, stdout: int, stderr: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with socket.socket(fileno=control_fd) as control:
        with control.makefile("rb") as lines:
            request = json.loads(lines.readline())
        try:
            child = subprocess.Popen(
                request["command"],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=request["env"],
                cwd=request["cwd"],
                start_new_session=True,
            )
        except OSError as error:
            _say(control, errno=error.errno, strerror=error.strerror, filename=error.filename)
            return
        for fd in (stdin, stdout, stderr):
            os.close(fd)
        _say(control, pid=child.pid)
        returncode = _watch(child, control)
        _end_all()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        _say(control, returncode=returncode, cpu=used.ru_utime + used.ru_stime)


def _watch(child: subprocess.Popen[bytes], control: socket.socket) -> int:
    """Wait for the program to end, pass on the engine's signals, and kill the program when the engine is gone."""
    ended = os.pidfd_open(child.pid)
    try:
        while True:
            watched: list[Any] = [ended, control]
            ready, _, _ = select.select(watched, [], [])
            if ended in ready:
                return child.wait()
            number = control.recv(1)
            child.send_signal(number[0] if number else signal.SIGKILL)
            if not number or number[0] == signal.SIGKILL:
                return child.wait()
    finally:
        os.close(ended)


def _end_all() -> None:
    """Kill every process below this one. Orphans become its children, so that it comes to an end."""
    limit = time.monotonic() + _LIMIT
    while time.monotonic() < limit:
        try:
            if os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            return
        for pid in _children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)


def _children() -> list[int]:
    me = os.getpid()
    try:
        with open(f"/proc/{me}/task/{me}/children", encoding="ascii") as told:  # noqa: PTH123
            return [int(pid) for pid in told.read().split()]
    except OSError:  # a kernel without this file
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and _parent(name) == me]  # noqa: PTH208


def _parent(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123
            return int(stat.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def _say(control: socket.socket, **said: Any) -> None:
    with contextlib.suppress(OSError):  # the engine may be gone
        control.sendall(json.dumps(said).encode() + b"\n")


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as engine:
        serve(engine)
