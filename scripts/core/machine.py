"""Properties of this machine: platform name, cores, memory and disk."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

_SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
_MACHINES = {"amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


def platform_name() -> str:
    """Return operating system and architecture, such as ``linux-x86_64``."""
    machine = platform.machine().lower()
    return f"{_SYSTEMS.get(sys.platform, sys.platform)}-{_MACHINES.get(machine, machine)}"


def cores() -> int:
    """Return the number of cores that this process may use; a container can have fewer than the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def memory_bytes() -> int | None:
    """Return the installed memory in bytes, or None if the system does not report it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def free_bytes(path: Path) -> int:
    """Return the free bytes on the file system of ``path`` or of its nearest existing parent."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def on_disk(status: os.stat_result) -> int:
    """Return the bytes that a file occupies; from its size if the system does not report blocks."""
    return getattr(status, "st_blocks", -(-status.st_size // 512)) * 512
