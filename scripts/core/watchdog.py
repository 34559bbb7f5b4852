"""Ends what a run leaves behind when it is killed, and can no longer do so itself.

A process beside the run, which waits for it to be gone. Whatever still has the run's mark in its environment then
is ended, in whichever session it is and whoever its parent is by now.
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

#: The variable that all processes of a run have, and its value in this one's.
VARIABLE: Final = "MATRIX_RUN"
MARK: Final = uuid.uuid4().hex

_READY: Final = b"ready"

#: Seconds between two looks: long enough for a child that was just made to have its environment.
_AGAIN: Final = 0.1


def start() -> subprocess.Popen[bytes]:
    """Start to watch over this process, which has to keep what is returned: its end closes the pipe to it.

    Raises:
        ChildProcessError: the watchdog does not start; what programs leave behind could not be ended.
    """
    beside = subprocess.Popen(
        # By its path and isolated, whatever the variables of the user say.
        [sys.executable, "-I", str(Path(__file__).resolve()), MARK],
        env={name: value for name, value in os.environ.items() if name != VARIABLE},  # it has no mark itself
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # out of Ctrl-C's reach
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
    )
    assert beside.stdout is not None
    if beside.stdout.readline().strip() != _READY:
        raise ChildProcessError("the watchdog does not start, which ends what a killed run leaves behind")
    atexit.register(_dismiss, beside)
    return beside


def _dismiss(beside: subprocess.Popen[bytes]) -> None:
    """Have it end what is left, now that this process comes to its end by itself."""
    if beside.poll() is None:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            beside.communicate(b"over", timeout=10)


def end(mark: str, *, killed: bool = True) -> None:
    """End every process with a mark. Who was killed may have been starting one: until two looks find none."""
    looks = 0
    while looks < (2 if killed else 1):
        if looks:
            time.sleep(_AGAIN)
        found = [process for process in psutil.process_iter() if _marked(process, mark)]
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=1)
        looks = 0 if found else looks + 1


def _marked(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get(VARIABLE) == mark
    except (psutil.Error, OSError):
        return False


if __name__ == "__main__":
    print(_READY.decode(), flush=True)
    said = sys.stdin.buffer.read()  # comes back when the run has ended, however it did
    end(sys.argv[1], killed=not said)
