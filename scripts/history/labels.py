"""Names for display: tests by the shortest path that tells them apart, parametrized ones folded. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from scripts.core.escaping import visible

#: Variants of a parametrized test from which on they are shown as one.
_FOLDED: Final = 3


def labels(names: Iterable[str]) -> dict[str, str]:
    """Return a label for each observation or test: the fewest last parts of its node id that no other one ends with."""
    parts = {name: _parts(name) for name in names}
    found: dict[str, str] = {}
    ambiguous, length = list(parts), 1
    while ambiguous:
        shown = {name: _last(parts[name], length) for name in ambiguous}
        taken = Counter(shown.values()) + Counter(found.values())
        longest = {name for name in ambiguous if length >= len(parts[name])}
        found |= {name: text for name, text in shown.items() if taken[text] == 1 or name in longest}
        ambiguous = [name for name in ambiguous if name not in found]
        length += 1
    return {name: visible(found[name]) for name in parts}


def _parts(name: str) -> list[str]:
    """Return the folders, file, classes and function of a test, each with the separator after it."""
    path, separator, rest = name.partition("::")
    if not separator:
        return [name]
    inner, bracket, parameters = rest.partition("[")
    classes = inner.split("::")
    classes[-1] += bracket + parameters
    folders = path.split("/")
    return [
        *(f"{folder}/" for folder in folders[:-1]),
        f"{folders[-1]}::",
        *(f"{one}::" for one in classes[:-1]),
        classes[-1],
    ]


def _last(parts: Sequence[str], length: int) -> str:
    return "".join(parts[-length:])


def base(label: str) -> str:
    """Return a label without the parameters of a test."""
    return label.partition("[")[0] if label.endswith("]") else label


def variants(all_labels: Iterable[str]) -> Mapping[str, int]:
    """Return the number of labels with each base."""
    return Counter(map(base, all_labels))


def folded(group: Iterable[str], totals: Mapping[str, int], mark: str = "") -> list[str]:
    """Return labels with the variants of a parametrized test as one: ``test_lr[…] (24 of 31 ✗A)``.

    Args:
        group: labels of names that behave alike.
        totals: the number of variants of each base, see `variants`.
        mark: the mark of the group, for tests of which only some variants belong to it.
    """
    by_base: dict[str, list[str]] = defaultdict(list)
    for label in group:
        by_base[base(label)].append(label)
    found: list[str] = []
    for name, members in by_base.items():
        found += members if len(members) < _FOLDED else [_folded(name, len(members), totals[name], mark)]
    return found


def _folded(name: str, count: int, total: int, mark: str) -> str:
    some = " ".join(filter(None, [f"{count} of {total}", mark]))
    return f"{name}[…] ({f'all {total}' if count == total else some})"
