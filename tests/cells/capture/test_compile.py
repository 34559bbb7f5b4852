"""torch.compile with backends that need no compiler: what is recorded is Dynamo and AOTAutograd, not the code made."""

from __future__ import annotations

import pytest
from models import ALL, SOME
from recorder import Observer
from ways import compiled, observe_capture


@pytest.mark.parametrize("what", ALL)
def test_compile(observe: Observer, what: str) -> None:
    """A model compiled with the backend "eager" computes what the eager model does; graph breaks are allowed.

    Where it fails, compile only the parts without a parametrization, or remove it for inference (`remove/…`).
    """
    observe_capture(observe, f"compile/{what}", compiled)


@pytest.mark.parametrize("what", ALL)
def test_compile_fullgraph(observe: Observer, what: str) -> None:
    """The same with fullgraph=True: the parametrization is a part of the one graph, without a graph break.

    Where this fails and `compile/…` doesn't, the model is compiled in pieces: correct, but less is gained. An LSTM
    breaks the graph with or without a parametrization.
    """
    observe_capture(observe, f"compile-fullgraph/{what}", lambda case: compiled(case, fullgraph=True))


@pytest.mark.parametrize("what", ALL)
def test_compile_aot(observe: Observer, what: str) -> None:
    """The same with the backend "aot_eager", which also traces the backward pass, as the default backend does."""
    observe_capture(observe, f"compile-aot/{what}", lambda case: compiled(case, backend="aot_eager"))


@pytest.mark.parametrize("what", SOME)
def test_compile_cached(observe: Observer, what: str) -> None:
    """Compiling and calling inside parametrize.cached() gives the same output, if perhaps nothing is cached."""
    observe_capture(observe, f"compile/{what}", compiled, cached=True)


@pytest.mark.parametrize("what", SOME)
def test_compile_fullgraph_cached(observe: Observer, what: str) -> None:
    """The same with fullgraph=True: the lookup in the cache must be a part of the graph."""
    observe_capture(observe, f"compile-fullgraph/{what}", lambda case: compiled(case, fullgraph=True), cached=True)


@pytest.mark.parametrize("what", SOME)
def test_compile_aot_cached(observe: Observer, what: str) -> None:
    """The same with the backend "aot_eager"."""
    observe_capture(observe, f"compile-aot/{what}", lambda case: compiled(case, backend="aot_eager"), cached=True)


@pytest.mark.parametrize("what", SOME)
def test_compile_called_cached(observe: Observer, what: str) -> None:
    """A model compiled outside is called inside parametrize.cached(), as in a training loop that caches."""
    observe_capture(observe, f"compile/{what}", compiled, called_cached=True)
