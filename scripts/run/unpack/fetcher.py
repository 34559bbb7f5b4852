"""Fetch big wheels into the store, each once for all cells of a run, in the order in which cells need them."""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from scripts.core import paths
from scripts.core.worker import Worker
from scripts.index import settings
from scripts.run import failures
from scripts.run.locks import Lock, LockedWheel
from scripts.run.unpack import store
from scripts.run.unpack.placeholders import PlaceholderRules

_COMMAND: Final = [sys.executable, "-m", "scripts.run.unpack.worker"]


class Fetcher:
    """A queue of wheels and the worker processes that download, hash and unpack them, one wheel at a time each.

    Worker processes can be killed at a timeout, and use cores while the engine's threads run.
    """

    def __init__(self, cache: Path, workers: int) -> None:
        """Start nothing yet: workers start with the wheels that need them."""
        self._cache, self._count = cache, workers
        self._guard = threading.Lock()
        self._running: dict[tuple[Path, PlaceholderRules], Future[str]] = {}
        self._folders: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)
        self._pool: ThreadPoolExecutor | None = None
        self._idle: queue.LifoQueue[Worker] = queue.LifoQueue()

    def fetch(self, lock: Lock, rules: PlaceholderRules, *, log: Path, timeout: float) -> float:
        """Wait until the store has the big wheels of a lock, as far as it takes them. Return the seconds.

        Raises:
            CellError: a wheel took longer than ``timeout`` seconds.
        """
        wheels = store.to_fetch(self._cache, lock.wheels, rules, log=log)
        if not wheels:
            return 0.0
        began = time.monotonic()
        for line in self._results(wheels, rules, timeout):
            store.append(log, line)
        return round(time.monotonic() - began, 3)

    def close(self) -> None:
        """End the workers; a later `fetch` starts others."""
        with self._guard:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)
        while not self._idle.empty():
            self._idle.get().close()

    def _results(self, wheels: Sequence[LockedWheel], rules: PlaceholderRules, timeout: float) -> list[str]:
        """Return one line for the log for each wheel, in this order, with the wheels' files already in the store."""
        ordered = sorted(wheels, key=lambda wheel: -(wheel.size or 0))  # the largest would else end last and alone
        with self._guard:
            requests = [self._request(wheel, rules, timeout) for wheel in ordered]
        try:
            return [request.result() for request in requests]
        except TimeoutError:
            raise failures.CellError("download", "timed out", f"downloading took longer than {timeout:g} s") from None

    def _request(self, wheel: LockedWheel, rules: PlaceholderRules, timeout: float) -> Future[str]:
        """Return the future of a wheel, which another cell may have requested."""
        key = (store.folder(self._cache, wheel), rules)
        if key not in self._running:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._count, thread_name_prefix="wheel")
            self._running[key] = self._pool.submit(self._fetch_one, wheel, key, timeout)
        return self._running[key]

    def _fetch_one(self, wheel: LockedWheel, key: tuple[Path, PlaceholderRules], timeout: float) -> str:
        try:
            with self._folders[key[0]]:  # cells may allow different placeholders in the same wheel
                if store.has(self._cache, wheel, key[1]):
                    return f"{wheel.filename}: fetched for another cell"
                return self._ask(wheel, key, timeout)
        finally:
            with self._guard:
                self._running.pop(key, None)

    def _ask(self, wheel: LockedWheel, key: tuple[Path, PlaceholderRules], timeout: float) -> str:
        folder, rules = key
        job: dict[str, object] = {
            "filename": wheel.filename,
            "url": wheel.url,
            "sha256": wheel.sha256,
            "folder": str(folder),
        }
        job |= {"patterns": list(rules.patterns), "needed": sorted(rules.needed)}
        worker = self._worker()
        try:
            return worker.ask(json.dumps(job), timeout=timeout)
        except TimeoutError:
            raise
        except OSError as error:  # the worker crashed or cannot start: only this wheel is lost
            return f"left to uv: {wheel.filename}: {error}"
        finally:
            self._idle.put(worker)

    def _worker(self) -> Worker:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return Worker(_COMMAND, env=settings.uv_environment(), cwd=paths.ROOT)
