"""Timing the import of torch for two cells against each other, in turn, on a machine that others may use too.

A run's own timing is that of a first import: the disk is cold, and bytecode is yet to be written. It is good enough to
raise a suspicion, never to confirm one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from scripts.config.cell import Cell
from scripts.config.model import Limits
from scripts.core import environment, paths, processes
from scripts.run import environments, installation, interpreters
from scripts.run.failures import CellError
from scripts.run.locks import Lock

#: Imports of each side that are timed; before them, one that isn't.
_TURNS: Final = 3
_CODE: Final = "import time; start = time.perf_counter(); import torch; print('seconds', time.perf_counter() - start)"


def best(sides: Sequence[tuple[Cell, Lock]], limits: Limits) -> list[float] | None:
    """Seconds of the fastest import of each side, of several in turn; None where one can't be had."""
    folders = [paths.ENVIRONMENTS / f"timing-{cell.slug}" for cell, _ in sides]
    try:
        with processes.interruptible():
            for (cell, lock), folder in zip(sides, folders, strict=True):
                _install(cell, lock, folder, limits)
            return _taken(folders, limits)
    except (CellError, OSError):
        return None
    finally:
        for folder in folders:
            environments.remove(folder)


def _install(cell: Cell, lock: Lock, folder: Path, limits: Limits) -> None:
    python, problem = interpreters.find_or_download(cell.python)
    if python is None:
        raise CellError("interpreter", "no interpreter", problem)
    log = _log(folder)
    environments.create(folder, python, cache=paths.CACHE, log=log)
    installation.install(folder, lock, cache=paths.CACHE, log=log, timeout=limits.install)


def _taken(folders: Sequence[Path], limits: Limits) -> list[float]:
    turns = [[_once(folder, limits) for folder in folders] for _ in range(_TURNS + 1)]
    return [min(side) for side in zip(*turns[1:], strict=True)]


def _once(folder: Path, limits: Limits) -> float:
    """Seconds of one import. Raises `CellError`."""
    python = environments.python_of(folder)
    command: list[str | Path] = [python, "-c", _CODE]
    env = environment.cell(python, folder, gpu=False, declared={})
    done = processes.run(command, log=_log(folder), env=env, timeout=limits.startup)
    said = [line.split()[1] for line in done.output.splitlines() if line.startswith("seconds ")]
    if not done.ok or not said:
        raise CellError("import", "import failed", done.output[-200:])
    return float(said[-1])


def _log(folder: Path) -> Path:
    return paths.LOGS / f"{folder.name}.log"
