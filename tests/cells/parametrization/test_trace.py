"""Tracing a parametrized model: upstream's contract test, and each of its steps as an observation."""

from __future__ import annotations

from typing import Callable

import pytest
import torch
from recorder import Observer
from reference import reference
from torch.nn.utils import parametrize
from torch.testing import assert_close


def trace(model: torch.nn.Module, x: torch.Tensor) -> torch.nn.Module:
    """The traced model."""
    return torch.jit.trace_module(model, {"forward": x})


def test_traceable(phase: Callable[[str], None]) -> None:
    """Traced equals eager, under caching too; and tracing while caching is refused."""
    model, x, eager = reference()
    phase("tracing")
    traced = trace(model, x)
    phase("calling")
    assert_close(traced(x), eager)
    with parametrize.cached():
        assert_close(traced(x), eager)
    phase("tracing")
    try:  # not `pytest.raises(match=…)`: a wrong refusal is to be recorded as torch gives it
        with parametrize.cached():
            trace(model, x)
    except RuntimeError as refusal:
        if "Cannot trace a model while caching" not in str(refusal):
            raise
    else:
        pytest.fail("tracing while caching was not refused")


def test_trace(observe: Observer) -> None:
    model, x, _ = reference()
    with observe("trace", phase="tracing"):
        trace(model, x)


def test_traced_call(observe: Observer) -> None:
    model, x, eager = reference()
    with observe("traced-call", phase="calling"):
        with observe.needs("trace"):
            traced = trace(model, x)
        assert_close(traced(x), eager)


def test_traced_call_under_cached(observe: Observer) -> None:
    model, x, eager = reference()
    with observe("traced-call-under-cached", phase="calling"):
        with observe.needs("trace"):
            traced = trace(model, x)
        with parametrize.cached():
            assert_close(traced(x), eager)


def test_trace_while_caching(observe: Observer) -> None:
    model, x, _ = reference()
    with observe("trace-while-caching", phase="tracing"), parametrize.cached():
        trace(model, x)
