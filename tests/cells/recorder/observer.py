"""The `observe` fixture: one named thing that a probe saw."""

from __future__ import annotations

import contextlib
import time
import warnings
from typing import Any, Iterator

import pytest

from . import describe
from .events import Done, Events

#: They end the whole run, so they aren't kept from it: Ctrl-C, and `pytest.exit`.
_ENDING = (KeyboardInterrupt, pytest.exit.Exception)


class Blocked(Exception):  # noqa: N818 - it is no error of anybody
    """What an observation stands on failed, so that there is nothing to observe."""

    def __init__(self, by: str) -> None:
        super().__init__(f"blocked by {by}")
        self.by = by


class Observer:
    """Makes observations, in the test that is running.

    Whatever the block raises or warns is recorded, and the test goes on after it::

        def test_script(observe):
            with observe("script", phase="compiling"):
                torch.jit.script(model)
    """

    def __init__(self, events: Events, done: Done) -> None:
        self._events = events
        self._lost = done.lost
        #: How many observations the running test has made.
        self.made = 0
        #: The test that is running, and what it is doing just now.
        self.test: str | None = None
        self.phase: str | None = None
        #: The files that warnings named.
        self.warned_in: set[str] = set()
        #: Name, and what came of it, for people who look at the terminal.
        self.summary: list[tuple[str, str]] = []

    @contextlib.contextmanager
    def __call__(self, name: str, *, phase: str | None = None) -> Iterator[None]:
        """Record what comes of a block: it returns, raises, is blocked or skipped; with all its warnings."""
        _check_name(name)
        if name in dict(self.summary):
            raise ValueError(f"there is an observation named {name!r} already")
        self.phase = str(phase) if phase else self.phase
        self._events.write("observing", test=self.test, name=name)
        failure: BaseException | None = None
        started = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                yield
            except BaseException as error:  # noqa: BLE001 - SystemExit, too, is something that was seen
                failure = error
        seconds = round(time.perf_counter() - started, 6)
        self.warned_in.update(one.filename for one in caught or [])
        seen = {**_outcome(failure), "warnings": describe.warned(caught or []), "seconds": seconds}
        if self.phase:
            seen["phase"] = self.phase
        self.made += 1
        self._events.write("observed", test=self.test, name=name, **seen)
        self.summary.append((name, _in_short(seen)))
        if isinstance(failure, _ENDING):
            raise failure

    @contextlib.contextmanager
    def needs(self, name: str) -> Iterator[None]:
        """Do again what the observation ``name`` did, to go on from there; if that fails, this one is blocked.

        Not even tried if it took a process along before: one crash is not to become several. Its warnings are
        left out, for they belong to that other observation.
        """
        if name in self._lost:
            raise Blocked(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                yield
            except (*_ENDING, pytest.skip.Exception):
                raise
            except BaseException as error:
                raise Blocked(name) from error


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise TypeError(f"the name of an observation must be a string with something in it, not {name!r}")


def _outcome(failure: BaseException | None) -> dict[str, Any]:
    if failure is None:
        return {"outcome": "returned"}
    if isinstance(failure, Blocked):
        return {"outcome": "blocked", "blocked_by": failure.by}
    if isinstance(failure, pytest.skip.Exception):
        return {"outcome": "skipped", "why": describe.cut(str(failure))}
    return {"outcome": "raised", **describe.raised(failure)}


def _in_short(seen: dict[str, Any]) -> str:
    """One line for the terminal."""
    if seen["outcome"] != "raised":
        return " ".join(filter(None, [seen["outcome"], seen.get("blocked_by"), seen.get("why")]))
    first_line = seen["message"].strip().split("\n", 1)[0]
    return "raised {}: {}".format(seen["exception"], first_line[:100])
