"""The base of all modules."""

from __future__ import annotations

from typing import Any


class Module:
    """Something that is called with tensors."""

    #: By the name of the tensor; filled by `torch.nn.utils.parametrize`.
    parametrizations: Any

    def forward(self, *inputs: Any) -> Any:
        """What a call does."""
        raise NotImplementedError

    def _call_impl(self, *inputs: Any) -> Any:
        return self.forward(*inputs)

    __call__ = _call_impl

    def eval(self) -> Module:
        """The module itself; there is no training here."""
        return self
