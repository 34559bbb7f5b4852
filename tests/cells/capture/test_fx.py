"""torch.fx.symbolic_trace: a graph of the model's own code, with its parts as they are."""

from __future__ import annotations

import pytest
from models import ALL, SOME
from recorder import Observer
from ways import observe_capture, symbolically_traced


@pytest.mark.parametrize("what", ALL)
def test_fx(observe: Observer, what: str) -> None:
    """A symbolically traced model computes what the eager model does.

    Its graph contains the parametrized layer as one step, so the parametrization stays as it is.
    """
    observe_capture(observe, f"fx/{what}", symbolically_traced)


@pytest.mark.parametrize("what", SOME)
def test_fx_cached(observe: Observer, what: str) -> None:
    """Tracing and calling inside parametrize.cached(). If the weight is looked up while tracing, a proxy is cached."""
    observe_capture(observe, f"fx/{what}", symbolically_traced, cached=True)


@pytest.mark.parametrize("what", SOME)
def test_fx_called_cached(observe: Observer, what: str) -> None:
    """A model traced outside is called inside parametrize.cached()."""
    observe_capture(observe, f"fx/{what}", symbolically_traced, called_cached=True)
