"""Measure what bounds every subject: the download rate of the same wheels, and the time to import torch."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scripts.config.cell import Cell
from scripts.core import environment, processes
from scripts.core.errors import MatrixError
from scripts.index.http import Web
from scripts.run import environments, installation, interpreters
from scripts.run.locks import Lock, LockedWheel
from scripts.run.unpack.fast_path import PlaceholderRules
from tests.bench.result import Download, Import


def unique_wheels(locks: Iterable[Lock]) -> list[LockedWheel]:
    """Return the wheels of some locks, each once, the largest first."""
    wheels = {wheel.url: wheel for lock in locks for wheel in lock.wheels}
    return sorted(wheels.values(), key=lambda wheel: (-(wheel.size or 0), wheel.url))


def up_to(wheels: Sequence[LockedWheel], limit: int) -> list[LockedWheel]:
    """Return the first wheels, until their sum reaches ``limit`` bytes; local files do not measure the network."""
    remote = [wheel for wheel in wheels if wheel.url.startswith(("http://", "https://"))]
    sums = itertools.accumulate(wheel.size or 0 for wheel in remote)
    return [wheel for wheel, total in zip(remote, sums, strict=True) if total - (wheel.size or 0) < limit]


def download(wheels: Sequence[LockedWheel], streams: int) -> Download:
    """Download wheels without saving them, and return the rate.

    Raises:
        MatrixError: a download failed.
    """
    start = time.monotonic()
    with ThreadPoolExecutor(streams) as pool:
        received = sum(pool.map(_received, wheels))
    return Download(streams=streams, bytes=received, seconds=round(time.monotonic() - start, 3))


def _received(wheel: LockedWheel) -> int:
    with Web() as web, web.download(wheel.url) as source:
        return sum(map(len, iter(source.read, b"")))


def imports(cell: Cell, lock: Lock, rules: PlaceholderRules, cache: Path, folder: Path) -> Import:
    """Return the time of ``import torch`` in a new environment of the project, and again with bytecode.

    Raises:
        CellError: the environment cannot be created.
        MatrixError: torch cannot be imported.
    """
    log, made = folder / "import.log", folder / "environment"
    interpreter = interpreters.find(cell.python)
    if interpreter is None:
        raise MatrixError(f"{cell.id}: no interpreter for Python {cell.python}")
    try:
        environments.create(made, interpreter, cache=cache, log=log)
        installation.install(made, lock, cache=cache, log=log, timeout=1800, rules=rules)
        first, again = (_import(environments.python_of(made), log) for _ in range(2))
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return Import(cell=cell.id, first=first, again=again)


def _import(python: Path, log: Path) -> float:
    command: list[str | Path] = [python, "-c", "import torch"]
    env = environment.cell(python, log.parent, gpu=False, declared={})
    done = processes.run(command, log=log, env=env, timeout=600, cwd=log.parent)
    if not done.ok:
        raise MatrixError(f"import torch: {done.output.strip()[-500:]}")
    return round(done.seconds, 3)


def load() -> float:
    """Return the load average of the last minute; 0 where the system has none."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0
