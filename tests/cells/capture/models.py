"""The parametrized models of this suite: each is small, seeded, and named for what is parametrized.

A name such as ``linear`` is the second part of an observation's name, ``trace/linear``. A release without the necessary
function skips the model, and says why.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

import pytest
import torch
from modules import Double, Hidden, RankOne, Scaled, Symmetric
from torch import nn
from torch.nn.utils import parametrize

SEED = 0


class Case(NamedTuple):
    """A parametrized model, its inputs, and its output in eager mode, without capturing or caching."""

    model: nn.Module
    inputs: tuple[torch.Tensor, ...]
    eager: torch.Tensor


def plain() -> nn.Module:
    """Nothing: a linear layer as it is, as the control."""
    return nn.Linear(4, 4)


def linear() -> nn.Module:
    """The weight of a linear layer."""
    return parametrized(nn.Linear(4, 4))


def conv2d() -> nn.Module:
    """The weight of a convolution."""
    return parametrized(nn.Conv2d(2, 3, 3))


def rnn_cell() -> nn.Module:
    """The weight of an RNN cell, inside a model: torch.fx doesn't trace the code of the cell itself.

    The weight of the input, since the hidden state is zero in the first step.
    """
    return nn.Sequential(parametrized(nn.RNNCell(4, 4), "weight_ih"))


def lstm_cell() -> nn.Module:
    """The weight of an LSTM cell: of the input, as for the RNN cell."""
    model = Hidden(nn.LSTMCell(4, 4))
    parametrize.register_parametrization(model.layer, "weight_ih", Double())
    return model


def lstm() -> nn.Module:
    """The recurrent weight of a whole LSTM, which keeps its weights a second time, in a flat list.

    Up to 1.13 eager mode uses that list, and so ignores the parametrization (pytorch/pytorch#65688): what computes it
    as it should, such as `remove/lstm`, differs from eager there.
    """
    model = Hidden(nn.LSTM(4, 4))
    parametrize.register_parametrization(model.layer, "weight_hh_l0", Double())
    return model


def embedding() -> nn.Module:
    """The weight of an embedding."""
    return parametrized(nn.Embedding(4, 4))


def buffer() -> nn.Module:
    """A buffer."""
    return parametrized(Scaled(), "scale")


def stacked() -> nn.Module:
    """One weight with two parametrizations, one upon the other."""
    model = parametrized(nn.Linear(4, 4))
    parametrize.register_parametrization(model, "weight", Double())
    return model


def two_tensors() -> nn.Module:
    """Weight and bias of one module."""
    model = parametrized(nn.Linear(4, 4))
    parametrize.register_parametrization(model, "bias", Double())
    return model


def several_inputs() -> nn.Module:
    """A weight made of several tensors: right_inverse returns a tuple."""
    if not hasattr(parametrize.ParametrizationList, "right_inverse"):
        pytest.skip("parametrizations with several inputs: since 1.10")
    model = nn.Linear(4, 4)
    parametrize.register_parametrization(model, "weight", RankOne())
    return model


def tied() -> nn.Module:
    """One parameter that two layers share, parametrized in both."""
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.weight = first.weight
    return nn.Sequential(parametrized(first), parametrized(second))


def nested() -> nn.Module:
    """A layer two levels below the model that is captured."""
    return nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.ReLU(), nn.Sequential(parametrized(nn.Linear(4, 4)))))


def orthogonal() -> nn.Module:
    """A square weight under parametrizations.orthogonal: the matrix exponential."""
    return _parametrizations().orthogonal(nn.Linear(4, 4))


def orthogonal_householder() -> nn.Module:
    """A weight that is not square under parametrizations.orthogonal: Householder reflections."""
    return _parametrizations().orthogonal(nn.Linear(4, 3))


def spectral_norm_train() -> nn.Module:
    """parametrizations.spectral_norm in training: each use of the weight iterates, and changes buffers."""
    return _parametrizations("spectral_norm").spectral_norm(_dominated())


def spectral_norm_eval() -> nn.Module:
    """parametrizations.spectral_norm in evaluation mode."""
    return spectral_norm_train().eval()


def spectral_norm_hook() -> nn.Module:
    """torch.nn.utils.spectral_norm, which is a hook and no parametrization, in evaluation mode."""
    model = nn.utils.spectral_norm(_dominated())
    for _ in range(20):  # unlike the parametrization it doesn't iterate when it is applied
        model(torch.ones(1, 4))
    return model.eval()


def weight_norm() -> nn.Module:
    """parametrizations.weight_norm."""
    return _parametrizations("weight_norm").weight_norm(nn.Linear(4, 4))


def weight_norm_hook() -> nn.Module:
    """torch.nn.utils.weight_norm, which is a hook and no parametrization."""
    if not hasattr(nn.utils, "weight_norm"):
        pytest.skip("torch.nn.utils.weight_norm was removed")
    return nn.utils.weight_norm(nn.Linear(4, 4))


def parametrized(module: nn.Module, name: str = "weight") -> nn.Module:
    """Return the module with one tensor kept symmetric, or doubled if it is not square."""
    square = getattr(module, name).shape[-1] == getattr(module, name).shape[-2]
    parametrize.register_parametrization(module, name, Symmetric() if square else Double())
    return module


def _dominated() -> nn.Module:
    """Return a layer whose weight has one dominating singular value.

    The power iteration has converged after the first calls, so that the number of calls does not change the output.
    """
    module = nn.Linear(4, 4)
    with torch.no_grad():
        module.weight.mul_(0.02).add_(1)
    return module


def _parametrizations(name: str = "orthogonal") -> Any:
    """Return torch.nn.utils.parametrizations, or skip if it lacks the function."""
    found = getattr(nn.utils, "parametrizations", None)
    if not hasattr(found, name):
        since = {"orthogonal": "1.10", "spectral_norm": "1.9", "weight_norm": "2.1"}[name]
        pytest.skip(f"parametrizations.{name}: since {since}")
    return found


#: Each name, as it stands in observations, with its builder.
MODELS: dict[str, Callable[[], nn.Module]] = {
    builder.__name__.replace("_", "-"): builder
    for builder in (
        plain,
        linear,
        conv2d,
        rnn_cell,
        lstm_cell,
        lstm,
        embedding,
        buffer,
        stacked,
        two_tensors,
        several_inputs,
        tied,
        nested,
        orthogonal,
        orthogonal_householder,
        spectral_norm_train,
        spectral_norm_eval,
        spectral_norm_hook,
        weight_norm,
        weight_norm_hook,
    )
}

ALL = tuple(MODELS)
#: Models made by parametrizations, without the hooks, which are removed in another way.
PARAMETRIZED = tuple(what for what in ALL if what != "plain" and not what.endswith("hook"))
#: The models that each way to capture is tried with inside parametrize.cached(), and in combinations.
SOME = ("plain", "linear", "stacked", "several-inputs", "tied", "nested")


def model_of(what: str) -> nn.Module:
    """Return a new model, each time with the same weights."""
    torch.manual_seed(SEED)
    return MODELS[what]()


def inputs_of(what: str) -> tuple[torch.Tensor, ...]:
    """Return the inputs of a model, the same each time."""
    generator = torch.Generator().manual_seed(SEED)
    if what == "embedding":
        return (torch.tensor([[0, 3], [1, 2]]),)
    shape = {"conv2d": (1, 2, 4, 4), "lstm": (3, 2, 4)}.get(what, (3, 4))
    return (torch.randn(shape, generator=generator),)


def case_of(what: str) -> Case:
    """Return a new model with inputs and the output of another one with the same weights.

    Another one, because the first call of a model can change it: buffers of spectral_norm, caches of a hook.
    """
    inputs = inputs_of(what)
    eager = model_of(what)(*inputs)
    return Case(model_of(what), inputs, eager.detach())


def without_parametrizations(model: nn.Module, *, leave_parametrized: bool = True) -> nn.Module:
    """Remove all parametrizations of a model, in place, and return it."""
    for module in list(model.modules()):
        if parametrize.is_parametrized(module):
            for name in list(module.parametrizations):
                parametrize.remove_parametrizations(module, name, leave_parametrized=leave_parametrized)
    return model
