"""Running a qualification's cells: what is kept where, which records serve, and the locks for running it again."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts import paths
from scripts.core.urls import shown
from scripts.index.checks import Source
from scripts.matrix.cells import DEFAULT_BUILD, Cell
from scripts.matrix.config import Matrix
from scripts.qualify.model import Lane, Seen
from scripts.qualify.rounds import Ask
from scripts.results.records import FreshRecord, Record, Store, write_atomically
from scripts.running import import_timing, locks, runner
from scripts.running.workshop import Listener, Options, Progress

#: Credentials in a URL; they have no place in an artefact.
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/@\s\"]+@")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Group:
    """What one call of the runner can do together."""

    pins: tuple[str, ...]
    fresh: bool
    ordinary: bool  # cells that any other session runs just like this


@dataclasses.dataclass(kw_only=True, eq=False)
class Runs:
    """Runs what is asked, and keeps the locks. Call it as a `qualifying.Probe`."""

    matrix: Matrix  # with the builds that serve the candidate
    known_builds: frozenset[str]  # those of matrix.toml
    fresh: bool  # run also what has an up-to-date record
    mutable: bool  # whether the candidate can be another wheel tomorrow, under the same name
    jobs: int | None
    display: Callable[[int], AbstractContextManager[Listener]]
    texts: dict[str, str] = dataclasses.field(default_factory=dict)  # of locks, by digest
    pinned: dict[Ask, locks.Lock] = dataclasses.field(default_factory=dict)

    def __call__(self, asked: Sequence[Ask], again: bool) -> Mapping[Ask, Seen]:
        """What each cell shows."""
        groups: dict[Group, list[Ask]] = {}
        for one in asked:
            groups.setdefault(self._group(one, again), []).append(one)
        return {ask: seen for group, members in groups.items() for ask, seen in self._run(group, members)}

    def time(self, baseline: Ask, candidate: Ask) -> tuple[float, float] | None:
        """Seconds of the best import of both, timed in turn; None where their locks aren't known."""
        locked = [(ask.cell, self.pinned[ask]) for ask in (baseline, candidate) if ask in self.pinned]
        times = import_timing.best(locked, self.matrix.limits) if len(locked) == len((baseline, candidate)) else None
        return (round(times[0], 3), round(times[1], 3)) if times else None

    def _group(self, ask: Ask, again: bool) -> Group:
        changing = ask.side == "candidate" and self.mutable
        return Group(
            pins=ask.pins,
            fresh=again or self.fresh or changing or ask in self.pinned,
            ordinary=not ask.pins and ask.cell.build in self.known_builds and ask not in self.pinned,
        )

    def _run(self, group: Group, asked: Sequence[Ask]) -> Iterator[tuple[Ask, Seen]]:
        pinned = {ask.cell: self.pinned[ask] for ask in asked if ask in self.pinned}
        options = Options(fresh=group.fresh, jobs=self.jobs, require=group.pins, records=_records(group), locks=pinned)
        current: set[Cell] = set()
        with self.display(len(asked)) as show:

            def listen(progress: Progress) -> None:
                if progress.stage == "current":
                    current.add(progress.cell)
                show(progress)

            records = runner.run(self.matrix, list(dict.fromkeys(ask.cell for ask in asked)), options, listen)
        for ask in asked:
            yield ask, self._seen(ask, records[ask.cell], current=ask.cell in current)

    def _seen(self, ask: Ask, record: FreshRecord, *, current: bool) -> Seen:
        source = self._source(record)
        lock = record.run.lock
        if lock and ask not in self.pinned:
            self._keep(ask, lock, source)
        return Seen(
            record=record.accepted(),
            origin="fresh record" if current else "run",
            import_seconds=record.run.timings.import_,
            lock=lock,
            source=shown(source.index) if source.index else None,
            fallback=record.run.fallback,
            recorded_at=record.run.recorded_at,
            machine=record.run.machine,
        )

    def _source(self, record: FreshRecord) -> Source:
        """Where a record's torch came from."""
        name = record.wheel.index if record.wheel else DEFAULT_BUILD
        build = self.matrix.builds.get(name)
        asked = self.matrix.builds[Cell.parse(record.run.asked).build]
        return Source(build=name, index=build.index if build else None, gpu=asked.gpu, fallback=record.run.fallback)

    def _keep(self, ask: Ask, digest: str, source: Source) -> None:
        """Keep a cell's lock, so that it is run again from the very same."""
        text = _text_of_lock(ask.cell, digest)
        if text is not None:
            self.texts[digest] = text
            self.pinned[ask] = written(ask.cell, digest, text, source)


def written(cell: Cell, digest: str, text: str, source: Source) -> locks.Lock:
    """A lock from its text."""
    folder = paths.QUALIFY / "locks" / digest[:16] / cell.id
    write_atomically(folder / "pylock.toml", text)
    return dataclasses.replace(locks.load(folder / "pylock.toml", source), digest=digest)


def _records(group: Group) -> Path:
    """Where fresh records are kept: what no other session would run just like this must not be taken for theirs."""
    if group.ordinary:
        return paths.RECORDS
    name = hashlib.sha256(" ".join(group.pins).encode()).hexdigest()[:8] if group.pins else "usual"
    return paths.QUALIFY / "records" / name


def _text_of_lock(cell: Cell, digest: str) -> str | None:
    """The lock that a cell was last resolved to, if it is the one of that digest; without credentials."""
    try:
        text = (paths.LOCKS / cell.id / "pylock.toml").read_bytes()
    except OSError:
        return None
    return _CREDENTIALS.sub("", text.decode()) if hashlib.sha256(text).hexdigest() == digest else None


# --- the baseline's accepted results ----------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Accepted:
    """Finds accepted results that can stand for a run of the baseline."""

    matrix: Matrix
    platform: str
    hashes: Mapping[str, str]  # what the index says now, by file name

    def __call__(self, lane: Lane, candidate: Seen | None) -> Seen | None:
        """The accepted record of the baseline, if it is current; with the candidate's, if both can be compared."""
        if lane.pins:
            return None
        found = [record for record in self._results if self._fits(record, Cell.parse(lane.baseline_cell))]
        if candidate is not None:
            found = [record for record in found if comparable(record, candidate.record, lane)]
        return Seen(record=found[0], origin="accepted") if found else None

    def _fits(self, record: Record, cell: Cell) -> bool:
        if (record.cell.torch, record.cell.python) != (cell.torch, cell.python) or record.wheel is None:
            return False
        required = [Requirement(text) for text in locks.requirements(self.matrix, cell)]
        versions = {canonicalize_name(name): version for name, version in record.packages.items()}
        met = all(_meets(one, versions.get(canonicalize_name(one.name))) for one in required)
        return met and self.hashes.get(record.wheel.filename, record.wheel.sha256) == record.wheel.sha256

    @functools.cached_property
    def _results(self) -> list[Record]:
        found = Store(paths.RESULTS).read(Record)
        return [record for record in found if record.tells and record.cell.platform == self.platform]


def _meets(requirement: Requirement, version: str | None) -> bool:
    return version is not None and requirement.url is None and requirement.specifier.contains(version, prereleases=True)


def comparable(record: Record, candidate: Record, lane: Lane) -> bool:
    """Whether an accepted record is of the right build and of the same probes.

    Where both sides were asked for in one build, the right one is what the candidate turned out to be.
    """
    asked = Cell.parse(lane.baseline_cell).build
    alike = Cell.parse(lane.candidate_cell).build.rpartition(".")[2] == asked
    if record.cell.build != (candidate.cell.build if alike and candidate.usable else asked):
        return False
    return not (candidate.usable and record.usable) or _probed(record) == _probed(candidate)


def _probed(record: Record) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(record.tests), frozenset(record.observations)


def hashes_of(files: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """What an index says of its files: sha256 by file name, where it tells one."""
    return {name: sha256 for name, sha256 in files if sha256}
