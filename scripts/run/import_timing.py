"""Time the import of torch in several cells, alternating between them to cancel the load of the machine.

A record holds the time of a first import, with a cold disk and without bytecode: it can suggest a slowdown, never
confirm one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from scripts.config.cell import Cell
from scripts.config.model import Limits
from scripts.config.suite import Suite
from scripts.core import environment, paths, processes
from scripts.run import environments, installation, interpreters
from scripts.run.failures import CellError
from scripts.run.locks import Lock

#: Timed imports of each cell, after one that is not timed.
_REPEATS: Final = 3
_CODE: Final = "import time; start = time.perf_counter(); import torch; print('seconds', time.perf_counter() - start)"


def best(cells: Sequence[tuple[Cell, Lock]], suite: Suite) -> list[float] | None:
    """Return the fastest import in each cell, in seconds, or None if a cell is unavailable."""
    limits = suite.limits
    folders = [suite.paths.environments / f"timing-{cell.slug}" for cell, _ in cells]
    try:
        with processes.interruptible():
            for (cell, lock), folder in zip(cells, folders, strict=True):
                _install(cell, lock, folder, limits)
            return _fastest(folders, limits)
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


def _fastest(folders: Sequence[Path], limits: Limits) -> list[float]:
    rounds = [[_import_once(folder, limits) for folder in folders] for _ in range(_REPEATS + 1)]
    return [min(seconds) for seconds in zip(*rounds[1:], strict=True)]


def _import_once(folder: Path, limits: Limits) -> float:
    """Return the seconds of one import. Raise `CellError` if it fails."""
    python = environments.python_of(folder)
    command: list[str | Path] = [python, "-c", _CODE]
    env = environment.cell(python, folder, gpu=False, declared={})
    done = processes.run(command, log=_log(folder), env=env, timeout=limits.startup)
    seconds = [line.split()[1] for line in done.output.splitlines() if line.startswith("seconds ")]
    if not done.ok or not seconds:
        raise CellError("import", "import failed", done.output[-200:])
    return float(seconds[-1])


def _log(folder: Path) -> Path:
    """Return the log of an environment, beside the logs of the cells."""
    return folder.parents[1] / "logs" / f"{folder.name}.log"
