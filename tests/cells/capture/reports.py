"""The public reports that this suite follows, and the steps that their observations have in common.

An observation ``report/NUMBER-words`` does what the report describes, and asserts what its author expected: where it
raised, the report is true in that release; where it returned, it is not, or no longer.
"""

from __future__ import annotations

import importlib
from typing import Any, Callable, Mapping

import pytest
import torch
from modules import Symmetric
from torch import nn
from torch.nn.utils import parametrize

#: State of each report in pytorch/pytorch, issue or pull request, when its observation was written.
UPSTREAM: Mapping[int, str] = {
    12737: "closed",
    30754: "open",
    33344: "closed",
    41529: "closed",
    44951: "open",
    49643: "open",
    49726: "open",
    55456: "closed",
    57289: "open",
    58488: "closed",
    59302: "closed",
    60418: "closed",
    60969: "closed",
    60971: "open",
    61447: "closed",
    62089: "closed",
    65163: "open",
    65688: "open",
    66363: "open",
    68327: "closed",
    69413: "open",
    72452: "open",
    74845: "closed",
    80599: "closed",
    86708: "closed",
    90500: "closed",
    102981: "closed",
    102983: "closed",
    102999: "open",
    103001: "closed",
    107914: "open",
    115744: "closed",
    117167: "closed",
    117913: "closed",
    118742: "closed",
    120914: "closed",
    121304: "closed",
    121902: "closed",
    124524: "closed",
    124847: "closed",
    124888: "closed",
    125478: "closed",
    125544: "closed",
    125771: "closed",
    127357: "open",
    160600: "closed",
    167645: "open",
    180968: "open",
    186565: "closed",
}


def symmetric_linear() -> nn.Module:
    """Return a seeded linear layer whose weight is kept symmetric."""
    torch.manual_seed(0)
    model = nn.Linear(4, 4)
    parametrize.register_parametrization(model, "weight", Symmetric())
    return model


def tied_linears() -> nn.Module:
    """Return two seeded layers that share one parameter, each with the parametrization."""
    torch.manual_seed(0)
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.weight = first.weight
    for layer in (first, second):
        parametrize.register_parametrization(layer, "weight", Symmetric())
    return nn.Sequential(first, second)


def example(*shape: int) -> torch.Tensor:
    """Return a fixed input."""
    count = 1
    for size in shape:
        count *= size
    return torch.linspace(-1, 1, count).reshape(shape)


def same(found: torch.Tensor, expected: torch.Tensor, what: str = "the output") -> None:
    """Raise AssertionError, with a text that is the same on every machine, unless both tensors are close."""
    if found.shape != expected.shape:
        raise AssertionError(f"{what} has the shape {tuple(found.shape)}, not {tuple(expected.shape)}")
    if not torch.allclose(found, expected, rtol=1e-4, atol=1e-5):
        raise AssertionError(f"{what} is not as expected")


def skip_unless(available: object, why: str) -> None:
    """Skip the observation with the reason, unless the release has what it needs."""
    if not available:
        pytest.skip(why)


def functional_call(model: nn.Module, values: dict[str, torch.Tensor], *args: torch.Tensor) -> Any:
    """Call a model with other tensors, by whichever name the release has for it."""
    for module in ("torch.func", "torch.nn.utils.stateless", "torch.nn.utils._stateless"):
        try:
            call = importlib.import_module(module).functional_call
        except (ImportError, AttributeError):
            continue
        return call(model, values, args)
    pytest.skip("this release has no functional_call")


class Autoencoder(nn.Module):  # type: ignore[misc] # torch is not there when types are checked
    """Encodes with a parametrized weight, and decodes with its transpose."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Linear(4, 4, bias=False)
        parametrize.register_parametrization(self.encoder, "weight", Symmetric())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(self.encoder(x), self.encoder.weight.t())


class Graphs:
    """A backend for torch.compile that runs each graph as it is, and keeps it."""

    def __init__(self) -> None:
        self.found: list[Any] = []

    def __call__(self, graph: Any, inputs: list[torch.Tensor]) -> Callable[..., tuple[torch.Tensor, ...]]:
        self.found.append(graph)
        return graph.forward  # type: ignore[no-any-return]

    def called(self) -> list[str]:
        """Return the names of everything that the graphs call."""
        return [str(node.target) for graph in self.found for node in graph.graph.nodes if node.op.startswith("call_")]
