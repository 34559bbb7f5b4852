"""A watchdog process that kills the processes of a run after the run itself was killed.

It waits for the run to end, then kills every process with the run's mark in its environment, regardless of session
and parent.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Final

import psutil

#: The environment variable of all processes of a run, and its value in this run.
VARIABLE: Final = "MATRIX_RUN"
MARK: Final = uuid.uuid4().hex

_READY: Final = b"ready"

#: Seconds between two scans, so that a process that was just forked has its environment.
_SCAN_INTERVAL: Final = 0.1


def start() -> subprocess.Popen[bytes]:
    """Start a watchdog of this process. Keep the returned process: closing its pipe triggers the watchdog.

    Raises:
        ChildProcessError: the watchdog does not start.
    """
    process = subprocess.Popen(
        # By path and isolated (-I), so that the user's PYTHON* variables have no effect.
        [sys.executable, "-I", str(Path(__file__).resolve()), MARK],
        env={
            name: value for name, value in os.environ.items() if name != VARIABLE
        },  # the watchdog must not kill itself
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # not interrupted by Ctrl-C
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
    )
    assert process.stdout is not None
    if process.stdout.readline().strip() != _READY:
        raise ChildProcessError("the watchdog, which ends the processes of a killed run, does not start")
    atexit.register(_dismiss, process)
    return process


def _dismiss(process: subprocess.Popen[bytes]) -> None:
    """Let the watchdog kill remaining processes now that this process exits normally."""
    if process.poll() is None:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            process.communicate(b"over", timeout=10)


def end(mark: str, *, killed: bool = True) -> None:
    """Kill every process with a mark. After a kill, scan until two scans find none: one may have been starting."""
    empty_scans = 0
    while empty_scans < (2 if killed else 1):
        if empty_scans:
            time.sleep(_SCAN_INTERVAL)
        found = [process for process in psutil.process_iter() if _marked(process, mark)]
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=1)
        empty_scans = 0 if found else empty_scans + 1


def _marked(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get(VARIABLE) == mark
    except (psutil.Error, OSError):
        return False


if __name__ == "__main__":
    print(_READY.decode(), flush=True)
    message = sys.stdin.buffer.read()  # returns when the run has ended, with or without a message
    end(sys.argv[1], killed=not message)
