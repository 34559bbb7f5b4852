"""Merge records of many machines into one set; the result does not depend on order or repetition. Pure.

Records from other machines are untrusted: each is checked on its own, and a refused one does not affect the others.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Final

from packaging.version import InvalidVersion, Version

from scripts.config.cell import Cell
from scripts.core.errors import MatrixError, SchemaError
from scripts.records import store
from scripts.records.model import FreshRecord
from scripts.records.signature import signatures

#: Folder for the records that lost a conflict, below the folder of the merged records.
CONFLICTS: Final = "conflicts"

_PLATFORM: Final = re.compile(r"[a-z]+-[a-z0-9_]+")
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+00:00")


@dataclasses.dataclass(frozen=True, kw_only=True)
class File:
    """A file that claims to be a record."""

    name: str  # where it was found, for messages
    path: PurePosixPath  # relative to the folder that was merged
    content: bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Refused:
    """A file that was left out, and the reason."""

    name: str
    why: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conflict:
    """Two records of one cell that were made from the same inputs and disagree."""

    chosen: FreshRecord
    rejected: FreshRecord
    names: tuple[str, str]  # of the files of both


@dataclasses.dataclass(frozen=True, kw_only=True)
class Merged:
    """The result of merging."""

    records: tuple[FreshRecord, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    refused: tuple[Refused, ...] = ()

    def files(self) -> Iterator[tuple[PurePosixPath, str]]:
        """Yield the files to write: one record per cell, and the rejected records of conflicts in their own folder."""
        for record in self.records:
            yield PurePosixPath(record.cell.platform, f"{record.run.asked}.json"), store.dump(record)
        for conflict in self.conflicts:
            record = conflict.rejected
            yield PurePosixPath(CONFLICTS, record.cell.platform, _conflict_name(record)), store.dump(record)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Source:
    """A record and the name of its file."""

    name: str
    record: FreshRecord

    @property
    def rank(self) -> tuple[bool, bool, str, bool, str]:
        """The sort key by which the greatest is chosen: conclusive, no fallback, latest, made on this machine.

        The text decides between records that are equal otherwise, so that the order of files never does.
        """
        run = self.record.run
        return (
            self.record.is_conclusive,
            run.fallback is None,
            run.recorded_at,
            run.local is not None,
            store.dump(self.record),
        )


def merge(files: Iterable[File], own: Iterable[File] = (), *, suite: str | None = None) -> Merged:
    """Return one record per cell, with conflicts and refused files.

    Records of another suite are refused if both names are known. Those that are not this machine's ``own`` lose the
    local part of their fingerprint, which is meaningless here.
    """
    refused: list[Refused] = []
    cells: dict[tuple[str, Cell], list[_Source]] = {}
    labelled = [*((file, True) for file in own), *((file, False) for file in files)]
    for file, is_own in sorted(labelled, key=lambda pair: (pair[0].name, pair[1])):
        try:
            record = checked(file, suite)
        except MatrixError as error:
            refused.append(Refused(name=file.name, why=str(error).removeprefix(f"{file.name}: ")))
        else:
            record = record if is_own else _without_local(record)
            key = record.cell.platform, Cell.parse(record.run.asked)
            cells.setdefault(key, []).append(_Source(name=file.name, record=record))
    candidates = [cells[key] for key in sorted(cells, key=lambda key: (key[0], key[1].sort_key))]
    best = [max(sources, key=lambda source: source.rank) for sources in candidates]
    return Merged(
        records=tuple(source.record for source in best),
        conflicts=tuple(
            conflict
            for chosen, sources in zip(best, candidates, strict=True)
            for conflict in _conflicts(chosen, sources)
        ),
        refused=tuple(refused),
    )


def _without_local(record: FreshRecord) -> FreshRecord:
    return record.model_copy(update={"run": record.run.model_copy(update={"local": None})})


def _conflicts(chosen: _Source, sources: Iterable[_Source]) -> list[Conflict]:
    """Return the conflicts with the chosen record, one for each behaviour that differs from its own."""
    others: dict[str, _Source] = {}
    for source in sources:
        record = source.record
        comparable = record.run.inputs == chosen.record.run.inputs and record.cell == chosen.record.cell
        if record.is_conclusive and comparable:
            key = behaviour(record)
            others[key] = max(source, others.get(key, source), key=lambda source: source.rank)
    others.pop(behaviour(chosen.record), None)
    return [
        Conflict(chosen=chosen.record, rejected=source.record, names=(chosen.name, source.name))
        for _, source in sorted(others.items())
    ]


def behaviour(record: FreshRecord) -> str:
    """Return a digest of a record's status, reason and signatures; timings and logs are left out."""
    compared = record.status, record.reason, sorted(signatures(record).items())
    return hashlib.sha256(repr(compared).encode("utf-8", "backslashreplace")).hexdigest()


def _conflict_name(record: FreshRecord) -> str:
    return f"{record.run.asked}.{behaviour(record)[:12]}.json"


def checked(file: File, suite: str | None = None) -> FreshRecord:
    """Return the record of a file. Raise `SchemaError`, which names the file, for an invalid or misplaced record.

    With ``suite``, the record of another suite is refused too.
    """
    record = store.parse(file.content, FreshRecord, file.name)
    for problem in _problems(record, file.path):
        raise SchemaError(f"{file.name}: {problem}")
    if suite is not None and record.run.suite not in {None, suite}:
        raise SchemaError(f"{file.name}: a record of the suite {record.run.suite!r}; merge it with --suite")
    return record


def _problems(record: FreshRecord, path: PurePosixPath) -> Iterator[str]:
    """Yield the reasons to distrust a well-formed record."""
    for text in (record.cell.id, record.run.asked):
        if not _is_cell(text):
            yield f"invalid cell id: {text!r}"
    if not _PLATFORM.fullmatch(record.cell.platform):
        yield f"invalid platform: {record.cell.platform!r}"
    names = {record.run.asked, _conflict_name(record).removesuffix(".json")}
    if path.parent.name != record.cell.platform or path.name.split(".json")[0] not in names:
        yield f"contains {record.cell.platform}/{record.run.asked}, which does not match the path of the file"
    if not _TIME.fullmatch(record.run.recorded_at):
        yield f"invalid time: {record.run.recorded_at!r} (expected UTC, like 2026-01-31T12:00:00+00:00)"
    if record.run.log is not None and not _stays_inside(record.run.log):
        yield f"the log {record.run.log!r} lies outside the project"
    try:
        store.dump(record).encode()
    except UnicodeEncodeError:
        yield "contains characters that cannot be encoded"


def _is_cell(text: str) -> bool:
    try:
        Version(Cell.parse(text).torch)
    except (MatrixError, InvalidVersion):
        return False
    return True


def _stays_inside(log: str) -> bool:
    path = PurePosixPath(log)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in log and ":" not in log
