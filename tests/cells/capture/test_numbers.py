"""Numbers: gradients through what was captured, and digests of eager's own results, which show numerical drift."""

from __future__ import annotations

import hashlib

import pytest
import torch
from models import ALL, SOME, case_of, inputs_of, model_of
from recorder import Observer
from ways import compiled, equal_gradients, exported, gradients, observe_gradients

#: Decimals that digests are taken of. The numbers are of the order of 1, in single precision: the last bits may change
#: with a library or a processor, the third decimal may not.
DECIMALS = 3


def digest(*tensors: torch.Tensor | None) -> str:
    """Return a text that is equal if the rounded numbers are; its digest is of letters, which normalising keeps."""
    numbers = [number for tensor in tensors if tensor is not None for number in tensor.detach().flatten().tolist()]
    rounded = ",".join(f"{round(number, DECIMALS) + 0.0:.{DECIMALS}f}" for number in numbers)  # + 0.0: no minus zero
    letters = hashlib.sha256(rounded.encode()).hexdigest()[:12].translate(str.maketrans("0123456789", "ghijklmnop"))
    return f"{letters} is the digest of {len(numbers)} numbers to {DECIMALS} decimals"


@pytest.mark.parametrize("what", ALL)
def test_eager_output(observe: Observer, what: str) -> None:
    """The eager output of the seeded model, as a digest.

    If it changes between releases, initialisation, random numbers or an operation have changed: compare models with a
    tolerance, and don't expect the same numbers from the same seed.
    """
    with observe(f"eager-output/{what}", phase="building"):
        observe.note(digest(case_of(what).eager))


@pytest.mark.parametrize("what", ALL)
def test_eager_gradients(observe: Observer, what: str) -> None:
    """The gradients of all parameters in eager mode, as a digest: as for the output."""
    with observe(f"eager-gradients/{what}", phase="building"):
        model = model_of(what)
        observe.phase = "differentiating"
        observe.note(digest(*gradients(model, model(*inputs_of(what))).values()))


@pytest.mark.parametrize("what", ALL)
def test_eager_state(observe: Observer, what: str) -> None:
    """The names and shapes of the state_dict: what a checkpoint of this model consists of.

    If it changes between releases, older checkpoints need their names changed before they are loaded.
    """
    with observe(f"eager-state/{what}", phase="building"):
        state = model_of(what).state_dict()
        observe.note(", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in state.items()))


@pytest.mark.parametrize("what", ALL)
def test_compile_gradients(observe: Observer, what: str) -> None:
    """The gradients through a model compiled with "aot_eager", which traces the backward pass, are eager's."""
    observe_gradients(observe, f"compile-aot/{what}", lambda case: compiled(case, backend="aot_eager"))


@pytest.mark.parametrize("what", SOME)
def test_export_gradients(observe: Observer, what: str) -> None:
    """The gradients of the exported module's parameters are those of the eager model, under the same names.

    If they are missing, the exported program can't be trained further: train the model itself.
    """
    observe_gradients(observe, f"export-nonstrict/{what}", lambda case: exported(case, strict=False))


@pytest.mark.parametrize("what", ["linear", "several-inputs", "orthogonal", "spectral-norm-eval", "weight-norm"])
def test_cached_gradients(observe: Observer, what: str) -> None:
    """Inside parametrize.cached() the gradients of two uses of the weight are twice those of one use.

    Caching is only sharing: nothing is detached.
    """
    with observe(f"eager-gradients/{what}-cached", phase="building"):
        model, inputs = model_of(what), inputs_of(what)
        observe.phase = "differentiating"
        once = gradients(model, model(*inputs))
        with torch.nn.utils.parametrize.cached():
            twice = gradients(model, model(*inputs) + model(*inputs))
        expected = {name: None if gradient is None else 2 * gradient for name, gradient in once.items()}
        equal_gradients(twice, expected)
