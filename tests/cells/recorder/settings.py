"""Reset options that select tests: a suite's settings can contain them, and no test may be missing."""

from __future__ import annotations

import argparse
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
    "count": 1,
    # select tests by splitting or by changes
    "splits": None,
    "group": None,
    "num_shards": 1,
    "shard_id": 0,
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
    reset(config.option)


def reset(options: argparse.Namespace) -> None:
    """Reset such options; before pytest has parsed all of them, those that are known."""
    for name, value in _NEUTRAL.items():
        if hasattr(options, name):
            setattr(options, name, value)
