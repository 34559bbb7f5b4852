"""What the wheel says of itself; the builder writes its own text here."""

from __future__ import annotations

__version__ = "0.0.0"
debug = False
cuda: str | None = None
git_version = "0" * 40
hip: str | None = None
