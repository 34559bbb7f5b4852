"""Names of processes that own files, such as a partly written folder; those of ended processes may be removed."""

from __future__ import annotations

import functools
import os
import re
import uuid
from typing import Final

import psutil

#: Prefix of the temporary folder of a cell; the name of its owner follows.
TEMPORARY: Final = "cell-"

_UNKNOWN: Final = 0

#: Milliseconds by which the start time of a process may change when the clock is set.
_CLOCK: Final = 5000


@functools.cache
def me() -> str:
    """Return the unique name of this process: its id and its start time in milliseconds."""
    return f"{os.getpid()}-{_start_time(os.getpid())}"


def temporary_name() -> str:
    """Return a new hidden file name that contains its owner."""
    return f".{me()}.{uuid.uuid4().hex}"


def is_name(owner: str) -> bool:
    """Return whether a text is the name of a process."""
    return re.fullmatch(r"[0-9]{1,10}-[0-9]{1,15}", owner) is not None


def alive(owner: str) -> bool:
    """Return whether the process with a name still runs; False for an invalid name."""
    if not is_name(owner):
        return False
    pid, started = map(int, owner.split("-"))
    actual = _start_time(pid)
    return actual != _UNKNOWN and abs(actual - started) <= _CLOCK


def _start_time(pid: int) -> int:
    try:
        return int(psutil.Process(pid).create_time() * 1000)
    except (psutil.Error, ValueError, OverflowError):
        return _UNKNOWN
