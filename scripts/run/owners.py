"""Processes that own something on disk: a reservation, a folder half written. What belongs to none alive may go."""

from __future__ import annotations

import functools
import os
import re
import uuid
from typing import Final

import psutil

#: How the temporary folder of a cell begins; behind it stands its owner.
TEMPORARY: Final = "cell-"

_UNKNOWN: Final = 0

#: Milliseconds by which the start of a process can seem to move when the clock is set.
_CLOCK: Final = 5000


@functools.cache
def me() -> str:
    """Return the name of this process, which no other has: its number and when it began, in milliseconds."""
    return f"{os.getpid()}-{_began(os.getpid())}"


def temporary_name() -> str:
    """Return a new hidden name that tells whose it is."""
    return f".{me()}.{uuid.uuid4().hex}"


def is_name(owner: str) -> bool:
    """Whether a text is the name of a process."""
    return re.fullmatch(r"[0-9]{1,10}-[0-9]{1,15}", owner) is not None


def alive(owner: str) -> bool:
    """Whether the process of a name still runs; a name that isn't one is nobody's."""
    if not is_name(owner):
        return False
    number, began = map(int, owner.split("-"))
    found = _began(number)
    return found != _UNKNOWN and abs(found - began) <= _CLOCK


def _began(number: int) -> int:
    try:
        return int(psutil.Process(number).create_time() * 1000)
    except (psutil.Error, ValueError, OverflowError):
        return _UNKNOWN
