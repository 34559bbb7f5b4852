"""Modules of networks."""

from __future__ import annotations

from . import functional, modules, utils
from .modules.linear import Linear
from .modules.module import Module

__all__ = ["Linear", "Module", "functional", "modules", "utils"]
