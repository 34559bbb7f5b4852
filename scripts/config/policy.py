"""Categories of findings, their effects, and the default policy. Names only, so that `config` can check them. Pure."""

from __future__ import annotations

from typing import Final, Literal, get_args

#: Kinds of differences between candidate and baseline.
Category = Literal[
    "broken",
    "newly crashed",
    "newly hangs",
    "different failure",
    "fixed",
    "other behaviour",
    "warning added",
    "warning changed",
    "warning gone",
    "newly slow to import",
    "missing wheel",
    "unavailable",
    "flaky",
    "expected change missing",
    "expectation expired",
]

#: Effects of a finding on the verdict.
Effect = Literal["blocks", "warns", "expected", "noted"]

Verdict = Literal["qualified", "qualified with warnings", "blocked", "inconclusive"]

CATEGORIES: Final[tuple[Category, ...]] = get_args(Category)

#: Defaults of `block` and `warn` in ``matrix.toml``; all other categories are only noted.
BLOCK: Final[tuple[Category, ...]] = ("broken", "newly crashed", "newly hangs")
WARN: Final[tuple[Category, ...]] = (
    "different failure",
    "other behaviour",
    "warning added",
    "warning changed",
    "newly slow to import",
    "missing wheel",
    "flaky",
    "expected change missing",
    "expectation expired",
)
