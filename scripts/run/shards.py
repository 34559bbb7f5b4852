"""Splitting work into shares that cost alike, with what belongs together kept together. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def split(
    items: Sequence[T],
    count: int,
    *,
    order: Callable[[T], Any],
    group: Callable[[T], str],
    cost: Callable[[T], float],
) -> list[list[T]]:
    """At most ``count`` shares of items, none empty, the same whatever the order of the items.

    A group is only cut, between neighbours, where it costs more than a share should. The pieces go, the dearest
    first, to the share that has least to do: so none costs more than the mean and the dearest piece on top of it.

    Args:
        items: what is to be shared out.
        count: how many shares, at least 1.
        order: the sort key of an item; unique.
        group: what an item belongs to.
        cost: what an item costs, more than 0.
    """
    groups: dict[str, list[T]] = {}
    for item in sorted(items, key=order):
        groups.setdefault(group(item), []).append(item)
    mean = sum(map(cost, items)) / count
    pieces = [piece for members in groups.values() for piece in _pieces(members, mean, cost)]
    pieces.sort(key=lambda piece: order(piece[0]))
    shares: list[list[T]] = [[] for _ in range(count)]
    loads = [0.0] * count
    for piece in sorted(pieces, key=lambda piece: -_total(piece, cost)):  # stable, so ties stay in order
        lightest = loads.index(min(loads))
        loads[lightest] += _total(piece, cost)
        shares[lightest] += piece
    return sorted((sorted(share, key=order) for share in shares if share), key=lambda share: order(share[0]))


def _pieces(members: Sequence[T], limit: float, cost: Callable[[T], float]) -> list[list[T]]:
    """Neighbours in pieces that cost no more than the limit, but for a single item that does."""
    number = max(1, math.ceil(_total(members, cost) / limit - 1e-9))
    wanted = _total(members, cost) / number
    pieces: list[list[T]] = [[]]
    for item in members:
        if pieces[-1] and _total(pieces[-1], cost) + cost(item) > wanted * (1 + 1e-9):
            pieces.append([])
        pieces[-1].append(item)
    return pieces


def _total(items: Sequence[T], cost: Callable[[T], float]) -> float:
    return sum(map(cost, items))
