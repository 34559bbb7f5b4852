"""The `observe` fixture, which records named blocks of a test."""

from __future__ import annotations

import contextlib
import time
import warnings
from typing import Any, Iterator

import pytest

from . import describe
from .events import Done, Events

#: These end the whole run and are raised again: Ctrl-C, and `pytest.exit`.
_ENDING = (KeyboardInterrupt, pytest.exit.Exception)


class Blocked(Exception):  # noqa: N818 - not an error
    """An observation that this one depends on failed."""

    def __init__(self, by: str) -> None:
        super().__init__(f"blocked by {by}")
        self.by = by


class Observer:
    """Records observations of the running test.

    Exceptions and warnings of the block are recorded, and the test continues after it::

        def test_script(observe):
            with observe("script", phase="compiling"):
                torch.jit.script(model)
    """

    def __init__(self, events: Events, done: Done) -> None:
        self._events = events
        self._aborted = done.aborted
        #: Number of observations of the running test.
        self.made = 0
        #: The running test and its phase.
        self.test: str | None = None
        self.phase: str | None = None
        self._noted: str | None = None
        #: Files in which warnings were raised.
        self.warned_in: set[str] = set()
        #: Name and outcome of each observation, for the terminal summary.
        self.summary: list[tuple[str, str]] = []

    @contextlib.contextmanager
    def __call__(self, name: str, *, phase: str | None = None) -> Iterator[None]:
        """Record the outcome of a block (returned, raised, blocked or skipped) with all its warnings."""
        _check_name(name)
        if name in dict(self.summary):
            raise ValueError(f"there is already an observation named {name!r}")
        self.phase = str(phase) if phase else self.phase
        self._events.write("observing", test=self.test, name=name)
        self._noted = None
        failure: BaseException | None = None
        started = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                yield
            except BaseException as error:  # noqa: BLE001 - SystemExit is an outcome too
                failure = error
        seconds = round(time.perf_counter() - started, 6)
        self.warned_in.update(warning.filename for warning in caught or [])
        outcome = _outcome(failure, self._noted)
        fields = {**outcome, "warnings": describe.warned(caught or []), "seconds": seconds}
        if self.phase:
            fields["phase"] = self.phase
        self.made += 1
        self._events.write("observed", test=self.test, name=name, **fields)
        self.summary.append((name, _one_line(fields)))
        if isinstance(failure, _ENDING):
            raise failure

    def note(self, text: object) -> None:
        """Record a text with the running observation if it returns, such as a digest of what it computed.

        It is compared between releases as messages are, and so normalised as they are: write no path or address.
        """
        if not isinstance(text, str) or not text.strip():
            raise TypeError(f"a note must be a non-empty string, not {text!r}")
        self._noted = describe.cut(text)

    @contextlib.contextmanager
    def needs(self, name: str) -> Iterator[None]:
        """Repeat the steps of the observation ``name``, on which this one depends; if they fail, it is blocked.

        They are not repeated if they ended an earlier process: one crash must not cause another. Their warnings are
        ignored, since they belong to the other observation.
        """
        if name in self._aborted:
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
        raise TypeError(f"the name of an observation must be a non-empty string, not {name!r}")


def _outcome(failure: BaseException | None, noted: str | None) -> dict[str, Any]:
    if failure is None:
        return {"outcome": "returned", **({"message": noted} if noted else {})}
    if isinstance(failure, Blocked):
        return {"outcome": "blocked", "blocked_by": failure.by}
    if isinstance(failure, pytest.skip.Exception):
        return {"outcome": "skipped", "why": describe.cut(str(failure))}
    return {"outcome": "raised", **describe.raised(failure)}


def _one_line(fields: dict[str, Any]) -> str:
    """Return an outcome as one line for the terminal."""
    if fields["outcome"] != "raised":
        details = [fields.get("blocked_by"), fields.get("why"), fields.get("message")]
        return " ".join(filter(None, [fields["outcome"], *details]))
    first_line = fields["message"].strip().split("\n", 1)[0]
    return "raised {}: {}".format(fields["exception"], first_line[:100])
