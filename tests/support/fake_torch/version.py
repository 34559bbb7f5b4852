"""Version variables of the wheel; `build_torch` replaces this file."""

from __future__ import annotations

__version__ = "0.0.0"
debug = False
cuda: str | None = None
git_version = "0" * 40
hip: str | None = None
