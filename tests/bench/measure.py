"""Measuring one command from outside: time, processor time of all its children, bytes received, peak of the disk."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

from scripts import machine, process
from tests.bench.result import Usage

#: Walking the folder may take this part of one core, so that watching costs next to nothing.
_SHARE: Final = 0.04
_SHORTEST: Final = 0.25

#: Linux drops what it keeps of files in memory when told so here.
_DROP: Final = Path("/proc/sys/vm/drop_caches")
#: Seconds after which free memory has gone back to the host.
_SETTLED: Final = 5.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """A command that was run, and what it took."""

    usage: Usage
    finished: process.Finished


def measure(
    command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], folder: Path, log: Path, timeout: float
) -> Measured:
    """Run a command to its end. ``folder`` is where all that it keeps must lie, caches and temporary files too."""
    received = _received()
    with PeakDisk(folder) as disk:
        finished = process.run(command, log=log, env=env, timeout=timeout, cwd=cwd)
    usage = Usage(
        seconds=round(finished.seconds, 3),
        cpu=round(finished.cpu, 3),
        moved=max(0, _received() - received),
        disk=disk.peak,
    )
    return Measured(usage=usage, finished=finished)


def forget_files(folder: Path) -> None:
    """Take the files of a folder out of memory, or all files where that is allowed, as on a machine just started.

    What one subject leaves there would slow down the next, or speed it up: a virtual machine gets memory from its host
    as it first uses it, which can take a second for a GB, and gives it back when it is free.
    """
    if not hasattr(os, "posix_fadvise"):
        return
    os.sync()
    try:
        _DROP.write_text("1", encoding="ascii")
    except OSError:  # only root may, and not in every container
        for entry in _files(folder):
            with contextlib.suppress(OSError), open(entry.path, "rb") as file:  # noqa: PTH123 - there are 60,000
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    time.sleep(_SETTLED)


class PeakDisk:
    """Watches how much a folder holds, in a thread, while the ``with`` block lasts."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.peak = folder, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="disk", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        """Look again and again, and once more at the end."""
        while True:
            last = self._stop.is_set()
            began = time.thread_time()
            self.peak = max(self.peak, held(self.folder))
            if last:
                return
            self._stop.wait(max(_SHORTEST, (time.thread_time() - began) / _SHARE))


def held(folder: Path) -> int:
    """Bytes of disk that a folder holds; a file with several names counts once, what goes away meanwhile doesn't."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for entry in _files(folder):
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        if (status.st_dev, status.st_ino) not in seen or not status.st_ino:
            seen.add((status.st_dev, status.st_ino))
            total += machine.on_disk(status)
    return total


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        yield entry
        except OSError:
            continue


def _received() -> int:
    """Bytes that came over the network so far, without this machine's traffic with itself."""
    counters = psutil.net_io_counters(pernic=True, nowrap=True)
    local = {name for name, addresses in psutil.net_if_addrs().items() if _loopback(addresses)}
    return sum(counter.bytes_recv for name, counter in counters.items() if name not in local)


def _loopback(addresses: Sequence[object]) -> bool:
    return any(str(getattr(address, "address", "")) in {"127.0.0.1", "::1"} for address in addresses)
