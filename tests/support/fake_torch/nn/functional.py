"""Functions on tensors."""

from __future__ import annotations

from .. import _C
from .._tensor import Tensor


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``x @ weight.T + bias``; a weight from the cache of parametrizations is foreign to a trace."""
    from .utils import parametrize  # noqa: PLC0415 - it imports modules, and they this

    if _C._get_tracing_state() is not None and parametrize._cache_enabled:
        raise RuntimeError(
            "Cannot insert a Tensor that requires grad as a constant. "
            "Consider making it a parameter or input, or detaching the gradient\nTensor:\n"
            + "\n".join(" ".join(f"{value:7.4f}" for value in row) for row in weight.tolist())
            + "\n[ torch.FloatTensor{{{},{}}} ]".format(*weight.shape)
        )
    return x @ weight.T + bias
