"""What a qualification can find, and what a finding may mean. Names alone, so that `config` can check them. Pure."""

from __future__ import annotations

from typing import Final, Literal, get_args

#: What one thing that was looked at can be, against the baseline; what is the same is no finding.
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

#: What a finding does to the verdict.
Effect = Literal["blocks", "warns", "expected", "noted"]

Verdict = Literal["qualified", "qualified with warnings", "blocked", "inconclusive"]

CATEGORIES: Final[tuple[Category, ...]] = get_args(Category)

#: What blocks and what warns where ``matrix.toml`` doesn't say; everything else is only noted.
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
