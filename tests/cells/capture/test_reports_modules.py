"""Public reports on using parametrized modules otherwise: true in a release where the observation raised."""

from __future__ import annotations

from typing import Any

import torch
from modules import Double, RankOne
from recorder import Observer
from reports import example, functional_call, same, skip_unless, symmetric_linear, tied_linears
from torch import nn
from torch.nn.utils import parametrize


def test_180968_initialise(observe: Observer) -> None:
    """pytorch/pytorch#180968: initialising the weight of a parametrized module changes nothing, without a word.

    Initialise before registering, or assign: ``module.weight = values``.
    """
    with observe("report/180968-initialise", phase="building"):
        model = doubled_linear()
        observe.phase = "initialising"
        nn.init.constant_(model.weight, 0.5)
        same(model.weight, torch.full((4, 4), 0.5), "the weight")


def test_65163_parametrized_parametrization(observe: Observer) -> None:
    """pytorch/pytorch#65163: the original behind a parametrization can't itself be parametrized.

    Register both on the module, one upon the other.
    """
    with observe("report/65163-parametrized-parametrization", phase="registering"):
        model = symmetric_linear()
        original = model.parametrizations.weight.original.detach().clone()
        parametrize.register_parametrization(model.parametrizations.weight, "original", Scale())
        observe.phase = "calling"
        weight = 2 * original
        same(model(torch.eye(4)) - model.bias, (weight.triu() + weight.triu(1).t()).t())


def test_65688_recurrent_updates(observe: Observer) -> None:
    """pytorch/pytorch#65688: an LSTM ignores the parametrization of a weight, or goes on with its old values.

    Use LSTMCell, or set ``lstm._flat_weights`` before each call.
    """
    with observe("report/65688-recurrent-updates", phase="building"):
        model, plain, x = doubled_lstm(), nn.LSTM(4, 4), example(3, 1, 4)
        with torch.no_grad():
            model.parametrizations.weight_hh_l0.original.mul_(3)
            for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
                getattr(plain, name).copy_(getattr(model, name))
        observe.phase = "calling"
        same(model(x)[0], plain(x)[0])


def test_65688_recurrent_gradients(observe: Observer) -> None:
    """pytorch/pytorch#65688: the tensor behind a parametrized weight of an LSTM gets no gradient.

    Use LSTMCell.
    """
    with observe("report/65688-recurrent-gradients", phase="building"):
        model = doubled_lstm()
        observe.phase = "calling"
        model(example(3, 1, 4))[0].sum().backward()
        if model.parametrizations.weight_hh_l0.original.grad is None:
            raise AssertionError("no gradient")


def test_90500_functional_recurrent(observe: Observer) -> None:
    """pytorch/pytorch#90500: functional_call doesn't reach the weights of an LSTM, here a parametrized one.

    Use LSTMCell.
    """
    with observe("report/90500-functional-recurrent", phase="building"):
        model, x = doubled_lstm(), example(3, 1, 4)
        value = torch.ones(16, 4, requires_grad=True)
        observe.phase = "calling"
        output = functional_call(model, {"parametrizations.weight_hh_l0.original": value}, x)[0]
        (gradient,) = torch.autograd.grad(output.sum(), value, allow_unused=True)
        if gradient is None:
            raise AssertionError("no gradient")


def test_61447_functional_original(observe: Observer) -> None:
    """pytorch/pytorch#61447: functional_call can't replace the tensor behind a parametrization.

    The name is the state_dict's: parametrizations.weight.original.
    """
    with observe("report/61447-functional-original", phase="calling"):
        model, x, value = symmetric_linear(), example(3, 4), example(4, 4)
        output = functional_call(model, {"parametrizations.weight.original": value}, x)
        same(output, nn.functional.linear(x, value.triu() + value.triu(1).t(), model.bias))


def test_186565_functional_weight(observe: Observer) -> None:
    """pytorch/pytorch#186565: functional_call with a value for "weight" doesn't replace the parametrized one.

    The documentation says that it does. Call a copy without the parametrization.
    """
    with observe("report/186565-functional-weight", phase="calling"):
        model, x, value = symmetric_linear(), example(3, 4), example(4, 4)
        output = functional_call(model, {"weight": value}, x)
        same(output, nn.functional.linear(x, value, model.bias))


def test_86708_functional_tied(observe: Observer) -> None:
    """pytorch/pytorch#86708: functional_call with a value for one of two tied parameters doesn't reach the other.

    Give the value under both names.
    """
    with observe("report/86708-functional-tied", phase="calling"):
        model, x, value = tied_linears(), example(3, 4), example(4, 4)
        name = "0.parametrizations.weight.original"
        output = functional_call(model, {name: value}, x)
        weight = value.triu() + value.triu(1).t()
        hidden = nn.functional.linear(x, weight, model[0].bias)
        same(output, nn.functional.linear(hidden, weight, model[1].bias))


def test_124888_frozen(observe: Observer) -> None:
    """pytorch/pytorch#124888: the tensors that right_inverse makes of a frozen weight aren't frozen.

    Call requires_grad_(False) on them after registering.
    """
    with observe("report/124888-frozen", phase="building"):
        skip_unless(
            hasattr(parametrize.ParametrizationList, "right_inverse"), "parametrizations have one input in this release"
        )
        model = nn.Linear(4, 4).requires_grad_(False)
        observe.phase = "registering"
        parametrize.register_parametrization(model, "weight", RankOne())
        thawed = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
        if thawed:
            raise AssertionError(f"requires gradients: {', '.join(thawed)}")


def test_58488_typo_found_early(observe: Observer) -> None:
    """pytorch/pytorch#58488: a parametrization that fails can be registered; its error is hidden later.

    Reading the weight then says that the module has no weight: call the parametrization by hand.
    """
    with observe("report/58488-typo-found-early", phase="registering"):
        model = nn.Linear(4, 4)
        try:
            parametrize.register_parametrization(model, "weight", Typo())
        except AttributeError as error:
            if "missing" not in str(error):
                raise
        else:
            raise AssertionError("a parametrization that fails was registered")


def test_49726_error_hidden(observe: Observer) -> None:
    """pytorch/pytorch#49726: an AttributeError inside a parametrization reads as if the module had no weight.

    Call the parametrization by hand to see the true error: ``module.parametrizations.weight()``.
    """
    with observe("report/49726-error-hidden", phase="building"):
        model = nn.Linear(4, 4)
        parametrize.register_parametrization(model, "weight", Scale())
        del model.parametrizations.weight[0].factor
        observe.phase = "reading"
        try:
            model.weight.sum()
        except AttributeError as error:
            if "factor" not in str(error):
                raise
        else:
            raise AssertionError("a parametrization without its attribute was evaluated")


def test_72452_sigmoid(observe: Observer) -> None:
    """pytorch/pytorch#72452: a parametrization with torch.nn.functional.sigmoid can't be evaluated.

    Use torch.sigmoid.
    """
    with observe("report/72452-sigmoid", phase="building"):
        model = nn.Linear(4, 4)
        with torch.no_grad():
            model.weight.fill_(0.5)
        parametrize.register_parametrization(model, "weight", UnitCap())
        model.weight = torch.full((4, 4), 0.5)
        observe.phase = "reading"
        same(model.weight, torch.full((4, 4), 0.5), "the weight")


def test_74845_original_type(observe: Observer) -> None:
    """pytorch/pytorch#74845: tools that compare the type of a module can't find the one before the parametrization.

    Use isinstance.
    """
    with observe("report/74845-original-type", phase="building"):
        original: Any = getattr(parametrize, "type_before_parametrizations", None)
        skip_unless(original, "this release has no type_before_parametrizations")
        if original(symmetric_linear()) is not nn.Linear:
            raise AssertionError("not torch.nn.Linear")


def test_55456_remove(observe: Observer) -> None:
    """pytorch/pytorch#55456: remove_parametrizations with leave_parametrized=True loses the parametrized value.

    Copy the value before removing.
    """
    with observe("report/55456-remove", phase="removing"):
        model = symmetric_linear()
        value = model.weight.detach().clone()
        parametrize.remove_parametrizations(model, "weight", leave_parametrized=True)
        same(model.weight, value, "the weight")


class Scale(nn.Module):  # type: ignore[misc] # torch is not there when types are checked
    """Multiply by an attribute, which is 2."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * x


class Typo(nn.Module):  # type: ignore[misc]
    """Fails: it has no such attribute."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.missing * x


class UnitCap(nn.Module):  # type: ignore[misc]
    """Keep a tensor between 0 and 1."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.sigmoid(x)

    def right_inverse(self, x: torch.Tensor) -> torch.Tensor:
        return torch.logit(x)


def doubled_linear() -> nn.Module:
    """Return a seeded layer whose weight is doubled, and can be assigned to."""
    torch.manual_seed(0)
    model = nn.Linear(4, 4)
    parametrize.register_parametrization(model, "weight", Double())
    return model


def doubled_lstm() -> nn.Module:
    """Return a seeded LSTM whose recurrent weight is doubled."""
    torch.manual_seed(0)
    model = nn.LSTM(4, 4)
    parametrize.register_parametrization(model, "weight_hh_l0", Double())
    return model
