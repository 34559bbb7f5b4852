"""Reservations of disk space and of packages in use, by the cells of all runs in one folder.

A JSON file beside the cache: by process, then by cell. It is read and written under the ledger's lock. Entries of
processes that have ended are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Final, NamedTuple

from pydantic import Field, TypeAdapter

from scripts.core.files import write_atomically
from scripts.run import owners


class Reservation(NamedTuple):
    """Bytes reserved for a cell that the ledger does not include yet, and the packages in use by the cell."""

    bytes: Annotated[int, Field(ge=0)]
    names: tuple[str, ...]


_FILE: Final = TypeAdapter(dict[str, dict[str, Reservation]])


class Reservations:
    """The file of reservations, as this process sees and changes it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def others(self) -> list[Reservation]:
        """Return the reservations of other running processes."""
        return [cell for owner, cells in self._read().items() if owner != owners.me() for cell in cells.values()]

    def publish(self, reservations: Mapping[str, tuple[int, Iterable[str]]]) -> None:
        """Replace this process's reservations: bytes and packages by cell."""
        found = self._read()
        found.pop(owners.me(), None)
        if reservations:
            found[owners.me()] = {
                cell: Reservation(size, tuple(sorted(names))) for cell, (size, names) in reservations.items()
            }
        if found or self._path.exists():
            write_atomically(self._path, json.dumps(found, indent=0))

    def _read(self) -> dict[str, dict[str, Reservation]]:
        try:
            found = _FILE.validate_json(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return {owner: cells for owner, cells in found.items() if owners.alive(owner)}
