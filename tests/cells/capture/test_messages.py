"""The refusals: which way to capture says what, if it is used inside parametrize.cached().

Here the model is only captured, never called, so that a refusal of capturing is told apart from a failure of what was
captured. An observation that returned was not refused.
"""

from __future__ import annotations

from typing import Any, Callable

import pytest
import torch
from models import Case, case_of
from recorder import Observer
from torch import nn
from torch.nn.utils import parametrize
from ways import compiled, equal, exported, symbolically_traced


def trace_module_without_inputs(case: Case) -> Any:
    """Trace no method at all: only the module is converted."""
    return torch.jit.trace_module(case.model, {})


WAYS: tuple[tuple[str, Callable[[Case], Any]], ...] = (
    ("trace", lambda case: torch.jit.trace(case.model, case.inputs)),
    ("trace-module", lambda case: torch.jit.trace_module(case.model, {"forward": case.inputs})),
    ("trace-module-without-inputs", trace_module_without_inputs),
    ("script", lambda case: torch.jit.script(case.model)),
    ("fx", symbolically_traced),
    ("export-strict", lambda case: exported(case, strict=True)),
    ("export-nonstrict", lambda case: exported(case, strict=False)),
    ("compile", lambda case: compiled(case)(*case.inputs)),
    ("compile-fullgraph", lambda case: compiled(case, fullgraph=True)(*case.inputs)),
)
NAMES = [name for name, _ in WAYS]


@pytest.mark.parametrize("way", NAMES)
def test_refusal(observe: Observer, way: str) -> None:
    """Capturing inside parametrize.cached(): refused, and with which text, or not.

    "Cannot trace a model while caching parametrizations" is meant to protect from a trace that contains the cached
    value as a constant. A way that isn't refused gives the result under `…/linear-cached`. Capture outside the block.
    """
    with observe(f"refusal/{way}", phase="building"):
        case = case_of("linear")
        observe.phase = "capturing"
        with parametrize.cached():
            dict(WAYS)[way](case)


@pytest.mark.parametrize("way", NAMES)
def test_refusal_warm(observe: Observer, way: str) -> None:
    """The same after the weight has been used in the block, so that the cache already has a value.

    A way that isn't refused may then capture the cached tensor as a constant, without a word: compare
    `cached-constant/…`.
    """
    with observe(f"refusal-warm/{way}", phase="building"):
        case = case_of("linear")
        with parametrize.cached():
            equal(case.model(*case.inputs), case.eager)
            observe.phase = "capturing"
            dict(WAYS)[way](case)


@pytest.mark.parametrize("way", ["trace", "script", "export-nonstrict", "compile"])
def test_plain_model(observe: Observer, way: str) -> None:
    """A model without any parametrization is captured inside parametrize.cached(): nobody has a reason to refuse."""
    with observe(f"refusal-plain/{way}", phase="building"):
        model, x = nn.Linear(4, 4), torch.ones(2, 4)
        case = Case(model, (x,), model(x).detach())
        observe.phase = "capturing"
        with parametrize.cached():
            dict(WAYS)[way](case)


@pytest.mark.parametrize("way", ["trace", "export-nonstrict", "compile-fullgraph"])
def test_after_refusal(observe: Observer, way: str) -> None:
    """After capturing was tried inside the block, refused or not, the model works as before, and is captured outside.

    If this fails, a refusal leaves something behind: make a new model.
    """
    with observe(f"after-refusal/{way}", phase="building"):
        case = case_of("linear")
        with parametrize.cached():
            try:
                dict(WAYS)[way](case)
            except pytest.skip.Exception:
                raise
            except Exception:  # noqa: BLE001 - recorded by the observation refusal/…
                pass
        observe.phase = "calling"
        equal(case.model(*case.inputs), case.eager)
        observe.phase = "capturing"
        dict(WAYS)[way](case)


def test_compile_after_failed_export(observe: Observer) -> None:
    """After an export that fails, another model is compiled as if nothing had happened.

    If this fails, the export has left a hook on all modules of the process: export in a process of its own.
    """
    with observe("after-refusal/compile-after-export", phase="building"):
        case, other = case_of("spectral-norm-train"), case_of("weight-norm-hook")
        observe.phase = "capturing"
        try:
            exported(other, strict=False)
        except pytest.skip.Exception:
            raise
        except Exception:  # noqa: BLE001 - recorded by the observation export-nonstrict/weight-norm-hook
            pass
        observe.phase = "calling"
        equal(compiled(case, fullgraph=True)(*case.inputs), case.eager)


def test_nested_blocks(observe: Observer) -> None:
    """Tracing in the outer of two nested blocks, after the inner one has ended, is refused as well."""
    with observe("refusal/trace-after-inner-block", phase="building"):
        case = case_of("linear")
        observe.phase = "capturing"
        with parametrize.cached():
            with parametrize.cached():
                pass
            torch.jit.trace(case.model, case.inputs)


def test_compiled_constant(observe: Observer) -> None:
    """A model compiled and called inside the block still follows the weight after it.

    If this fails, the compiled model holds the cached value: it is silently wrong after the next training step.
    """
    with observe("cached-constant/compile", phase="building"):
        case = case_of("linear")
        observe.phase = "capturing"
        with parametrize.cached():
            case.model(*case.inputs)
            captured = compiled(case)
            captured(*case.inputs)
        observe.phase = "calling"
        _zero(case.model)
        equal(captured(*case.inputs), torch.zeros(3, 4), "the output for zero weights")


@pytest.mark.parametrize("strict", [True, False])
def test_exported_constant(observe: Observer, strict: bool) -> None:
    """A model exported inside the block, after the weight was used there, follows the exported parameters.

    If this fails, the program holds the cached value as a constant: other weights can be loaded, but change nothing.
    """
    with observe(f"cached-constant/export-{'strict' if strict else 'nonstrict'}", phase="building"):
        case = case_of("linear")
        observe.phase = "capturing"
        with parametrize.cached():
            case.model(*case.inputs)
            module = exported(case, strict=strict)
        observe.phase = "calling"
        _zero(module)
        equal(module(*case.inputs), torch.zeros(3, 4), "the output for zero weights")


def _zero(module: nn.Module) -> None:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
