"""Public reports on tracing and scripting: true in a release where the observation raised."""

from __future__ import annotations

import copy

import torch
from recorder import Observer
from reports import Autoencoder, example, same, skip_unless, symmetric_linear
from torch import nn
from torch.nn.utils import parametrize


def test_60971_script(observe: Observer) -> None:
    """pytorch/pytorch#60971: a parametrized model can't be scripted.

    Use torch.jit.trace, or script after remove_parametrizations.
    """
    with observe("report/60971-script", phase="building"):
        model, x = symmetric_linear(), example(3, 4)
        eager = model(x)
        observe.phase = "scripting"
        scripted = torch.jit.script(model)
        observe.phase = "calling"
        same(scripted(x), eager)


def test_60969_trace_while_caching(observe: Observer) -> None:
    """pytorch/pytorch#60969: tracing inside parametrize.cached() isn't refused, or without the reason.

    Trace outside: in a trace made inside, the weight is a constant.
    """
    with observe("report/60969-trace-while-caching", phase="tracing"):
        model, x = symmetric_linear(), example(3, 4)
        try:
            with parametrize.cached():
                model(x)
                torch.jit.trace(model, x)
        except RuntimeError as refusal:
            if "Cannot trace a model while caching" not in str(refusal):
                raise
        else:
            raise AssertionError("tracing while caching was not refused")


def test_57289_script_weight_norm(observe: Observer) -> None:
    """pytorch/pytorch#57289: a layer under the hook torch.nn.utils.weight_norm can't be scripted.

    Call torch.nn.utils.remove_weight_norm before scripting, or trace.
    """
    with observe("report/57289-script-weight-norm-hook", phase="building"):
        model, x = weight_normed(), example(1, 2, 8)
        eager = model(x)
        observe.phase = "scripting"
        scripted = torch.jit.script(model)
        observe.phase = "calling"
        same(scripted(x), eager)


def test_30754_script_after_loading(observe: Observer) -> None:
    """pytorch/pytorch#30754: scripted after load_state_dict, a model under the weight_norm hook uses its old weight.

    Call the model once after loading and before scripting.
    """
    with observe("report/30754-script-after-loading", phase="building"):
        loaded, x = weight_normed(seed=1), example(1, 2, 8)
        source = weight_normed(seed=0)
        loaded.load_state_dict(source.state_dict())
        with observe.needs("report/57289-script-weight-norm-hook"):
            scripted = torch.jit.script(loaded)
        observe.phase = "calling"
        same(scripted(x), source(x))


def test_59302_script_spectral_norm(observe: Observer) -> None:
    """pytorch/pytorch#59302: a layer under the hook torch.nn.utils.spectral_norm can't be scripted.

    Call torch.nn.utils.remove_spectral_norm before scripting, or trace in evaluation mode.
    """
    with observe("report/59302-script-spectral-norm-hook", phase="building"):
        torch.manual_seed(0)
        model, x = nn.utils.spectral_norm(nn.Conv2d(3, 4, 3)).eval(), example(1, 3, 5, 5)
        eager = model(x)
        observe.phase = "scripting"
        scripted = torch.jit.script(model)
        observe.phase = "calling"
        same(scripted(x), eager)


def test_49643_trace_spectral_norm(observe: Observer) -> None:
    """pytorch/pytorch#49643: traced in training mode, a model under the spectral_norm hook fails when it is called.

    Trace in evaluation mode, or use torch.nn.utils.parametrizations.spectral_norm.
    """
    with observe("report/49643-trace-spectral-norm-hook", phase="building"):
        torch.manual_seed(0)
        model, x = nn.Sequential(nn.utils.spectral_norm(nn.Linear(4, 6)), nn.Linear(6, 1)), example(1, 4)
        model(x)
        observe.phase = "tracing"
        traced = torch.jit.trace_module(model, {"forward": x}, check_trace=False)
        observe.phase = "calling"
        traced(x)
        traced(x)


def test_62089_trace_orthogonal(observe: Observer) -> None:
    """pytorch/pytorch#62089: in a traced model, a weight under parametrizations.orthogonal isn't orthogonal.

    Remove the parametrization before tracing.
    """
    with observe("report/62089-trace-orthogonal", phase="building"):
        parametrizations = getattr(nn.utils, "parametrizations", None)
        skip_unless(hasattr(parametrizations, "orthogonal"), "this release has no parametrizations.orthogonal")
        torch.manual_seed(0)
        model = nn.utils.parametrizations.orthogonal(nn.Linear(4, 4, bias=False))
        observe.phase = "tracing"
        traced = torch.jit.trace(model, example(3, 4))
        observe.phase = "calling"
        weight = traced(torch.eye(4))
        same(weight @ weight.t(), torch.eye(4), "weight times its transpose")


def test_44951_copy_of_traced(observe: Observer) -> None:
    """pytorch/pytorch#44951: the copy of a traced model has no parameters of its own; gradients go to the original.

    Copy with torch.jit.save and torch.jit.load.
    """
    with observe("report/44951-copy-of-traced", phase="tracing"):
        x = example(3, 4)
        traced = torch.jit.trace(symmetric_linear(), x)
        observe.phase = "copying"
        duplicate = copy.deepcopy(traced)
        observe.phase = "calling"
        duplicate(x).sum().backward()
        if any(parameter.grad is not None for parameter in traced.parameters()):
            raise AssertionError("the gradient of the copy went to the original")
        if any(not parameter.is_leaf or parameter.grad is None for parameter in duplicate.parameters()):
            raise AssertionError("a parameter of the copy has no gradient")


def test_60418_trace_resized(observe: Observer) -> None:
    """pytorch/pytorch#60418: a parametrization that changes the size of its tensor can't be registered, or not traced.

    It needs ``unsafe=True``, since 1.10. Where that is missing, compute the weight in the model's own forward.
    """
    with observe("report/60418-trace-resized", phase="building"):
        torch.manual_seed(0)
        model, x = nn.Linear(4, 3), example(2, 4)
        try:
            parametrize.register_parametrization(model, "weight", Repeated(), unsafe=True)
        except TypeError:
            skip_unless(available=False, why="register_parametrization has no unsafe= in this release")
        model.bias = None
        observe.phase = "tracing"
        traced = torch.jit.trace(model, x)
        observe.phase = "calling"
        same(traced(x), x @ model.weight.t())
        same(traced(x)[:, :3], traced(x)[:, 3:], "the first half of the output")


def test_127357_trace_used_twice(observe: Observer) -> None:
    """pytorch/pytorch#127357: a model that uses one weight twice, the second time transposed, can't be traced.

    The report is about torch.export, see `report/127357-export-used-twice`. Compute the weight once, into a variable.
    """
    with observe("report/127357-trace-used-twice", phase="building"):
        model, x = Autoencoder(), example(3, 4)
        eager = model(x)
        observe.phase = "tracing"
        traced = torch.jit.trace(model, x)
        observe.phase = "calling"
        same(traced(x), eager)


class Repeated(nn.Module):  # type: ignore[misc] # torch is not there when types are checked
    """Return the tensor twice, one below the other."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, x])


def weight_normed(seed: int = 0) -> nn.Module:
    """Return a seeded convolution under the hook torch.nn.utils.weight_norm."""
    torch.manual_seed(seed)
    return nn.utils.weight_norm(nn.Conv1d(2, 4, 3), name="weight", dim=2)
