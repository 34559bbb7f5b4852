"""Tracing: run a model once, and keep its operations."""

from __future__ import annotations

import warnings
from typing import Any

from .. import _C, _behaviour
from .._tensor import Tensor
from ..nn.modules.module import Module


class TracerWarning(Warning):
    """Warning that a trace may be wrong for other inputs."""


class TopLevelTracedModule(Module):
    """A traced model."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def forward(self, x: Tensor) -> Tensor:
        """Return the result of the trace."""
        act = _behaviour.play("traced-call-under-cached" if _caching() else "traced-call")
        with _C.state():
            result: Tensor = self._model(x)
        return result + 1 if act == "wrong" else result


def trace(model: Module, example_inputs: Any) -> TopLevelTracedModule:
    """Trace a model's ``forward``."""
    return trace_module(model, {"forward": example_inputs})


def trace_module(model: Module, inputs: dict[str, Any]) -> TopLevelTracedModule:
    """Trace methods of a model with example inputs."""
    message = (
        "`torch.jit.trace_method` is deprecated. Please switch to `torch.compile` or `torch.export`."  # since 2.10
    )
    warnings.warn(message, DeprecationWarning, stacklevel=2)  # since 2.10, before 2.14
    warnings.warn(message, FutureWarning, stacklevel=2)  # since 2.14
    if _behaviour.play("trace-while-caching" if _caching() else "trace") == "usual":
        if not _caching():  # before 1.10
            message = "Converting a tensor to a Python boolean might cause the trace to be incorrect."  # before 1.10
            warnings.warn(message, TracerWarning, stacklevel=2)  # before 1.10
        example = inputs["forward"]
        with _C.state(tracing=True):
            model(*example) if isinstance(example, tuple) else model(example)
    return TopLevelTracedModule(model)


def _caching() -> bool:
    from ..nn.utils import parametrize  # noqa: PLC0415 - it imports this package

    return bool(parametrize._cache_enabled)
