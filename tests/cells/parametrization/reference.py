"""The model under test: a small linear layer whose weight is kept symmetric by a parametrization.

It is the model of PyTorch's test/jit/test_parametrization.py.
"""

# No `from __future__ import annotations` here: TorchScript reads the annotations of the code that it compiles, and
# not every release understands them as strings.
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.utils import parametrize

# Such small tensors are faster in one thread: by ten times while other cells keep the machine busy.
torch.set_num_threads(1)


class Symmetric(nn.Module):  # type: ignore[misc] # torch is not there when types are checked
    """Return the symmetric matrix with the same upper triangle."""

    def forward(self, X: torch.Tensor) -> torch.Tensor:  # noqa: N803 - named as upstream names it
        # Not `.mT`: tensors have it only since 1.11, and the test would measure that instead.
        return X.triu() + X.triu(1).transpose(-1, -2)


class Reference(NamedTuple):
    """A parametrized model, an input, and the model's output without compiling or caching."""

    model: nn.Module
    x: torch.Tensor
    eager: torch.Tensor


def reference() -> Reference:
    """Return a new model, each time with the same weights."""
    torch.manual_seed(0)
    model = nn.Linear(5, 5)
    parametrize.register_parametrization(model, "weight", Symmetric())
    x = torch.randn(3, 5)
    return Reference(model, x, model(x))
