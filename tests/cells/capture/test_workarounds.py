"""Workarounds: remove parametrizations, or hide them from TorchScript."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from models import PARAMETRIZED, SOME, Case, case_of, inputs_of, model_of, without_parametrizations
from modules import IgnoringParent, UnusedParent
from recorder import Observer
from torch import nn
from torch.nn.utils import parametrize
from ways import equal, observe_capture


@pytest.mark.parametrize("what", PARAMETRIZED)
def test_remove(observe: Observer, what: str) -> None:
    """remove_parametrizations leaves the parametrized value, and the model computes what it did.

    This is how to deploy a trained model: afterwards every way to capture works as with any other model.
    """
    observe_capture(observe, f"remove/{what}", lambda case: without_parametrizations(case.model))


@pytest.mark.parametrize("what", PARAMETRIZED)
def test_remove_then_script(observe: Observer, what: str) -> None:
    """After remove_parametrizations the model can be scripted."""
    observe_capture(
        observe, f"remove-script/{what}", lambda case: torch.jit.script(without_parametrizations(case.model))
    )


@pytest.mark.parametrize("what", SOME)
def test_remove_unparametrized_then_script(observe: Observer, what: str) -> None:
    """With leave_parametrized=False the original tensor comes back, and the model can be scripted as well.

    The output is that of the model without parametrization. With several inputs it is refused: no original is unique.
    """
    with observe(f"remove-unparametrized-script/{what}", phase="building"):
        model, inputs = model_of(what), inputs_of(what)
        observe.phase = "removing"
        without_parametrizations(model, leave_parametrized=False)
        expected = model(*inputs)
        observe.phase = "capturing"
        scripted = torch.jit.script(model)
        observe.phase = "calling"
        equal(scripted(*inputs), expected)


@pytest.mark.parametrize("what", ["spectral-norm-hook", "weight-norm-hook"])
def test_remove_hook_then_script(observe: Observer, what: str) -> None:
    """The same for the hooks, with their own functions: remove_spectral_norm and remove_weight_norm."""
    remove = {"spectral-norm-hook": "remove_spectral_norm", "weight-norm-hook": "remove_weight_norm"}[what]
    observe_capture(
        observe,
        f"remove-script/{what}",
        lambda case: torch.jit.script(getattr(nn.utils, remove)(case.model)),
    )


def _less_one(captured: Any) -> Any:
    return lambda *inputs: captured(*inputs) - 1


@pytest.mark.parametrize("what", SOME)
def test_script_ignore(observe: Observer, what: str) -> None:
    """A scripted parent whose method for the parametrized part has the decorator torch.jit.ignore.

    The method then gets the bare C++ module, which can't be called, with or without a parametrization (`plain`):
    trace the part, and call the traced one (`trace-inside-script/…`).
    """
    observe_capture(
        observe, f"script-ignore/{what}", lambda case: _less_one(torch.jit.script(IgnoringParent(case.model)))
    )


@pytest.mark.parametrize("what", SOME)
def test_script_unused(observe: Observer, what: str) -> None:
    """A scripted parent whose method for the parametrized part has the decorator torch.jit.unused.

    Compiling it must work; a call of the method raises, as torch.jit.unused promises.
    """
    with observe(f"script-unused/{what}", phase="building"):
        case = case_of(what)
        observe.phase = "capturing"
        scripted = torch.jit.script(UnusedParent(case.model))
        observe.phase = "calling"
        equal(scripted(*case.inputs), case.inputs[0] + 1, "the output without the unused part")


@pytest.mark.parametrize("what", SOME)
def test_script_unused_property(observe: Observer, what: str) -> None:
    """Scripting with the parametrized tensors in __jit_unused_properties__, which hides the properties.

    Then the compiled forward doesn't find the weight.
    """

    def capture(case: Case) -> Any:
        for module in case.model.modules():
            if parametrize.is_parametrized(module):
                setattr(type(module), "__jit_unused_properties__", list(module.parametrizations))  # noqa: B010 - mangled
        return torch.jit.script(case.model)

    observe_capture(observe, f"script-unused-property/{what}", capture)
