"""Run the cells of a qualification with the engine, and save their locks so that it can be repeated."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from scripts.config.cell import DEFAULT_BUILD, Cell
from scripts.config.model import Matrix
from scripts.config.suite import Suite
from scripts.core.files import write_atomically
from scripts.core.urls import shown
from scripts.index.sources import Source
from scripts.qualify.model import CellPair, Sample
from scripts.qualify.rounds import CellRequest, Samples
from scripts.records.model import FreshRecord
from scripts.run import import_timing, locks, scheduler
from scripts.run.context import Listener, Options, Progress

#: Credentials in a URL; they must not be saved.
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/@\s\"]+@")

#: Shows the progress of a number of cells.
Display = Callable[[int], AbstractContextManager[Listener]]
#: Finds an accepted result for the baseline of a pair, comparable with the candidate's sample if there is one.
FindAccepted = Callable[[CellPair, Sample | None], Sample | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Batch:
    """Requests that the engine can run together have equal batches."""

    pins: tuple[str, ...]
    fresh: bool
    shared: bool  # other sessions run these cells alike, so records are shared with them


@dataclasses.dataclass(kw_only=True, eq=False)
class CellRunner:
    """Runs cells; a `rounds.Runner`.

    Attributes:
        matrix: with the builds that serve the candidate.
        suite: the tests.
        known_builds: builds of matrix.toml.
        fresh: whether cells with a current record run too.
        mutable: whether the candidate's index may replace its wheel by another of the same name.
        jobs: number of cells at once; None to derive it from the machine.
        display: shows the progress.
        find_accepted: finds accepted results of the baseline.
        locks: locks to run cells from instead of resolving them; those of cells that ran are added.
        lock_texts: their texts, by digest.
    """

    matrix: Matrix
    suite: Suite
    known_builds: frozenset[str]
    fresh: bool
    mutable: bool
    jobs: int | None
    display: Display
    find_accepted: FindAccepted
    locks: dict[CellRequest, locks.Lock]
    lock_texts: dict[str, str]

    def run(self, requests: Sequence[CellRequest], *, repeat: bool) -> Samples:
        """Return a sample of each cell; ``repeat`` runs it again from the same lock."""
        batches: dict[Batch, list[CellRequest]] = {}
        for request in requests:
            batches.setdefault(self._batch(request, repeat=repeat), []).append(request)
        return {request: sample for batch, members in batches.items() for request, sample in self._run(batch, members)}

    def accepted(self, pair: CellPair, candidate: Sample | None) -> Sample | None:
        """Return an accepted result for the baseline of a pair, if there is one."""
        return self.find_accepted(pair, candidate)

    def time_imports(self, baseline: CellRequest, candidate: CellRequest) -> tuple[float, float] | None:
        """Return the best import times in seconds, measured alternately; None if a lock is unknown."""
        if baseline not in self.locks or candidate not in self.locks:
            return None
        locked = [(request.cell, self.locks[request]) for request in (baseline, candidate)]
        times = import_timing.best(locked, self.suite)
        return (round(times[0], 3), round(times[1], 3)) if times else None

    def _batch(self, request: CellRequest, *, repeat: bool) -> Batch:
        mutable = request.side == "candidate" and self.mutable
        return Batch(
            pins=request.pins,
            fresh=repeat or self.fresh or mutable or request in self.locks,
            shared=not request.pins and request.cell.build in self.known_builds and request not in self.locks,
        )

    def _run(self, batch: Batch, requests: Sequence[CellRequest]) -> Iterator[tuple[CellRequest, Sample]]:
        options = Options(
            fresh=batch.fresh,
            jobs=self.jobs,
            require=batch.pins,
            suite=self.suite,
            records=_records_folder(self.suite, batch),
            locks={request.cell: self.locks[request] for request in requests if request in self.locks},
        )
        current: set[Cell] = set()
        with self.display(len(requests)) as show:

            def listen(progress: Progress) -> None:
                if progress.stage == "current":
                    current.add(progress.cell)
                show(progress)

            cells = list(dict.fromkeys(request.cell for request in requests))
            records = scheduler.run(self.matrix, cells, options, listen)
        for request in requests:
            yield request, self._sample(request, records[request.cell], current=request.cell in current)

    def _sample(self, request: CellRequest, record: FreshRecord, *, current: bool) -> Sample:
        source = self._source(record)
        if record.run.lock and request not in self.locks:
            self._save_lock(request, record.run.lock, source)
        return Sample(
            record=record.accepted(),
            origin="fresh record" if current else "run",
            import_seconds=record.run.timings.import_,
            lock=record.run.lock,
            source=shown(source.index) if source.index else None,
            fallback=record.run.fallback,
            recorded_at=record.run.recorded_at,
            machine=record.run.machine,
        )

    def _source(self, record: FreshRecord) -> Source:
        """Return where the torch of a record came from."""
        name = record.wheel.index if record.wheel else DEFAULT_BUILD
        build = self.matrix.builds.get(name)
        requested = self.matrix.builds[Cell.parse(record.run.asked).build]
        return Source(
            build=name,
            index=build.index if build else None,
            gpu=requested.gpu,
            fallback=record.run.fallback,
            companions=build.companion_index if build else None,
        )

    def _save_lock(self, request: CellRequest, digest: str, source: Source) -> None:
        """Save the lock of a cell, from which later rounds and a replay run it."""
        text = _lock_text(self.suite, request.cell, digest)
        if text is not None:
            self.lock_texts[digest] = text
            self.locks[request] = write_lock(self.suite, request.cell, digest, text, source)


def write_lock(suite: Suite, cell: Cell, digest: str, text: str, source: Source) -> locks.Lock:
    """Write the text of a lock to a file, and return the lock."""
    file = suite.paths.qualify / "locks" / digest[:16] / cell.id / "pylock.toml"
    write_atomically(file, text)
    return dataclasses.replace(locks.load(file, source), digest=digest)


def _records_folder(suite: Suite, batch: Batch) -> Path:
    """Return the folder of fresh records; one that no other session reads unless it would run the cells alike."""
    if batch.shared:
        return suite.paths.records
    name = hashlib.sha256(" ".join(batch.pins).encode()).hexdigest()[:8] if batch.pins else "usual"
    return suite.paths.qualify / "records" / name


def _lock_text(suite: Suite, cell: Cell, digest: str) -> str | None:
    """Return the lock a cell was last resolved to, without credentials; None if its digest differs."""
    try:
        text = (suite.paths.locks / cell.id / "pylock.toml").read_bytes()
    except OSError:
        return None
    return _CREDENTIALS.sub("", text.decode()) if hashlib.sha256(text).hexdigest() == digest else None
