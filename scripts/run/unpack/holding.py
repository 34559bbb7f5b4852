"""Which files of wheels stay packed. Pure."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Iterable
from typing import Final

#: A file of fewer bytes isn't worth a placeholder.
_LEAST: Final = 1 << 18


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hold:
    """Holds back files that fit a pattern, but for those that turned out to be needed. By default none."""

    patterns: tuple[str, ...] = ()
    needed: frozenset[str] = frozenset()

    def __call__(self, path: str, size: int) -> bool:
        """Whether a file of so many bytes stays packed."""
        fits = any(fnmatch.fnmatchcase(path, pattern) for pattern in self.patterns)
        return size >= _LEAST and fits and path not in self.needed

    def without(self, needed: Iterable[str]) -> Hold:
        """The same, but for further files."""
        return dataclasses.replace(self, needed=self.needed.union(needed))


#: Everything is unpacked.
NOTHING: Final = Hold()
