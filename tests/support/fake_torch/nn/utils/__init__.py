"""Tools for modules."""

from __future__ import annotations

from . import parametrize

__all__ = ["parametrize"]
