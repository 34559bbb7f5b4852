"""The identity of a cell. Pure."""

from __future__ import annotations

import dataclasses
import re
from typing import Final

from packaging.version import Version

from scripts.config.versions import python_key, version
from scripts.core.errors import UsageError

_ID: Final = re.compile(r"(?P<torch>[0-9][0-9a-z.]*)-(?P<build>[a-z][a-z0-9.]*)-py(?P<python>3\.\d+t?)")

#: The build that the configured package index serves.
DEFAULT_BUILD: Final = "default"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """One (release, build, Python) on one platform.

    ``build`` is the requested build; the record has the build that was really tested.
    """

    torch: str
    build: str
    python: str

    @property
    def id(self) -> str:
        """The cell's name for people and for nox: ``2.5.1-cpu-py3.11``."""
        return f"{self.torch}-{self.build}-py{self.python}"

    @property
    def slug(self) -> str:
        """The folder name that nox derives from the id; unique among all cells."""
        return re.sub(r"[^a-z0-9]+", "-", self.id)

    @property
    def sort_key(self) -> tuple[Version, tuple[int, int, bool], str]:
        """Sort key: release order, then Pythons, then builds."""
        return version(self.torch), python_key(self.python), self.build

    @classmethod
    def parse(cls, text: str) -> Cell:
        """Return the cell of an id.

        Raises:
            UsageError: ``text`` is not a cell id.
        """
        match = _ID.fullmatch(text)
        if match is None:
            raise UsageError(f"{text!r} is not a cell id; one looks like 2.5.1-cpu-py3.11")
        return cls(**match.groupdict())

    def __str__(self) -> str:
        return self.id
