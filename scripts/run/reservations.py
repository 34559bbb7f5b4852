"""Disk that running cells were promised, and the packages that they have in use, of all runs in one folder.

A JSON file beside the cache: by process, then by cell. Whoever reads or writes it holds the ledger's lock. What belongs
to a process that has ended counts for nothing.
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
    """Bytes that a cell was promised and that the ledger doesn't know yet; and the packages it has in use."""

    bytes: Annotated[int, Field(ge=0)]
    names: tuple[str, ...]


_FILE: Final = TypeAdapter(dict[str, dict[str, Reservation]])


class Reservations:
    """The reservations of this process, and those of others beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def others(self) -> list[Reservation]:
        """Return what other processes reserved that still run."""
        return [cell for owner, cells in self._read().items() if owner != owners.me() for cell in cells.values()]

    def publish(self, mine: Mapping[str, tuple[int, Iterable[str]]]) -> None:
        """Tell other processes what this one reserves."""
        found = self._read()
        found.pop(owners.me(), None)
        if mine:
            found[owners.me()] = {cell: Reservation(size, tuple(sorted(names))) for cell, (size, names) in mine.items()}
        if found or self._path.exists():
            write_atomically(self._path, json.dumps(found, indent=0))

    def _read(self) -> dict[str, dict[str, Reservation]]:
        try:
            found = _FILE.validate_json(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return {owner: cells for owner, cells in found.items() if owners.alive(owner)}
