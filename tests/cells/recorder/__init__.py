"""Records what the probes see: a pytest plug-in that writes an events file.

This folder knows nothing of the engine, and the engine only that file: lines of JSON, appended to the file that
the environment variable MATRIX_EVENTS names. Without it the probes are an ordinary test suite.
MATRIX_DONE can name a JSON file: ``tests`` are node ids that are not to be run again, ``lost`` are observations that
ended an earlier process.

A probe is a plain pytest test; its verdict is recorded. For more, there are two fixtures: `observe` records one
named thing, `phase` says what the test is doing, so that a failure tells in which phase it came.
"""

from __future__ import annotations

import faulthandler
from typing import Any, Callable, Iterator

import pytest

from .events import Done, Events
from .hooks import Recorder
from .observer import Observer
from .settings import neutralise
from .torch_import import import_torch

__all__ = ["Observer", "observe", "phase", "pytest_cmdline_main", "pytest_configure", "pytest_terminal_summary"]

_OBSERVER = pytest.StashKey[Observer]()


@pytest.hookimpl(hookwrapper=True, tryfirst=True)  # before pytest-xdist and others act on their options
def pytest_cmdline_main(config: pytest.Config) -> Iterator[None]:
    """Run every test, whatever the suite's settings say."""
    neutralise(config)
    yield


@pytest.hookimpl(trylast=True)  # when pytest itself is ready to tell of a failure
def pytest_configure(config: pytest.Config) -> None:
    """Import torch before any probe does, and start to record."""
    faulthandler.enable()  # a crash, or SIGABRT sent to a hanging process, shows where Python was
    neutralise(config)  # once more, since a conftest may have set them
    events, done = Events.from_environment(), Done.from_environment()
    import_torch(events)
    config.stash[_OBSERVER] = observer = Observer(events, done)
    config.pluginmanager.register(Recorder(events, observer, done))


@pytest.fixture
def observe(request: pytest.FixtureRequest) -> Observer:
    """Makes observations, each a named block of a test: see `Observer`."""
    return request.config.stash[_OBSERVER]


@pytest.fixture
def phase(observe: Observer) -> Callable[[str], None]:
    """Says what the test does from here on: ``phase("compiling")``."""

    def enter(name: str) -> None:
        observe.phase = str(name)

    return enter


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show the observations to people who run the probes by hand."""
    summary = config.stash[_OBSERVER].summary
    if summary:
        terminalreporter.section("observations")
    for name, seen in summary:
        terminalreporter.write_line(f"{name:<28}{seen}")
