"""Records every test, provides the fixture `observe` (see `recorder`), and keeps tests from changing each other."""

from __future__ import annotations

import contextlib
import warnings
from typing import Iterator

import pytest
import torch
import torch.fx

pytest_plugins = ["recorder"]


@pytest.fixture(autouse=True)
def _fresh_compilers(_warm: None) -> Iterator[None]:
    """Forget what the compilers keep of a model after each test.

    A class whose compilation failed stays half compiled: the next module of that class fails with another message.
    """
    yield
    torch.jit._state._clear_class_state()
    torch.jit._recursive.concrete_type_store = torch.jit._recursive.ConcreteTypeStore()
    for kind in ("buffer", "module", "parameter"):  # after-refusal/compile-after-export
        getattr(torch.nn.modules.module, f"_global_{kind}_registration_hooks", {}).clear()
    if hasattr(torch, "_dynamo"):
        torch._dynamo.reset()


@pytest.fixture(scope="session")
def _warm() -> None:
    """Compile and export something, so that the warnings and the time of first imports belong to no observation."""
    model, x = torch.nn.Linear(2, 2), torch.ones(1, 2)
    with warnings.catch_warnings(), contextlib.suppress(Exception):
        warnings.simplefilter("ignore")
        torch.fx.symbolic_trace(model)
        torch.compile(model, backend="aot_eager")(x).sum().backward()
        torch.export.export(model, (x,))
