"""Parametrizations, and the modules around them: the code that TorchScript compiles."""

# No `from __future__ import annotations` here: TorchScript reads the annotations of the code that it compiles, and
# not every release understands them as strings.
from typing import Tuple

import torch
from torch import nn


class Symmetric(nn.Module):  # type: ignore[misc] # torch is not there when types are checked
    """Return the symmetric matrix with the same upper triangle."""

    def forward(self, X: torch.Tensor) -> torch.Tensor:  # noqa: N803 - named as upstream names it
        # Not `.mT`: tensors have it only since 1.11, and the test would measure that instead.
        return X.triu() + X.triu(1).transpose(-1, -2)


class Double(nn.Module):  # type: ignore[misc]
    """Return twice the tensor; it can be assigned to.

    Since 1.10 registering keeps the value, by way of right_inverse. In 1.9 the value is doubled.
    """

    def forward(self, X: torch.Tensor) -> torch.Tensor:  # noqa: N803
        return 2 * X

    def right_inverse(self, X: torch.Tensor) -> torch.Tensor:  # noqa: N803
        return X / 2


class RankOne(nn.Module):  # type: ignore[misc]
    """Return the outer product of two vectors: a parametrization with several inputs."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x.unsqueeze(-1) @ y.unsqueeze(-2)

    def right_inverse(self, Z: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:  # noqa: FA100, N803
        # Row and column means, not the singular vectors: their signs depend on the linear algebra library.
        return Z.mean(1), Z.mean(0)


class Scaled(nn.Module):  # type: ignore[misc]
    """Multiplies by a buffer, which can be parametrized, and adds a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.randn(4, 4))
        self.shift = nn.Parameter(torch.randn(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.mm(x, self.scale) + self.shift  # in 1.9 torch.fx doesn't know the operator @


class Hidden(nn.Module):  # type: ignore[misc]
    """Returns the hidden state of an LSTM cell, or the output of an LSTM: the first of what it returns."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)[0]


class Parent(nn.Module):  # type: ignore[misc]
    """Calls another module, and adds one."""

    def __init__(self, child: nn.Module) -> None:
        super().__init__()
        self.child = child

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.child(x) + 1


class IgnoringParent(nn.Module):  # type: ignore[misc]
    """Calls another module in a method that TorchScript leaves to Python, and adds one."""

    def __init__(self, child: nn.Module) -> None:
        super().__init__()
        self.child = child

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.ignored(x) + 1

    @torch.jit.ignore  # type: ignore[untyped-decorator]
    def ignored(self, x: torch.Tensor) -> torch.Tensor:
        """Call the other module."""
        return self.child(x)


class UnusedParent(nn.Module):  # type: ignore[misc]
    """Has another module that only an unused method calls, and adds one."""

    def __init__(self, child: nn.Module) -> None:
        super().__init__()
        self.child = child

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1

    @torch.jit.unused  # type: ignore[untyped-decorator]
    def unused(self, x: torch.Tensor) -> torch.Tensor:
        """Call the other module."""
        return self.child(x)
