"""What bounds everybody: how fast the same wheels come over the network, and how long importing torch takes."""

from __future__ import annotations

import dataclasses
import itertools
import os
import shutil
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx

from scripts import process
from scripts.bench.bench_result import Download, Import
from scripts.errors import MatrixError
from scripts.running import environments, interpreters
from scripts.running.locks import Lock, LockedWheel

_CHUNK: Final = 1 << 20
#: Bytes of one request.
_PIECE: Final = 1 << 26


def unique(locks: Iterable[Lock]) -> list[LockedWheel]:
    """The wheels of some locks, each once, the largest first."""
    wheels = {wheel.url: wheel for lock in locks for wheel in lock.wheels}
    return sorted(wheels.values(), key=lambda wheel: (-(wheel.size or 0), wheel.url))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Piece:
    """A part of a file."""

    url: str
    start: int
    size: int


def pieces(wheels: Sequence[LockedWheel], limit: int, size: int = _PIECE) -> list[Piece]:
    """Parts of the wheels in their order, so small that every stream has enough to do; ``limit`` bytes in all."""
    parts = [
        Piece(url=wheel.url, start=start, size=min(size, (wheel.size or 0) - start))
        for wheel in wheels
        if wheel.url.startswith(("http://", "https://"))  # a local folder says nothing of the network
        for start in range(0, wheel.size or 0, size)
    ]
    ends = itertools.accumulate(part.size for part in parts)
    return [part for part, end in zip(parts, ends, strict=True) if end - part.size < limit]


def download(wanted: Sequence[Piece], streams: int) -> Download:
    """Download and throw away.

    Raises:
        MatrixError: a download broke off.
    """
    began = time.monotonic()
    with httpx.Client(timeout=60, follow_redirects=True) as client, ThreadPoolExecutor(streams) as pool:
        try:
            received = sum(pool.map(lambda piece: _received(client, piece), wanted))
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise MatrixError(f"measuring the network: {why}; run the bench again") from error
    return Download(streams=streams, bytes=received, seconds=round(time.monotonic() - began, 3))


def _received(client: httpx.Client, piece: Piece) -> int:
    """So many bytes of a file; where the server gives no parts, the first ones do as well."""
    received = 0
    part = {"Range": f"bytes={piece.start}-{piece.start + piece.size - 1}"}
    with client.stream("GET", piece.url, headers=part) as response:
        response.raise_for_status()
        for chunk in response.iter_raw(_CHUNK):
            received += len(chunk)
            if received >= piece.size:
                break
    return received


def imports(cell: str, python: str, lock: Lock, cache: Path, folder: Path) -> Import:
    """How long ``import torch`` takes in a new environment, and once its bytecode is there.

    Raises:
        CellError: the environment can't be made.
        MatrixError: torch can't be imported.
    """
    log, environment = folder / "import.log", folder / "environment"
    interpreter = interpreters.find(python)
    if interpreter is None:
        raise MatrixError(f"{cell}: no interpreter for Python {python}")
    try:
        environments.create(environment, interpreter, cache=cache, log=log)
        environments.install(environment, lock, cache=cache, log=log, timeout=1800)
        first, again = (_import(environments.python_of(environment), log) for _ in range(2))
    finally:
        shutil.rmtree(environment, ignore_errors=True)
    return Import(cell=cell, first=first, again=again)


def _import(python: Path, log: Path) -> float:
    command: list[str | Path] = [python, "-c", "import torch"]
    done = process.run(command, log=log, env=process.clean_environment(), timeout=600, cwd=log.parent)
    if not done.ok:
        raise MatrixError(f"import torch: {done.output.strip()[-500:]}")
    return round(done.seconds, 3)


def load() -> float:
    """What else runs: processes that want a core, on average over the last minute; 0 where nobody counts."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0
