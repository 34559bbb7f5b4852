"""Public reports on weight_norm and spectral_norm: true in a release where the observation raised."""

from __future__ import annotations

import torch
from recorder import Observer
from reports import example, same, skip_unless
from torch import nn


def test_66363_spectral_norm_twice(observe: Observer) -> None:
    """pytorch/pytorch#66363: no gradients if one call of a model uses a weight under spectral_norm twice.

    Call it inside parametrize.cached(), or use torch.nn.utils.spectral_norm.
    """
    with observe("report/66363-spectral-norm-twice", phase="building"):
        model, x = spectral_normed(), example(3, 4)
        observe.phase = "calling"
        model(model(x)).sum().backward()


def test_68327_two_losses(observe: Observer) -> None:
    """pytorch/pytorch#68327: no gradients of a sum of two losses, each from a call of a model under spectral_norm.

    Call backward for each loss, or both models inside parametrize.cached().
    """
    with observe("report/68327-two-losses", phase="building"):
        model = spectral_normed()
        observe.phase = "calling"
        (model(example(3, 4)).sum() + model(torch.ones(3, 4)).sum()).backward()


def test_12737_spectral_norm_eval(observe: Observer) -> None:
    """pytorch/pytorch#12737: in evaluation mode, the weight under the spectral_norm hook gets no gradient.

    Use torch.nn.utils.parametrizations.spectral_norm.
    """
    with observe("report/12737-spectral-norm-eval", phase="building"):
        torch.manual_seed(0)
        model = nn.utils.spectral_norm(nn.Linear(4, 4)).eval()
        observe.phase = "calling"
        model(example(3, 4)).sum().backward()
        if model.weight_orig.grad is None:
            raise AssertionError("no gradient")


def test_125544_spectral_norm_autocast(observe: Observer) -> None:
    """pytorch/pytorch#125544: a model under spectral_norm fails with automatic mixed precision; here on the CPU.

    Call it inside torch.autocast(…, enabled=False).
    """
    with observe("report/125544-spectral-norm-autocast", phase="building"):
        skip_unless(hasattr(torch, "autocast"), "this release has no torch.autocast")
        model, x = spectral_normed(), example(3, 4)
        observe.phase = "calling"
        with torch.autocast("cpu", dtype=torch.bfloat16):
            model(x)


def test_80599_weight_norm_half(observe: Observer) -> None:
    """pytorch/pytorch#80599: weight_norm can't be applied to a layer in half precision on the CPU.

    Apply it before the conversion.
    """
    with observe("report/80599-weight-norm-half", phase="building"):
        layer = nn.Linear(4, 4).half()
        observe.phase = "registering"
        nn.utils.weight_norm(layer)


def test_107914_weight_norm_bfloat16(observe: Observer) -> None:
    """pytorch/pytorch#107914: weight_norm can't be applied to a bfloat16 layer on a GPU.

    Apply it before the conversion, and remove it before inference.
    """
    with observe("report/107914-weight-norm-bfloat16-cuda", phase="building"):
        skip_unless(torch.cuda.is_available(), "no GPU that torch can use")
        layer = nn.Linear(4, 4).to("cuda", torch.bfloat16)
        observe.phase = "registering"
        nn.utils.weight_norm(layer)


def test_41529_hooks(observe: Observer) -> None:
    """pytorch/pytorch#41529: backward fails with hooks that change the gradients of both tensors behind weight_norm.

    Change the gradients after backward.
    """
    with observe("report/41529-hooks", phase="building"):
        torch.manual_seed(0)
        model = nn.utils.weight_norm(nn.Linear(4, 4))
        for parameter in (model.weight_g, model.weight_v):
            parameter.register_hook(torch.zeros_like)
        observe.phase = "calling"
        model(example(3, 4)).sum().backward()
        same(model.weight_v.grad, torch.zeros(4, 4), "the gradient of weight_v")


def spectral_normed() -> nn.Module:
    """Return a seeded layer under parametrizations.spectral_norm, in training mode."""
    torch.manual_seed(0)
    return nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4))
