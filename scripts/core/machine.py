"""What machine this is: its platform's name, cores, memory and disk."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

_SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
_MACHINES = {"amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


def platform_name() -> str:
    """Operating system and architecture as one word, such as ``linux-x86_64``."""
    machine = platform.machine().lower()
    return f"{_SYSTEMS.get(sys.platform, sys.platform)}-{_MACHINES.get(machine, machine)}"


def cores() -> int:
    """The cores this process may use, which a container can make fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def memory_bytes() -> int | None:
    """Installed memory in bytes, or None where the system doesn't say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def free_bytes(path: Path) -> int:
    """Free disk in bytes on the file system of ``path``, or of its nearest parent that exists."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def on_disk(status: os.stat_result) -> int:
    """Bytes that a file really takes, where the system tells its blocks of 512 bytes."""
    return getattr(status, "st_blocks", -(-status.st_size // 512)) * 512
