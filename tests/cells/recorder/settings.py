"""Options that change which tests run are reset: a suite's own settings can hold them, and no test may be missing."""

from __future__ import annotations

from typing import Any, Final, Mapping

import pytest

#: Options of pytest, pytest-xdist and others that leave tests out, run nothing, or run tests elsewhere. Options that a
#: plugin did not register are left alone.
_NEUTRAL: Final[Mapping[str, Any]] = {
    # which tests
    "maxfail": 0,
    "keyword": "",
    "markexpr": "",
    "deselect": None,
    "lf": False,
    "failedfirst": False,
    "newfirst": False,
    "stepwise": False,
    "stepwise_skip": False,
    # nothing at all
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
    # in other processes
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
    """Reset the options of a run that would leave collected tests without a verdict."""
    for name, value in _NEUTRAL.items():
        if hasattr(config.option, name):
            setattr(config.option, name, value)
