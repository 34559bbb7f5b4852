"""Public reports on copying, saving and loading parametrized models: true in a release where the observation raised."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Iterator

import pytest
import torch
from recorder import Observer
from reports import example, same, skip_unless, symmetric_linear
from torch import nn
from torch.optim.swa_utils import AveragedModel


@pytest.fixture
def swapping() -> Iterator[bool]:
    """Exchange parameters for new ones where a release can, instead of changing them; False if it can't."""
    change = getattr(torch.__future__, "set_swap_module_params_on_conversion", None)
    if change is None:
        yield False
        return
    change(True)
    yield True
    change(False)


def weight_normed(seed: int = 0) -> nn.Module:
    """Return a seeded layer under the hook torch.nn.utils.weight_norm."""
    torch.manual_seed(seed)
    return nn.utils.weight_norm(nn.Linear(4, 4))


def new_weight_normed(seed: int = 0) -> nn.Module:
    """Return a seeded layer under torch.nn.utils.parametrizations.weight_norm."""
    parametrizations = getattr(nn.utils, "parametrizations", None)
    skip_unless(hasattr(parametrizations, "weight_norm"), "this release has no parametrizations.weight_norm")
    torch.manual_seed(seed)
    return nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))


def test_69413_averaged_model(observe: Observer) -> None:
    """pytorch/pytorch#69413: a parametrized model can't be copied, so AveragedModel can't hold it.

    Build the copy again, and load the state_dict.
    """
    with observe("report/69413-averaged-model", phase="copying"):
        model, x = symmetric_linear(), example(3, 4)
        same(AveragedModel(model)(x), model(x))


def test_102981_copy_weight_norm(observe: Observer) -> None:
    """pytorch/pytorch#102981: a model under the weight_norm hook can't be copied.

    Use torch.nn.utils.parametrizations.weight_norm, or copy inside torch.no_grad() after a call.
    """
    with observe("report/102981-copy-weight-norm-hook", phase="copying"):
        model, x = weight_normed(), example(3, 4)
        same(copy.deepcopy(model)(x), model(x))


def test_103001_copy_new_weight_norm(observe: Observer) -> None:
    """pytorch/pytorch#103001: a model under parametrizations.weight_norm can't be copied, which was the reason for it.

    Build the copy again, and load the state_dict.
    """
    with observe("report/103001-copy-weight-norm", phase="building"):
        model, x = new_weight_normed(), example(3, 4)
        observe.phase = "copying"
        duplicate = copy.deepcopy(model)
        same(duplicate(x), model(x))
        duplicate(x).sum().backward()
        if model.parametrizations.weight.original0.grad is not None:
            raise AssertionError("the gradient of the copy went to the original")


def test_103001_old_checkpoint(observe: Observer) -> None:
    """pytorch/pytorch#103001: parametrizations.weight_norm doesn't load a checkpoint of the hook.

    Rename weight_g to parametrizations.weight.original0, and weight_v to …original1.
    """
    with observe("report/103001-old-checkpoint", phase="building"):
        model, x = new_weight_normed(seed=1), example(3, 4)
        source = weight_normed(seed=0)
        observe.phase = "loading"
        model.load_state_dict(source.state_dict())
        same(model(x), source(x))


def test_102999_accessors(observe: Observer) -> None:
    """pytorch/pytorch#102999: code that reads weight_g and weight_v breaks with parametrizations.weight_norm.

    Read parametrizations.weight.original0 and original1.
    """
    with observe("report/102999-weight-norm-accessors", phase="building"):
        model = new_weight_normed()
        observe.phase = "reading"
        same(model.weight_g, model.parametrizations.weight.original0, "weight_g")
        same(model.weight_v, model.parametrizations.weight.original1, "weight_v")


def test_102983_pickle_weight_norm(observe: Observer) -> None:
    """pytorch/pytorch#102983: an unpickled model under the weight_norm hook has a weight that depends on nothing.

    Call the model once before the weight is read.
    """
    with observe("report/102983-pickle-weight-norm-hook", phase="pickling"):
        model = pickle.loads(pickle.dumps(weight_normed()))
        if model.weight.grad_fn is None:
            raise AssertionError("the weight is a leaf")


def test_33344_pickle(observe: Observer) -> None:
    """pytorch/pytorch#33344: a whole parametrized model can't be saved, as its class is made at run time.

    Save the state_dict.
    """
    with observe("report/33344-save-whole-model", phase="saving"):
        model, x, file = symmetric_linear(), example(3, 4), io.BytesIO()
        torch.save(model, file)
        file.seek(0)
        observe.phase = "loading"
        same(torch.load(file)(x), model(x))


def test_117913_load_swapped(observe: Observer, swapping: bool) -> None:
    """pytorch/pytorch#117913: load_state_dict doesn't exchange the parameters behind a parametrization, though told to.

    Leave torch.__future__.set_swap_module_params_on_conversion off.
    """
    with observe("report/117913-load-swapped", phase="building"):
        skip_unless(swapping, "this release has no set_swap_module_params_on_conversion")
        model, other, x = symmetric_linear(), symmetric_linear(), example(3, 4)
        with torch.no_grad():
            other.parametrizations.weight.original.mul_(2)
        held = model.parametrizations.weight.original
        observe.phase = "loading"
        model.load_state_dict(other.state_dict())
        same(model(x), other(x))
        same(held, other.parametrizations.weight.original, "the parameter that an optimizer holds")


def test_117167_convert_swapped(observe: Observer, swapping: bool) -> None:
    """pytorch/pytorch#117167: conversion doesn't exchange the parameters behind a parametrization, though told to.

    Leave torch.__future__.set_swap_module_params_on_conversion off.
    """
    with observe("report/117167-convert-swapped", phase="building"):
        skip_unless(swapping, "this release has no set_swap_module_params_on_conversion")
        model, x = symmetric_linear(), example(3, 4)
        with torch.no_grad():  # a graph would hold the parameters, which can then not be exchanged
            eager = model(x)
        held = model.parametrizations.weight.original
        observe.phase = "converting"
        model.double()
        same(model(x.double()).float(), eager)
        if held.dtype != torch.float64:
            raise AssertionError("the parameter that an optimizer holds was not converted")
