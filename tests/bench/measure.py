"""Measure one command from outside: wall-clock and CPU time of all its children, bytes received, peak disk usage."""

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

from scripts.core import machine, processes
from tests.bench.result import Usage

#: Share of one core that walking the folder may take, and seconds between two walks at least.
_SHARE: Final = 0.04
_SHORTEST: Final = 0.25

#: Writing to this file makes Linux drop its page cache.
_DROP: Final = Path("/proc/sys/vm/drop_caches")
#: Seconds until a virtual machine has returned its free memory to the host.
_SETTLED: Final = 5.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """A finished command and its usage."""

    usage: Usage
    finished: processes.Finished


def measure(
    command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], folder: Path, log: Path, timeout: float
) -> Measured:
    """Run a command and measure it; ``folder`` must contain all its files, including caches and temporary ones."""
    received = _received()
    with PeakDisk(folder) as disk:
        finished = processes.run(command, log=log, env=env, timeout=timeout, cwd=cwd)
    usage = Usage(
        seconds=round(finished.seconds, 3),
        cpu=round(finished.cpu, 3),
        moved=max(0, _received() - received),
        disk=disk.peak,
    )
    return Measured(usage=usage, finished=finished)


def drop_page_cache(folder: Path) -> None:
    """Drop the page cache, or only a folder's files from it where that is not permitted.

    Each subject then starts alike. A virtual machine gets memory from its host on first use, which can take a second
    per GB, and returns it when it is free.
    """
    if not hasattr(os, "posix_fadvise"):
        return
    os.sync()
    try:
        _DROP.write_text("1", encoding="ascii")
    except OSError:  # needs root, and is read-only in some containers
        for entry in _files(folder):
            with contextlib.suppress(OSError), open(entry.path, "rb") as file:  # noqa: PTH123 - there are 60,000
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    time.sleep(_SETTLED)


class PeakDisk:
    """Measures the peak disk usage of a folder, in a thread, during the ``with`` block."""

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
        """Measure until stopped, and a last time after that."""
        while True:
            last = self._stop.is_set()
            start = time.thread_time()
            self.peak = max(self.peak, disk_usage(self.folder))
            if last:
                return
            self._stop.wait(max(_SHORTEST, (time.thread_time() - start) / _SHARE))


def disk_usage(folder: Path) -> int:
    """Return the bytes of disk a folder takes; hard links count once, and files that vanish meanwhile do not count."""
    counted: set[tuple[int, int]] = set()
    total = 0
    for entry in _files(folder):
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        if (status.st_dev, status.st_ino) not in counted or not status.st_ino:
            counted.add((status.st_dev, status.st_ino))
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
    """Return the bytes received over the network so far, without loopback traffic."""
    counters = psutil.net_io_counters(pernic=True, nowrap=True)
    local = {name for name, addresses in psutil.net_if_addrs().items() if _loopback(addresses)}
    return sum(counter.bytes_recv for name, counter in counters.items() if name not in local)


def _loopback(addresses: Sequence[object]) -> bool:
    return any(str(getattr(address, "address", "")) in {"127.0.0.1", "::1"} for address in addresses)
