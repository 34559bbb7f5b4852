"""Paths of the engine's files and folders."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
MATRIX_TOML: Final = ROOT / "matrix.toml"
PROBES: Final = ROOT / "tests" / "cells"
RESULTS: Final = ROOT / "results"
SCHEMAS: Final = ROOT / "scripts" / "schemas"

#: Created by runs, and not under version control.
STATE: Final = ROOT / ".matrix"
RECORDS: Final = STATE / "records"
LOCKS: Final = STATE / "locks"
LOGS: Final = STATE / "logs"
ENVIRONMENTS: Final = STATE / "envs"
CACHE: Final = STATE / "cache"
BUILDS: Final = STATE / "builds"
REPORTS: Final = STATE / "reports"
QUALIFY: Final = STATE / "qualify"
