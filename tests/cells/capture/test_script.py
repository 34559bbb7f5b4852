"""torch.jit.script: it compiles the source of a module, and has never understood the source of parametrizations."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from models import ALL, SOME, Case
from recorder import Observer
from torch import nn
from ways import observe_capture, saved


def script(case: Case) -> torch.jit.ScriptModule:
    return torch.jit.script(case.model)


@pytest.mark.parametrize("what", ALL)
def test_script(observe: Observer, what: str) -> None:
    """A scripted model computes what the eager model does. With a parametrization it fails in every release.

    Up to 1.12 it fails when it is compiled, later only when it is called: test by calling it. Trace the model, or
    remove its parametrizations first (`remove/…`).
    """
    observe_capture(observe, f"script/{what}", script)


@pytest.mark.parametrize("what", SOME)
def test_script_cached(observe: Observer, what: str) -> None:
    """Scripting inside parametrize.cached() does what scripting outside does."""
    observe_capture(observe, f"script/{what}", script, cached=True)


@pytest.mark.parametrize("what", ["linear", "weight-norm-hook"])
def test_script_save(observe: Observer, what: str) -> None:
    """A scripted model after saving and loading: an error comes when it is called, perhaps on another machine."""
    observe_capture(observe, f"script-save/{what}", lambda case: saved(script(case)))


@pytest.mark.parametrize("what", SOME)
def test_script_parent(observe: Observer, what: str) -> None:
    """Scripting a model that has the parametrized one as a part scripts the part too, with the same result."""

    def capture(case: Case) -> Any:
        return torch.jit.script(nn.Sequential(nn.Identity(), case.model))

    observe_capture(observe, f"script-parent/{what}", capture)


def test_script_function(observe: Observer) -> None:
    """Scripting a parametrization alone, apart from its module, works: its source is ordinary."""

    def capture(case: Case) -> Any:
        parametrization = torch.jit.script(case.model.parametrizations.weight[0])
        original = case.model.parametrizations.weight.original
        return lambda x: nn.functional.linear(x, parametrization(original), case.model.bias)

    observe_capture(observe, "script-parametrization/linear", capture)
