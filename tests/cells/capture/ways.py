"""Capture a model, call the result, and compare with eager: the steps that the tests have in common."""

from __future__ import annotations

import contextlib
import inspect
import io
from typing import Any, Callable

import pytest
import torch
import torch.fx
from models import Case, case_of, model_of
from recorder import Observer
from torch import nn
from torch.nn.utils import parametrize

with contextlib.suppress(ImportError):
    # Imported before any observation: their first import gives warnings, which would belong to whichever comes first.
    import torch._dynamo
    import torch.export

#: Returns what was captured: something to be called with the inputs.
Capture = Callable[[Case], Callable[..., torch.Tensor]]

#: Outputs and gradients are equal if they differ by no more, relatively and absolutely; they are of the order of 1.
TOLERANCE = 1e-4


def observe_capture(
    observe: Observer, name: str, capture: Capture, *, cached: bool = False, called_cached: bool = False
) -> None:
    """Record ``how/what``: the model ``what`` is captured and called, and the output compared with eager's.

    ``how/what-cached`` does both inside parametrize.cached(), ``how/what-called-cached`` captures outside.
    """
    _, what = name.split("/")
    suffix = "-cached" if cached else "-called-cached" if called_cached else ""
    with observe(name + suffix, phase="building"):
        case = case_of(what)
        observe.phase = "capturing"
        with parametrize.cached() if cached else contextlib.nullcontext():
            captured = capture(case)
            observe.phase = "calling"
            with parametrize.cached() if called_cached else contextlib.nullcontext():
                output = captured(*case.inputs)
        equal(output, case.eager)


def observe_gradients(observe: Observer, name: str, capture: Capture) -> None:
    """Record ``how-gradients/what``: the gradients of the parameters, through what was captured, are eager's."""
    how, what = name.split("/")
    with observe(f"{how}-gradients/{what}", phase="building"):
        case, model = case_of(what), model_of(what)
        expected = gradients(model, model(*case.inputs))
        observe.phase = "capturing"
        captured = capture(case)
        observe.phase = "calling"
        output = captured(*case.inputs)
        observe.phase = "differentiating"
        owner = captured if isinstance(captured, nn.Module) else case.model
        equal_gradients(gradients(owner, output), expected)


def equal(output: Any, expected: torch.Tensor, what: str = "the output") -> None:
    """Raise AssertionError, with a text that is the same on every machine, unless both tensors are close."""
    if not isinstance(output, torch.Tensor):
        raise AssertionError(f"{what} is not a tensor, but {type(output).__name__}")  # noqa: TRY004
    if type(output).__name__ == "FakeTensor":
        raise AssertionError(f"{what} is a FakeTensor: it has no numbers")
    if output.shape != expected.shape:
        raise AssertionError(f"{what} has the shape {tuple(output.shape)}, eager's {tuple(expected.shape)}")
    if not torch.allclose(output.detach().cpu(), expected.detach().cpu(), rtol=TOLERANCE, atol=TOLERANCE):
        raise AssertionError(f"{what} differs from eager's")


def gradients(model: nn.Module, output: torch.Tensor) -> dict[str, torch.Tensor | None]:
    """Return the gradient of each parameter for a fixed weighting of the output; None where there is none."""
    weighting = torch.linspace(-1, 1, output.numel()).reshape(output.shape).to(output)
    names, parameters = zip(*model.named_parameters())
    if not output.requires_grad:
        raise AssertionError("the output has no gradient")
    found = torch.autograd.grad((output * weighting).sum(), parameters, allow_unused=True)
    return {name.replace("_orig_mod.", ""): gradient for name, gradient in zip(names, found)}  # torch.compile's prefix


def equal_gradients(found: dict[str, torch.Tensor | None], expected: dict[str, torch.Tensor | None]) -> None:
    """Raise AssertionError unless the same parameters have the same gradients."""
    for name, gradient in expected.items():
        other = found.get(name)
        if (gradient is None) != (other is None):
            raise AssertionError(f"{name} has {'a' if other is not None else 'no'} gradient, unlike in eager mode")
        if gradient is not None:
            equal(other, gradient, f"the gradient of {name}")


def saved(captured: torch.jit.ScriptModule) -> torch.jit.ScriptModule:
    """Return a TorchScript module after saving and loading it."""
    file = io.BytesIO()
    torch.jit.save(captured, file)
    file.seek(0)
    return torch.jit.load(file)


def symbolically_traced(case: Case) -> Any:
    """Return the module that torch.fx makes of a model."""
    return torch.fx.symbolic_trace(case.model)


def compiled(case: Case, **options: Any) -> Any:
    """Return the model after torch.compile with a backend that needs no compiler, without anything kept from before."""
    skip_unless(hasattr(torch, "compile"), "torch.compile: since 2.0")
    torch._dynamo.reset()
    return torch.compile(case.model, **{"backend": "eager", **options})


def exported(case: Case, *, strict: bool) -> Any:
    """Return the module of the exported program."""
    skip_unless(hasattr(getattr(torch, "export", None), "export"), "torch.export: since 2.1")
    export = torch.export.export
    has_strict = "strict" in inspect.signature(export).parameters
    skip_unless(strict or has_strict, "torch.export without Dynamo (strict=False): since 2.3")
    torch._dynamo.reset()
    program = export(case.model, case.inputs, **({"strict": strict} if has_strict else {}))
    return program.module() if hasattr(program, "module") else program


def skip_unless(available: object, why: str) -> None:
    """Skip the observation with the reason, unless the release has what it needs."""
    if not available:
        pytest.skip(why)
