"""What bounds everybody: how fast the same wheels come over the network, and how long importing torch takes."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scripts import process
from scripts.errors import MatrixError
from scripts.index.http import Web
from scripts.matrix.cells import Cell
from scripts.running import environments, interpreters
from scripts.running.holding import Hold
from scripts.running.locks import Lock, LockedWheel
from tests.bench.result import Download, Import


def unique(locks: Iterable[Lock]) -> list[LockedWheel]:
    """The wheels of some locks, each once, the largest first."""
    wheels = {wheel.url: wheel for lock in locks for wheel in lock.wheels}
    return sorted(wheels.values(), key=lambda wheel: (-(wheel.size or 0), wheel.url))


def first(wheels: Sequence[LockedWheel], limit: int) -> list[LockedWheel]:
    """The first wheels, until they come to ``limit`` bytes; a local folder says nothing of the network."""
    remote = [wheel for wheel in wheels if wheel.url.startswith(("http://", "https://"))]
    sums = itertools.accumulate(wheel.size or 0 for wheel in remote)
    return [wheel for wheel, total in zip(remote, sums, strict=True) if total - (wheel.size or 0) < limit]


def download(wheels: Sequence[LockedWheel], streams: int) -> Download:
    """Download and throw away.

    Raises:
        MatrixError: a download broke off.
    """
    began = time.monotonic()
    with ThreadPoolExecutor(streams) as pool:
        received = sum(pool.map(_received, wheels))
    return Download(streams=streams, bytes=received, seconds=round(time.monotonic() - began, 3))


def _received(wheel: LockedWheel) -> int:
    with Web() as web, web.download(wheel.url) as source:
        return sum(map(len, iter(source.read, b"")))


def imports(cell: Cell, lock: Lock, hold: Hold, cache: Path, folder: Path) -> Import:
    """How long ``import torch`` takes in a new environment of the project's, and once its bytecode is there.

    Raises:
        CellError: the environment can't be made.
        MatrixError: torch can't be imported.
    """
    log, environment = folder / "import.log", folder / "environment"
    interpreter = interpreters.find(cell.python)
    if interpreter is None:
        raise MatrixError(f"{cell.id}: no interpreter for Python {cell.python}")
    try:
        environments.create(environment, interpreter, cache=cache, log=log)
        environments.install(environment, lock, cache=cache, log=log, timeout=1800, hold=hold)
        cold, again = (_import(environments.python_of(environment), log) for _ in range(2))
    finally:
        shutil.rmtree(environment, ignore_errors=True)
    return Import(cell=cell.id, first=cold, again=again)


def _import(python: Path, log: Path) -> float:
    command: list[str | Path] = [python, "-c", "import torch"]
    done = process.run(command, log=log, env=process.clean_environment(), timeout=600, cwd=log.parent)
    if not done.ok:
        raise MatrixError(f"import torch: {done.output.strip()[-500:]}")
    return round(done.seconds, 3)


def load() -> float:
    """What else runs: processes that want a core, on average over the last minute; 0 where nobody counts."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0
