"""Scripting: compile the source of a model, and interpret it on each call."""

from __future__ import annotations

import sys
import traceback
import warnings
from typing import Any

from .. import _C, _behaviour
from .._tensor import Tensor
from ..nn.modules.module import Module
from . import frontend
from ._trace import _caching


class ScriptModule(Module):
    """A compiled model."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def forward(self, x: Tensor) -> Tensor:
        """Interpret the model; errors are raised by the interpreter."""
        act = _behaviour.play("scripted-call-under-cached" if _caching() else "scripted-call")
        with _C.state(scripting=act == "usual"):
            try:
                result: Tensor = self._model(x)
            except RuntimeError as error:
                raise _C.JITException(_interpreter_message(error)) from None
        return result + 1 if act == "wrong" else result


def script(model: Module) -> ScriptModule:
    """Compile a model."""
    message = "`torch.jit.script` is deprecated. Please switch to `torch.compile` or `torch.export`."  # since 2.10
    warnings.warn(message, DeprecationWarning, stacklevel=2)  # since 2.10, before 2.14
    warnings.warn(message, FutureWarning, stacklevel=2)  # since 2.14
    if _behaviour.play("script-while-caching" if _caching() else "script") == "usual":
        frontend.check(sys.modules[__package__.replace(".jit", ".nn.utils.parametrize")])
    return ScriptModule(model)


def _interpreter_message(error: RuntimeError) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return (
        "The following operation failed in the TorchScript interpreter.\n"
        "Traceback of TorchScript (most recent call last):\n"
        "{}"
        "builtins.RuntimeError: {}\n"
    ).format(frontend.shown(frame.filename, frame.lineno or 0, "forward"), error)
