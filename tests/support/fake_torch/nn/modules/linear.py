"""The linear layer."""

from __future__ import annotations

from ... import _tensor
from ..._tensor import Tensor
from .. import functional as F  # noqa: N812 - as torch names it
from .module import Module


class Linear(Module):
    """``x @ weight.T + bias``."""

    weight: Tensor

    def __init__(self, in_features: int, out_features: int) -> None:
        self.weight = _tensor.randn(out_features, in_features)
        self.bias = _tensor.randn(1, out_features)

    def forward(self, x: Tensor) -> Tensor:
        """The layer applied to each row."""
        return F.linear(x, self.weight, self.bias)
