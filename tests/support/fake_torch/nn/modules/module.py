"""The base of all modules."""

from __future__ import annotations

from typing import Any


class Module:
    """A callable that takes tensors."""

    #: By the name of the tensor; filled by `torch.nn.utils.parametrize`.
    parametrizations: Any

    def forward(self, *inputs: Any) -> Any:
        """Return the result of a call."""
        raise NotImplementedError

    def _call_impl(self, *inputs: Any) -> Any:
        return self.forward(*inputs)

    __call__ = _call_impl

    def eval(self) -> Module:
        """Return the module itself; there is no training."""
        return self
