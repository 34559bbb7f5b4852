"""Records what the probes see: a pytest plug-in that writes an events file.

This folder knows nothing of the engine, and the engine only that file: lines of JSON, appended to the file that
the environment variable MATRIX_EVENTS names. Without it the probes are an ordinary test suite.
MATRIX_DONE can name a file of node ids that are not to be run again.

A probe is a plain pytest test; its verdict is recorded. For more, there are two fixtures: `observe` records one
named thing, `phase` says what the test is doing, so that a failure tells in which phase it came.
"""

from __future__ import annotations

import faulthandler
from typing import Any, Callable

import pytest

from .events import Events
from .hooks import Recorder
from .observer import Observer
from .torch_import import import_torch

__all__ = ["Observer", "observe", "phase", "pytest_configure", "pytest_terminal_summary"]

_OBSERVER = pytest.StashKey[Observer]()


@pytest.hookimpl(trylast=True)  # when pytest itself is ready to tell of a failure
def pytest_configure(config: pytest.Config) -> None:
    """Import torch before any probe does, and start to record."""
    faulthandler.enable()  # a crash, or SIGABRT sent to a hanging process, shows where Python was
    events = Events.from_environment()
    import_torch(events)
    config.stash[_OBSERVER] = observer = Observer(events)
    config.pluginmanager.register(Recorder(events, observer))


@pytest.fixture
def observe(request: pytest.FixtureRequest) -> Observer:
    """Makes observations, each a named block of a test: see `Observer`."""
    return request.config.stash[_OBSERVER]


@pytest.fixture
def phase(observe: Observer) -> Callable[[str], None]:
    """Says what the test does from here on: ``phase("compiling")``."""

    def enter(name: str) -> None:
        observe.phase = name

    return enter


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show the observations to people who run the probes by hand."""
    summary = config.stash[_OBSERVER].summary
    if summary:
        terminalreporter.section("observations")
    for name, seen in summary:
        terminalreporter.write_line(f"{name:<28}{seen}")
