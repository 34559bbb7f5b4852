"""Modules of networks, each in a separate file."""

from __future__ import annotations

from .linear import Linear
from .module import Module

__all__ = ["Linear", "Module"]
