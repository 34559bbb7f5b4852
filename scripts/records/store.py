"""Records as JSON files. The format is stable: the same behaviour gives the same bytes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

from scripts.core.documents import Format
from scripts.core.errors import SchemaError
from scripts.core.garbage import gc_paused
from scripts.records.model import SCHEMA, CellKey, Record

R = TypeVar("R", bound=Record)

#: The start of a suite's file in frames of schema 1.
_FILE: Final = re.compile(r"^probes/")


def _format(model: type[R]) -> Format[R]:
    """Return the file format of accepted or fresh records: below the top level, default values are left out."""
    return Format(
        name="record",
        model=model,
        schema=SCHEMA,
        migrations={1: _with_suite_paths},
        remedy="restore the file from version control, or record the cell again with `nox -s matrix -- --fresh`",
        defaults="top-level",
    )


def _with_suite_paths(data: dict[str, Any]) -> dict[str, Any]:
    """Return a record of schema 1 in schema 2, in which files of a suite begin with ``suite/``, not ``probes/``."""
    return {**data, **{key: _renamed(data[key]) for key in ("tests", "observations") if key in data}}


def _renamed(outcomes: Any) -> Any:
    """Return outcomes by name, as of schema 1, with the files of their frames renamed; anything else unchanged."""
    if not isinstance(outcomes, dict):
        return outcomes  # the model refuses it
    return {name: _with_frames(outcome) if isinstance(outcome, dict) else outcome for name, outcome in outcomes.items()}


def _with_frames(outcome: dict[str, Any]) -> dict[str, Any]:
    frames = outcome.get("frames")
    if not isinstance(frames, list):
        return outcome
    return {**outcome, "frames": [_with_suite(frame) if isinstance(frame, dict) else frame for frame in frames]}


def _with_suite(frame: dict[str, Any]) -> dict[str, Any]:
    file = frame.get("file")
    return {**frame, "file": _FILE.sub("suite/", file)} if isinstance(file, str) else frame


def dump(record: Record) -> str:
    """Return a record as JSON text."""
    return _format(type(record)).dump(record)


def parse(text: str | bytes, model: type[R], source: object) -> R:
    """Return the record of a JSON text; ``source`` names it in errors. Raises `SchemaError`."""
    return _format(model).parse(text, source)


class Store:
    """A folder of records, one file per cell: ``<platform>/<cell id>.json``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: CellKey) -> Path:
        """Return the path of a cell's record."""
        return self.folder / key.platform / f"{key.id}.json"

    def paths(self) -> Iterator[Path]:
        """Return the files of all records, in a stable order."""
        return iter(sorted(self.folder.glob("*/*.json")))

    def read(self, model: type[R]) -> list[R]:
        """Return all records of the folder. Raises `SchemaError` at the first that cannot be read."""
        with gc_paused():
            return [_format(model).read(path) for path in self.paths()]

    def load(self, path: Path, model: type[R]) -> R | None:
        """Return the record in a file; None if there is no file. Raises `SchemaError`."""
        try:
            return _format(model).read(path)
        except SchemaError:
            if os.path.exists(path):  # noqa: PTH110 - Path.exists raises for a folder that may not be read
                raise
            return None

    def save(self, record: Record, path: Path | None = None) -> Path:
        """Write a record, whole or not at all, to ``path`` or else to its cell's own path; returns the path."""
        path = path or self.path(record.cell)
        _format(type(record)).write(path, record)
        return path
