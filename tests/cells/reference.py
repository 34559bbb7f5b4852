"""The model that the probes look at: a small linear layer whose weight is kept symmetric by a parametrization.

It is that of PyTorch's own test/jit/test_parametrization.py.
"""

# No `from __future__ import annotations` here: TorchScript reads the annotations of what it compiles, and not
# every release understands them as strings.
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.utils import parametrize

# Such small numbers are faster in one thread, by ten times while other cells keep the machine busy.
torch.set_num_threads(1)


class Symmetric(nn.Module):  # type: ignore[misc] # torch is not there when types are checked
    """The symmetric matrix that has the same upper triangle."""

    def forward(self, X: torch.Tensor) -> torch.Tensor:  # noqa: N803 - named as upstream names it
        # Not `.mT`: tensors have it only from 1.11 on, and the probe would then measure that.
        return X.triu() + X.triu(1).transpose(-1, -2)


class Reference(NamedTuple):
    """A parametrized model, an input, and what the model makes of it when nothing is compiled or cached."""

    model: nn.Module
    x: torch.Tensor
    eager: torch.Tensor


def reference() -> Reference:
    """A new model each time, with the same numbers."""
    torch.manual_seed(0)
    model = nn.Linear(5, 5)
    parametrize.register_parametrization(model, "weight", Symmetric())
    x = torch.randn(3, 5)
    return Reference(model, x, model(x))
