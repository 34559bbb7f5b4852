"""Record the results of tests: a pytest plugin that writes a file of events.

The recorder is independent of the engine, which only reads that file: lines of JSON, appended to the file in the
environment variable MATRIX_EVENTS. Without the variable the suite is an ordinary pytest suite.
MATRIX_DONE can contain the path of a JSON file: ``tests`` are node ids that must not run again, ``lost`` are
observations during which an earlier process ended.

The verdict of every pytest test is recorded. Tests can use two fixtures: `observe` records a named observation,
`phase` sets the phase of the test that is recorded with a failure. A test that asserts a known defect says so, and
reports show its pass as that sentence: ``@pytest.mark.known_defect("scripting fails as upstream expects")``.
"""

from __future__ import annotations

import faulthandler
from typing import Any, Callable, Iterator

import pytest

from . import describe
from .events import Done, Events
from .hooks import Recorder
from .observer import Observer
from .settings import neutralise
from .torch_import import import_torch

__all__ = ["Observer", "observe", "phase", "pytest_cmdline_main", "pytest_configure", "pytest_terminal_summary"]

#: The marker, as `pytest --markers` lists it.
KNOWN_DEFECT = "known_defect(meaning): the test asserts a known defect; reports show a pass as this sentence."

_OBSERVER = pytest.StashKey[Observer]()


@pytest.hookimpl(hookwrapper=True, tryfirst=True)  # before pytest-xdist and others act on their options
def pytest_cmdline_main(config: pytest.Config) -> Iterator[None]:
    """Run every test, whatever the suite's settings say."""
    neutralise(config)
    yield


@pytest.hookimpl(trylast=True)  # once pytest can report failures
def pytest_configure(config: pytest.Config) -> None:
    """Import torch before any test does, and start recording."""
    faulthandler.enable()  # on a crash, or SIGABRT sent to a hanging process, print the Python stack
    neutralise(config)  # again: a conftest may have set them
    config.addinivalue_line("markers", KNOWN_DEFECT)
    describe.set_suite(config.rootpath)
    events, done = Events.from_environment(), Done.from_environment()
    import_torch(events)
    config.stash[_OBSERVER] = observer = Observer(events, done)
    config.pluginmanager.register(Recorder(events, observer, done))


@pytest.fixture
def observe(request: pytest.FixtureRequest) -> Observer:
    """Record named blocks of a test as observations: see `Observer`."""
    return request.config.stash[_OBSERVER]


@pytest.fixture
def phase(observe: Observer) -> Callable[[str], None]:
    """Set the phase of the test from here on: ``phase("compiling")``."""

    def enter(name: str) -> None:
        observe.phase = str(name)

    return enter


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the observations when the suite is run by hand."""
    summary = config.stash[_OBSERVER].summary
    if summary:
        terminalreporter.section("observations")
    for name, outcome in summary:
        terminalreporter.write_line(f"{name:<27} {outcome}")
