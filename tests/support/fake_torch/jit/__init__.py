"""Tracing and scripting of parametrized modules, as each release behaves or as ``_behaviour.json`` defines."""

from __future__ import annotations

from .._C import JITException as Error
from .._C import _is_scripting as is_scripting
from ._script import ScriptModule, script
from ._trace import TopLevelTracedModule, TracerWarning, trace, trace_module

__all__ = [
    "Error",
    "ScriptModule",
    "TopLevelTracedModule",
    "TracerWarning",
    "is_scripting",
    "script",
    "trace",
    "trace_module",
]
