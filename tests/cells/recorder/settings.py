"""Reset options that select tests: a suite's settings can contain them, and no test may be missing."""

from __future__ import annotations

from typing import Any, Final, Mapping

import pytest

#: Options of pytest, pytest-xdist and others that skip tests, run nothing, or run tests in other processes. Options of
#: plugins that are not installed are not set.
_NEUTRAL: Final[Mapping[str, Any]] = {
    # select tests
    "maxfail": 0,
    "keyword": "",
    "markexpr": "",
    "deselect": None,
    "lf": False,
    "failedfirst": False,
    "newfirst": False,
    "stepwise": False,
    "stepwise_skip": False,
    # run nothing
    "collectonly": False,
    "setuponly": False,
    "setupplan": False,
    "version": 0,
    "help": False,
    "markers": False,
    "showfixtures": False,
    "show_fixtures_per_test": False,
    "cacheshow": None,
    "usepdb": False,
    "trace": False,
    # order or repeat tests
    "randomly_reorganize": False,
    "randomly_seed": 0,
    "random_order": False,
    "random_order_bucket": "none",
    "reruns": 0,
    # select tests by splitting or by changes
    "splits": None,
    "testmon": False,
    # measure coverage, which slows tests and fails runs
    "cov_source": [],
    "cov_fail_under": None,
    "no_cov": True,
    # run in other processes
    "numprocesses": None,
    "maxprocesses": None,
    "dist": "no",
    "distload": False,
    "tx": [],
    "looponfail": False,
    "forked": False,
    "boxed": False,
}


def neutralise(config: pytest.Config) -> None:
    """Reset the options that would leave collected tests without a verdict."""
    for name, value in _NEUTRAL.items():
        if hasattr(config.option, name):
            setattr(config.option, name, value)
