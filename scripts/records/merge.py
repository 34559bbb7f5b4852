"""Many machines' records as one set: any order, any number of times, with the same result. Pure.

Records that come from other machines are data of strangers: each is checked by itself, and one that is refused
costs nothing else.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Final

from packaging.version import InvalidVersion, Version

from scripts.config.cells import Cell
from scripts.core.errors import MatrixError, SchemaError
from scripts.records import model
from scripts.records.model import FreshRecord
from scripts.records.signature import signatures

#: Where the other sides of conflicts are kept, below the folder of the merged records.
CONFLICTS: Final = "conflicts"

_PLATFORM: Final = re.compile(r"[a-z]+-[a-z0-9_]+")
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+00:00")


@dataclasses.dataclass(frozen=True, kw_only=True)
class File:
    """A file that claims to be a record."""

    name: str  # where it was found, for people
    path: PurePosixPath  # inside the folder that it came in
    content: bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Refused:
    """A file that was left out, and why."""

    name: str
    why: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conflict:
    """One cell of which two machines tell different things, from the same inputs."""

    kept: FreshRecord
    other: FreshRecord
    names: tuple[str, str]  # where both were found


@dataclasses.dataclass(frozen=True, kw_only=True)
class Merged:
    """What came of merging."""

    records: tuple[FreshRecord, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    refused: tuple[Refused, ...] = ()

    def files(self) -> Iterator[tuple[PurePosixPath, str]]:
        """The files to write: a record a cell, and apart from them the other sides of the conflicts."""
        for record in self.records:
            yield PurePosixPath(record.cell.platform, f"{record.run.asked}.json"), model.dump(record)
        for conflict in self.conflicts:
            name = f"{conflict.other.run.asked}.{behaviour(conflict.other)[:12]}.json"
            yield PurePosixPath(CONFLICTS, conflict.other.cell.platform, name), model.dump(conflict.other)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Found:
    name: str
    record: FreshRecord

    @property
    def rank(self) -> tuple[bool, bool, str, bool, str]:
        """The greatest is kept: what tells of torch, what is no fallback, what is later, what was made here.

        The text decides where nothing else does, so that the order of files never does.
        """
        run = self.record.run
        return (
            self.record.is_conclusive,
            run.fallback is None,
            run.recorded_at,
            run.local is not None,
            model.dump(self.record),
        )


def merge(files: Iterable[File], here: Iterable[File] = ()) -> Merged:
    """Return one record a cell, and what contradicts it.

    Records that are not from ``here`` lose the local part of their fingerprint: it says nothing on this machine.
    """
    refused: list[Refused] = []
    cells: dict[tuple[str, Cell], list[_Found]] = {}
    everything = [*((file, True) for file in here), *((file, False) for file in files)]
    for file, mine in sorted(everything, key=lambda one: (one[0].name, one[1])):
        try:
            record = checked(file)
            record = (
                record if mine else record.model_copy(update={"run": record.run.model_copy(update={"local": None})})
            )
        except MatrixError as error:
            refused.append(Refused(name=file.name, why=str(error).removeprefix(f"{file.name}: ")))
        else:
            key = record.cell.platform, Cell.parse(record.run.asked)
            cells.setdefault(key, []).append(_Found(name=file.name, record=record))
    in_order = sorted(cells.items(), key=lambda item: (item[0][0], item[0][1].sort_key))
    best = {key: max(found, key=lambda one: one.rank) for key, found in in_order}
    return Merged(
        records=tuple(one.record for one in best.values()),
        conflicts=tuple(conflict for key, found in in_order for conflict in _conflicts(best[key], found)),
        refused=tuple(refused),
    )


def _from_elsewhere(record: FreshRecord) -> FreshRecord:
    return record.model_copy(update={"run": record.run.model_copy(update={"local": None})})


def _conflicts(best: _Found, found: Iterable[_Found]) -> list[Conflict]:
    """What differs from the record that was kept, one of each behaviour; the kept one's own isn't among them."""
    others: dict[str, _Found] = {}
    for one in found:
        same_question = one.record.run.inputs == best.record.run.inputs and one.record.cell == best.record.cell
        if one.record.is_conclusive and same_question:
            key = behaviour(one.record)
            others[key] = max(one, others.get(key, one), key=lambda one: one.rank)
    others.pop(behaviour(best.record), None)
    return [
        Conflict(kept=best.record, other=one.record, names=(best.name, one.name)) for _, one in sorted(others.items())
    ]


def behaviour(record: FreshRecord) -> str:
    """A digest of what a record says of torch; timings, logs and the like don't count."""
    said = record.status, record.reason, sorted(signatures(record).items())
    return hashlib.sha256(repr(said).encode("utf-8", "backslashreplace")).hexdigest()


def checked(file: File) -> FreshRecord:
    """The record of a file. Raises `SchemaError`, which names the file, for whatever isn't one in its place."""
    record = model.parse(file.content, FreshRecord, file.name)
    for problem in _problems(record, file.path):
        raise SchemaError(f"{file.name}: {problem}")
    return record


def _problems(record: FreshRecord, path: PurePosixPath) -> Iterator[str]:
    """Why a well-formed record can't be taken as what it says it is."""
    for text in (record.cell.id, record.run.asked):
        if not _is_cell(text):
            yield f"{text!r} is no cell"
    if not _PLATFORM.fullmatch(record.cell.platform):
        yield f"{record.cell.platform!r} is no platform"
    name = record.run.asked
    if path.parent.name != record.cell.platform or path.name.split(".json")[0] not in {
        name,
        f"{name}.{behaviour(record)[:12]}",
    }:
        yield f"holds {record.cell.platform}/{name}, and is named otherwise"
    if not _TIME.fullmatch(record.run.recorded_at):
        yield f"{record.run.recorded_at!r} is no time in UTC"
    if record.run.log is not None and not _stays_inside(record.run.log):
        yield f"the log {record.run.log!r} lies outside the project"
    try:
        model.dump(record).encode()
    except UnicodeEncodeError:
        yield "has characters that are none"


def _is_cell(text: str) -> bool:
    try:
        Version(Cell.parse(text).torch)
    except (MatrixError, InvalidVersion):
        return False
    return True


def _stays_inside(log: str) -> bool:
    path = PurePosixPath(log)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in log and ":" not in log
