"""The same on a GPU, where there is one and the build is for CUDA: an axis of its own, skipped elsewhere."""

from __future__ import annotations

from typing import Any, Callable

import pytest
import torch
from models import Case, case_of
from recorder import Observer
from torch.nn.utils import parametrize
from ways import compiled, equal, equal_gradients, exported, gradients, skip_unless, symbolically_traced

#: Models with different operations: elementwise, cuDNN, linear algebra, power iteration, a fused operation.
WHATS = (
    *("linear", "conv2d", "lstm", "several-inputs", "orthogonal", "orthogonal-householder"),
    *("spectral-norm-train", "spectral-norm-eval", "weight-norm", "weight-norm-hook"),
)
WAYS: dict[str, Callable[[Case], Any]] = {
    "eager": lambda case: case.model,
    "trace": lambda case: torch.jit.trace(case.model, case.inputs),
    "script": lambda case: torch.jit.script(case.model),
    "fx": symbolically_traced,
    "export-nonstrict": lambda case: exported(case, strict=False),
    "compile-aot": lambda case: compiled(case, backend="aot_eager"),
}


def on_gpu(what: str) -> Case:
    """Return a model and its inputs on the GPU, with the eager output of the CPU; skip without a GPU."""
    skip_unless(torch.version.cuda and torch.cuda.is_available(), "no GPU, or not a build for CUDA")
    case = case_of(what)
    return Case(case.model.to("cuda"), tuple(x.to("cuda") for x in case.inputs), case.eager)


@pytest.mark.parametrize("what", WHATS)
@pytest.mark.parametrize("way", list(WAYS))
def test_cuda(observe: Observer, way: str, what: str) -> None:
    """The output of what was captured on a GPU is the eager output of the CPU.

    Where `trace/…` works and `trace-cuda/…` does not, something of the parametrization stayed on the CPU: move the
    model before the parametrization is registered.
    """
    with observe(f"{way}-cuda/{what}", phase="building"):
        case = on_gpu(what)
        observe.phase = "capturing"
        captured = WAYS[way](case)
        observe.phase = "calling"
        equal(captured(*case.inputs), case.eager)


@pytest.mark.parametrize("what", WHATS)
def test_cuda_gradients(observe: Observer, what: str) -> None:
    """The gradients on a GPU are those of the CPU."""
    with observe(f"eager-gradients-cuda/{what}", phase="building"):
        case, cpu = on_gpu(what), case_of(what)
        observe.phase = "differentiating"
        expected = gradients(cpu.model, cpu.model(*cpu.inputs))
        equal_gradients(gradients(case.model, case.model(*case.inputs)), expected)


@pytest.mark.parametrize("what", ["linear", "orthogonal", "spectral-norm-eval", "weight-norm"])
def test_cuda_moved(observe: Observer, what: str) -> None:
    """A model that was moved to a GPU and back computes what it did before."""
    with observe(f"moved-cuda/{what}", phase="building"):
        case = on_gpu(what)
        observe.phase = "calling"
        equal(case.model.to("cpu")(*(x.to("cpu") for x in case.inputs)), case.eager)


def test_cuda_cached(observe: Observer) -> None:
    """Tracing on a GPU inside parametrize.cached() is refused as on the CPU."""
    with observe("trace-cuda/linear-cached", phase="building"):
        case = on_gpu("linear")
        observe.phase = "capturing"
        with parametrize.cached():
            torch.jit.trace(case.model, case.inputs)
