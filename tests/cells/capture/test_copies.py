"""Copies, pickles, checkpoints, exchanged tensors and conversions of parametrized models."""

from __future__ import annotations

import contextlib
import copy
import io
import pickle
from typing import Any, Iterator

import pytest
import torch
from models import ALL, PARAMETRIZED, SOME, Case, case_of, model_of, without_parametrizations
from modules import Double
from recorder import Observer
from torch import nn
from torch.nn.utils import parametrize
from ways import equal, observe_capture, skip_unless


@pytest.mark.parametrize("what", ALL)
def test_deepcopy(observe: Observer, what: str) -> None:
    """copy.deepcopy of a parametrized model computes what the original does.

    Before 1.13 it is refused with the text for pickle: build the model again, and load its state_dict. The hooks of
    weight_norm and spectral_norm can't be copied where they have stored a weight that isn't a leaf of the graph.
    """
    observe_capture(observe, f"deepcopy/{what}", lambda case: copy.deepcopy(case.model))


@pytest.mark.parametrize("what", ["linear", "weight-norm", "weight-norm-hook", "spectral-norm-hook"])
def test_deepcopy_called(observe: Observer, what: str) -> None:
    """The same after the model has been called, which stores a weight in a model with a hook."""

    def capture(case: Case) -> Any:
        case.model(*case.inputs)
        return copy.deepcopy(case.model)

    observe_capture(observe, f"deepcopy-called/{what}", capture)


@pytest.mark.parametrize("what", PARAMETRIZED)
def test_deepcopy_tensors(observe: Observer, what: str) -> None:
    """A copy has tensors of its own: after its parameters are set to zero, the original computes what it did."""

    def capture(case: Case) -> Any:
        copied = copy.deepcopy(case.model)
        with torch.no_grad():
            for parameter in copied.parameters():
                parameter.zero_()
        return case.model

    observe_capture(observe, f"deepcopy-tensors/{what}", capture)


@pytest.mark.parametrize("what", SOME)
def test_deepcopy_then_remove(observe: Observer, what: str) -> None:
    """The parametrizations of a copy are removed: the original keeps its own.

    A copy shares the class that was made for its original, with the properties in it. If this fails, removing from the
    copy takes the weight of the original: build two models instead, or remove from the original last.
    """

    def capture(case: Case) -> Any:
        without_parametrizations(copy.deepcopy(case.model))
        return case.model

    observe_capture(observe, f"deepcopy-remove/{what}", capture)


def test_deepcopy_then_register(observe: Observer) -> None:
    """A parametrization is registered on another tensor of a copy: the original is not touched.

    If this fails, the original has lost its bias: register before copying.
    """

    def capture(case: Case) -> Any:
        parametrize.register_parametrization(copy.deepcopy(case.model), "bias", Double())
        return case.model

    observe_capture(observe, "deepcopy-register/linear", capture)


@pytest.mark.parametrize("what", PARAMETRIZED)
def test_copy_then_remove(observe: Observer, what: str) -> None:
    """The parametrizations of a copy are removed, and the copy computes what the original does.

    This is how to deploy a model and go on training it, unless `deepcopy-remove/…` fails.
    """
    observe_capture(
        observe, f"deepcopy-removed/{what}", lambda case: without_parametrizations(copy.deepcopy(case.model))
    )


@pytest.mark.parametrize("what", ["plain", "linear", "nested", "weight-norm", "weight-norm-hook", "spectral-norm-hook"])
def test_pickle(observe: Observer, what: str) -> None:
    """A pickled model, as torch.save(model) makes it, computes what the original does.

    For a parametrized one this is refused in all releases: save the state_dict, or a traced or exported model.
    """
    observe_capture(observe, f"pickle/{what}", lambda case: pickle.loads(pickle.dumps(case.model)))


@pytest.mark.parametrize("what", ALL)
def test_state_dict(observe: Observer, what: str) -> None:
    """The state_dict saved with torch.save, and loaded into a new model of the same kind, gives the same output."""

    def capture(case: Case) -> Any:
        file = io.BytesIO()
        torch.save(case.model.state_dict(), file)
        file.seek(0)
        other = model_of(what)
        with torch.no_grad():
            for tensor in (*other.parameters(), *other.buffers()):
                tensor.fill_(0.5)
        other.load_state_dict(torch.load(file))
        return other

    observe_capture(observe, f"state-dict/{what}", capture)


def test_state_dict_into_plain(observe: Observer) -> None:
    """The state_dict of a parametrized layer can't be loaded into a plain one: missing and unexpected keys are named.

    Remove the parametrizations before saving, if a plain model is to load it.
    """
    with observe("state-dict-into-plain/linear", phase="loading"):
        model_of("plain").load_state_dict(model_of("linear").state_dict())


@pytest.mark.parametrize(("direction", "source", "target"), [("old", "hook", ""), ("new", "", "hook")])
def test_weight_norm_checkpoint(observe: Observer, direction: str, source: str, target: str) -> None:
    """A checkpoint of the old weight_norm is loaded into the new one, and the reverse.

    The old names (weight_g, weight_v) are understood by the new one; the reverse isn't offered: rename the keys.
    """
    models = {"hook": "weight-norm-hook", "": "weight-norm"}
    with observe(f"checkpoint-{direction}/weight-norm", phase="building"):
        saved, loading = case_of(models[source]), model_of(models[target])
        with torch.no_grad():
            for parameter in loading.parameters():
                parameter.fill_(0.5)
        observe.phase = "loading"
        loading.load_state_dict(saved.model.state_dict())
        observe.phase = "calling"
        equal(loading(*saved.inputs), saved.eager)


@pytest.mark.parametrize("what", PARAMETRIZED)
def test_functional_call(observe: Observer, what: str) -> None:
    """functional_call with the parameters of another model computes what that model does.

    If this fails, the parametrization sees the wrong tensor: load a state_dict instead. Of tied weights, pass only one.
    """
    with observe(f"functional-call/{what}", phase="building"):
        case, other = case_of(what), model_of(what)
        with torch.no_grad():
            for tensor in (*other.parameters(), *other.buffers()):
                tensor.fill_(0.5)
        observe.phase = "calling"
        equal(_functional_call()(other, case.model.state_dict(), case.inputs), case.eager)


def _functional_call() -> Any:
    """Return functional_call, which has moved twice."""
    for module in (getattr(torch, "func", None), getattr(nn.utils, "stateless", None)):
        if module is not None and hasattr(module, "functional_call"):
            return module.functional_call
    with contextlib.suppress(ImportError):
        from torch.nn.utils._stateless import functional_call  # noqa: PLC0415

        return functional_call
    return skip_unless(None, "functional_call: since 1.10 (private), 1.12")


@pytest.mark.parametrize("what", ["linear", "several-inputs", "orthogonal", "weight-norm"])
def test_swap_tensors(observe: Observer, what: str) -> None:
    """torch.utils.swap_tensors exchanges the original tensors of two models, and so their outputs."""
    with observe(f"swap-tensors/{what}", phase="building"):
        skip_unless(hasattr(torch.utils, "swap_tensors"), "torch.utils.swap_tensors: since 2.3")
        case, other = case_of(what), model_of(what)
        with torch.no_grad():
            for tensor in (*other.parameters(), *other.buffers()):
                tensor.fill_(0.5)
        observe.phase = "swapping"
        for mine, theirs in zip(case.model.parameters(), other.parameters()):
            torch.utils.swap_tensors(mine, theirs)
        for mine, theirs in zip(case.model.buffers(), other.buffers()):
            torch.utils.swap_tensors(mine, theirs)
        observe.phase = "calling"
        equal(other(*case.inputs), case.eager)


@pytest.mark.parametrize("what", PARAMETRIZED)
def test_double_by_swapping(observe: Observer, what: str) -> None:
    """model.double() computes the same, also with set_swap_module_params_on_conversion(True)."""

    def capture(case: Case) -> Any:
        skip_unless(
            hasattr(getattr(torch, "__future__", None), "set_swap_module_params_on_conversion"),
            "set_swap_module_params_on_conversion: since 2.3",
        )
        with _swapping():
            model = case.model.double()
        return lambda x: model(x if what == "embedding" else x.double()).float()

    observe_capture(observe, f"double-swap/{what}", capture)


@contextlib.contextmanager
def _swapping() -> Iterator[None]:
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        yield
    finally:
        torch.__future__.set_swap_module_params_on_conversion(False)


@pytest.mark.parametrize("what", PARAMETRIZED)
def test_double(observe: Observer, what: str) -> None:
    """model.double() converts the originals, and the parametrized model computes the same in double precision."""

    def capture(case: Case) -> Any:
        model = case.model.double()
        return lambda x: model(x if what == "embedding" else x.double()).float()

    observe_capture(observe, f"double/{what}", capture)
