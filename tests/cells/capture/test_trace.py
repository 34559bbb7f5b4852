"""torch.jit.trace and trace_module: they record the operations of one call, parametrizations included."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from models import ALL, SOME, Case
from modules import Parent
from recorder import Observer
from ways import observe_capture, observe_gradients, saved

#: Models whose traces are also taken in other ways: one of each kind.
KINDS = ("linear", "nested", "orthogonal", "spectral-norm-train", "spectral-norm-eval", "weight-norm")


def trace(case: Case, **options: Any) -> torch.jit.ScriptModule:
    return torch.jit.trace(case.model, case.inputs, **options)


@pytest.mark.parametrize("what", ALL)
def test_trace(observe: Observer, what: str) -> None:
    """A traced model computes what the eager model does.

    This is the way to deploy a parametrized model that works in most releases. Where it fails, remove the
    parametrizations first (`remove/…`); where a buffer is changed in training, trace in evaluation mode or in no_grad.
    """
    observe_capture(observe, f"trace/{what}", trace)


@pytest.mark.parametrize("what", SOME)
def test_trace_cached(observe: Observer, what: str) -> None:
    """Tracing inside parametrize.cached() is refused: the trace would contain the cached value as a constant.

    Trace outside the block. In 1.9 it isn't refused in words, but fails.
    """
    observe_capture(observe, f"trace/{what}", trace, cached=True)


@pytest.mark.parametrize("what", SOME)
def test_trace_called_cached(observe: Observer, what: str) -> None:
    """A traced model can be called inside parametrize.cached(). Nothing is cached: the trace computes the weight."""
    observe_capture(observe, f"trace/{what}", trace, called_cached=True)


@pytest.mark.parametrize("what", KINDS)
def test_trace_unchecked(observe: Observer, what: str) -> None:
    """The same with check_trace=False, which doesn't run the trace again to compare it.

    Where `trace/…` fails and this does not, the check itself is the cause.
    """
    observe_capture(observe, f"trace-unchecked/{what}", lambda case: trace(case, check_trace=False))


@pytest.mark.parametrize("what", KINDS)
def test_trace_module(observe: Observer, what: str) -> None:
    """torch.jit.trace_module, which names the method to trace, does what trace does."""
    observe_capture(
        observe,
        f"trace-module/{what}",
        lambda case: torch.jit.trace_module(case.model, {"forward": case.inputs}),
    )


@pytest.mark.parametrize("what", KINDS)
def test_trace_nograd(observe: Observer, what: str) -> None:
    """Tracing and calling in torch.no_grad(), as for inference."""

    def capture(case: Case) -> Any:
        with torch.no_grad():
            traced = trace(case)
        return torch.no_grad()(traced.__call__)

    observe_capture(observe, f"trace-nograd/{what}", capture)


@pytest.mark.parametrize("what", KINDS)
def test_trace_save(observe: Observer, what: str) -> None:
    """A traced model can be saved with torch.jit.save and loaded again.

    This keeps a parametrized model as a file, which pickle refuses to do. It needs no source code when it is loaded.
    """
    observe_capture(observe, f"trace-save/{what}", lambda case: saved(trace(case)))


@pytest.mark.parametrize("what", KINDS)
def test_trace_freeze(observe: Observer, what: str) -> None:
    """torch.jit.freeze makes the parametrized weight of a traced model a constant, so that it costs nothing."""

    def capture(case: Case) -> Any:
        case.model.eval()
        return torch.jit.freeze(trace(case))

    observe_capture(observe, f"trace-freeze/{what}", capture)


@pytest.mark.parametrize("what", ALL)
def test_trace_gradients(observe: Observer, what: str) -> None:
    """A traced model can be trained: the gradients of the original parameters are those of the eager model.

    If a parameter has no gradient, the parametrization was not traced, and its value is a constant.
    """
    observe_gradients(observe, f"trace/{what}", trace)


@pytest.mark.parametrize("what", SOME)
def test_trace_inside_script(observe: Observer, what: str) -> None:
    """A traced model can be a part of a scripted one: the way to have both control flow and parametrizations."""

    def capture(case: Case) -> Any:
        scripted = torch.jit.script(Parent(trace(case)))
        return lambda *inputs: scripted(*inputs) - 1

    observe_capture(observe, f"trace-inside-script/{what}", capture)


@pytest.mark.parametrize("what", SOME)
def test_script_inside_trace(observe: Observer, what: str) -> None:
    """A scripted part of a traced model.

    As with `script/…`, the parametrized part can't be scripted: trace it instead.
    """

    def capture(case: Case) -> Any:
        traced = torch.jit.trace(Parent(torch.jit.script(case.model)), case.inputs)
        return lambda *inputs: traced(*inputs) - 1

    observe_capture(observe, f"script-inside-trace/{what}", capture)
