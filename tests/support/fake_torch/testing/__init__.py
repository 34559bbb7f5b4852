"""Comparing tensors."""

from __future__ import annotations

from .._tensor import Tensor, allclose


def assert_close(actual: Tensor, expected: Tensor, *, rtol: float = 1.3e-6, atol: float = 1e-5) -> None:
    """Raise unless two tensors have the same shape and nearly the same numbers."""
    if actual.shape != expected.shape:
        raise AssertionError(f"The values for attribute 'shape' do not match: {actual.shape} != {expected.shape}.")
    if not allclose(actual, expected, rtol, atol):
        raise AssertionError("Tensor-likes are not close!")
