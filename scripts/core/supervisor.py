"""A fork server that starts each program under a supervisor, which kills the program's descendants. Linux.

It runs as a script by its path and imports only the standard library. For each request on its socket it forks a
supervisor, which becomes the subreaper (prctl(2)) of the program: all descendants stay below it, regardless of
their environment, session or parent. When the program or the engine ends, even by a kill, the supervisor kills the
rest.
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

#: Seconds to wait until killed processes are gone.
_KILL_TIMEOUT: Final = 10.0

#: File descriptors of a request: the control socket, and the program's input, output and errors.
FDS: Final = 4


def serve(requests: socket.socket) -> None:
    """Fork a supervisor for each request, until the engine and all supervisors have ended."""
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


def _reap(flags: int) -> None:
    """Wait for ended supervisors, which adds their processor time to this process's."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, flags)[0]:
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
            _send(control, errno=error.errno, strerror=error.strerror, filename=error.filename)
            return
        for fd in (stdin, stdout, stderr):
            os.close(fd)
        _send(control, pid=child.pid)
        returncode = _watch(child, control)
        _kill_descendants()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        _send(control, returncode=returncode, cpu=used.ru_utime + used.ru_stime)


def _watch(child: subprocess.Popen[bytes], control: socket.socket) -> int:
    """Wait for the program to end; forward the engine's signals, and kill the program if the engine ends."""
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


def _kill_descendants() -> None:
    """Kill all descendants. Orphans become children of this process, so repeated passes find them all."""
    limit = time.monotonic() + _KILL_TIMEOUT
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
        with open(f"/proc/{me}/task/{me}/children", encoding="ascii") as children:  # noqa: PTH123
            return [int(pid) for pid in children.read().split()]
    except OSError:  # a kernel without this file
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and _parent(name) == me]  # noqa: PTH208


def _parent(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123
            return int(stat.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def _send(control: socket.socket, **message: Any) -> None:
    with contextlib.suppress(OSError):  # the engine may be gone
        control.sendall(json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as engine:
        serve(engine)
