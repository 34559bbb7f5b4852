"""Installation of a lock into an environment: by the fast path where it can, else by uv with verified hashes."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from scripts.core import machine, processes
from scripts.index import settings
from scripts.run import environments
from scripts.run.interpreters import uv_bin
from scripts.run.locks import Lock, LockedWheel, hashed_requirements
from scripts.run.unpack import fast_path
from scripts.run.unpack.fast_path import NO_PLACEHOLDERS, Fetcher, Installed, PlaceholderRules

#: How uv installs: with hard links, which keep the modification times that bytecode depends on. On macOS with clones,
#: which share their blocks and keep the times too.
_LINK_MODE: Final = "clone" if sys.platform == "darwin" else "hardlink"


def install(
    environment: Path,
    lock: Lock,
    *,
    cache: Path,
    log: Path,
    timeout: float,
    fetcher: Fetcher | None = None,
    rules: PlaceholderRules = NO_PLACEHOLDERS,
) -> Installed:
    """Install exactly the wheels of a lock, with placeholders for the files that ``rules`` match.

    Without a ``fetcher``, which the cells of a run share, it has one of its own.

    Raises:
        CellError: a download failed or timed out, a hash does not match, the disk is full, …
    """
    with contextlib.ExitStack() as own:
        done = fast_path.install(
            lock,
            rules,
            packages=environments.site_packages(environment),
            python=environments.python_of(environment),
            cache=cache,
            fetcher=fetcher or own.enter_context(contextlib.closing(Fetcher(cache, machine.cores()))),
            log=log,
            timeout=timeout,
        )
    if not done.remaining:
        return done
    seconds = _install_with_uv(environment, lock, done.remaining, cache=cache, log=log, timeout=timeout)
    fast_path.leave_to_uv(cache, done.remaining)
    return dataclasses.replace(done, seconds=round(done.seconds + seconds, 3), remaining=())


def _install_with_uv(
    environment: Path, lock: Lock, wheels: Sequence[LockedWheel], *, cache: Path, log: Path, timeout: float
) -> float:
    """Install some wheels of a lock with uv. Return the seconds of downloading and unpacking.

    From requirement lines with hashes instead of the lock: uv then caches downloads from indexes that send no cache
    headers, so that a second installation downloads nothing.
    """
    requirements = lock.path.with_name("requirements.txt")
    requirements.write_text(hashed_requirements(wheels), encoding="utf-8")
    command: list[str | Path] = [
        *(uv_bin(), "pip", "install", "--python", environments.python_of(environment), "--requirements", requirements),
        *("--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-progress", "--color", "never"),
        *("--link-mode", _LINK_MODE, "--cache-dir", cache),
        *(f"--index={url}" for url in (lock.source.index, lock.source.companion_index) if url),
    ]
    env = settings.uv_environment()
    done = processes.run(command, log=log, env=env, timeout=timeout)
    if not done.ok and environments.uv_error(done, timeout).reason.kind == "no wheel":
        # The locked wheel exists: uv's cached page is outdated, or one of several servers of the index lags behind.
        done = processes.run([*command, "--refresh"], log=log, env=env, timeout=timeout)
    if not done.ok:
        raise environments.uv_error(done, timeout)
    return prepared_seconds(done.output)


def prepared_seconds(output: str) -> float:
    """Return the seconds that uv reports for downloading and unpacking; 0 where everything was cached."""
    prepared = re.search(r"^Prepared \d+ packages? in (?:(\d+)m\b ?)?(?:(\d+(?:\.\d+)?)(ms|s))?", output, re.MULTILINE)
    if prepared is None:
        return 0.0
    minutes, number, unit = prepared.groups()
    return round(int(minutes or 0) * 60 + float(number or 0) * (0.001 if unit == "ms" else 1), 3)
