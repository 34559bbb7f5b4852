"""Paths of the engine's files and folders."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
MATRIX_TOML: Final = ROOT / "matrix.toml"
RECORDER: Final = ROOT / "tests" / "cells" / "recorder"
RESULTS: Final = ROOT / "results"
SCHEMAS: Final = ROOT / "scripts" / "schemas"

#: Created by runs, and not under version control. All suites share these folders.
STATE: Final = ROOT / ".matrix"
CACHE: Final = STATE / "cache"
BUILDS: Final = STATE / "builds"
WHEELS: Final = STATE / "wheels"
PLAN: Final = STATE / "plan"
BENCH: Final = STATE / "bench"

#: Folders within `STATE` that are of no suite, or were of the only one; no suite may have such a name.
RESERVED: Final = frozenset(
    {
        *(path.name for path in (CACHE, BUILDS, WHEELS, PLAN, BENCH)),
        *("records", "logs", "locks", "envs", "reports", "bisect", "qualify"),
    }
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SuitePaths:
    """Folders of one suite.

    Attributes:
        state: created by runs, and not under version control.
        results: the accepted records.
    """

    state: Path
    results: Path

    @classmethod
    def of(cls, name: str) -> SuitePaths:
        """Return the folders of the suite with this name."""
        return cls(state=STATE / name, results=RESULTS / name)

    @property
    def records(self) -> Path:
        """The fresh records."""
        return self.state / "records"

    @property
    def locks(self) -> Path:
        """The locks of the cells."""
        return self.state / "locks"

    @property
    def logs(self) -> Path:
        """The logs of the cells."""
        return self.state / "logs"

    @property
    def environments(self) -> Path:
        """The environments of the cells."""
        return self.state / "envs"

    @property
    def reports(self) -> Path:
        """The reports of the workflows."""
        return self.state / "reports"

    @property
    def bisect(self) -> Path:
        """The files of bisections."""
        return self.state / "bisect"

    @property
    def qualify(self) -> Path:
        """The files of qualifications."""
        return self.state / "qualify"


def all_environments() -> list[Path]:
    """Return the folders of environments of all suites, and the one of versions without suites."""
    return [STATE / "envs", *sorted(STATE.glob("*/envs"))]
