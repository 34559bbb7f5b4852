"""Tensors with two dimensions, as rows of numbers, with the operations that the built-in suite needs."""

from __future__ import annotations

import contextlib
import operator
import random
from typing import Callable, Iterator, Sequence, TypeVar, cast

T = TypeVar("T")

_random = random.Random()


class Tensor:
    """Rows of numbers. Every operation makes a new tensor."""

    def __init__(self, rows: Sequence[Sequence[float]]) -> None:
        self._rows: list[list[float]] = [list(row) for row in rows]

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and columns."""
        return len(self._rows), len(self._rows[0]) if self._rows else 0

    @property
    def T(self) -> Tensor:  # noqa: N802 - torch's own name
        """The transposed tensor."""
        return Tensor([[row[column] for row in self._rows] for column in range(self.shape[1])])

    @property  # since 1.11
    def mT(self) -> Tensor:  # noqa: N802 - torch's own name  # since 1.11
        """The transposed tensor; this name exists since 1.11."""  # since 1.11
        return self.T  # since 1.11

    def transpose(self, first: int, second: int) -> Tensor:
        """Return the tensor with two dimensions exchanged; negative ones count from the end."""
        return self if first % 2 == second % 2 else self.T

    def triu(self, diagonal: int = 0) -> Tensor:
        """Return the upper triangle, with zeros elsewhere."""
        rows = enumerate(self._rows)
        return Tensor([[x if column - row >= diagonal else 0.0 for column, x in enumerate(xs)] for row, xs in rows])

    def detach(self) -> Tensor:
        """Return the tensor itself; there are no gradients."""
        return Tensor(self._rows)

    def tolist(self) -> list[list[float]]:
        """Return the numbers as lists."""
        return [list(row) for row in self._rows]

    def _each(self, other: object, action: Callable[[float, float], float]) -> Tensor:
        rows = other._rows if isinstance(other, Tensor) else [[cast("float", other)] * self.shape[1]]
        if len(rows) == 1:  # one row is added to each, as a bias is
            rows = rows * self.shape[0]
        return Tensor([[action(*pair) for pair in _paired(*two)] for two in _paired(self._rows, rows)])

    def __add__(self, other: object) -> Tensor:
        return self._each(other, operator.add)

    def __sub__(self, other: object) -> Tensor:
        return self._each(other, operator.sub)

    def __mul__(self, other: object) -> Tensor:
        return self._each(other, operator.mul)

    def __matmul__(self, other: Tensor) -> Tensor:
        columns = other.T._rows
        return Tensor([[sum(map(operator.mul, row, column)) for column in columns] for row in self._rows])

    def __repr__(self) -> str:
        return "tensor([{}])".format(", ".join(str([round(x, 4) for x in row]) for row in self._rows))


def _paired(first: Sequence[T], second: Sequence[T]) -> Iterator[tuple[T, T]]:
    if len(first) != len(second):
        raise RuntimeError(f"The size of tensor a ({len(first)}) must match the size of tensor b ({len(second)})")
    return zip(first, second)


def tensor(rows: Sequence[Sequence[float]]) -> Tensor:
    """Return a tensor of these numbers."""
    return Tensor(rows)


def zeros(rows: int, columns: int) -> Tensor:
    """Return a tensor of zeros."""
    return Tensor([[0.0] * columns] * rows)


def randn(rows: int, columns: int) -> Tensor:
    """Return a tensor of random numbers around zero; the same after each `manual_seed`."""
    return Tensor([[_random.gauss(0, 1) for _ in range(columns)] for _ in range(rows)])


def manual_seed(seed: int) -> None:
    """Seed the random numbers."""
    _random.seed(seed)


def allclose(first: Tensor, second: Tensor, rtol: float = 1e-05, atol: float = 1e-08) -> bool:
    """Return whether two tensors have nearly the same numbers."""
    pairs = [pair for rows in _paired(first.tolist(), second.tolist()) for pair in _paired(*rows)]
    return all(abs(a - b) <= atol + rtol * abs(b) for a, b in pairs)


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Do nothing: there are no gradients."""
    yield


def set_num_threads(number: int) -> None:
    """Do nothing: there is one thread."""
