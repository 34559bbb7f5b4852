"""From pytest's hooks to events: which tests there are, each one's start, verdict and warnings, and the end."""

from __future__ import annotations

import time
import warnings
from typing import Any, Iterator

import pytest

from . import describe
from .events import Done, Events, encodable
from .observer import Observer

#: The run came to its end, whatever the verdicts. Any other exit code means that tests were left over.
_COMPLETE = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)


class Recorder:
    """Writes an event for all that happens to a test."""

    def __init__(self, events: Events, observer: Observer, done: Done) -> None:
        self._events = events
        self._observer = observer
        self._done = done
        self._verdicts = 0
        self._broken_off = False
        self._verdict: dict[str, Any] | None = None
        self._warnings: list[warnings.WarningMessage] = []

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out what an earlier process of this cell has begun."""
        begun = [encodable(item.nodeid) in self._done.tests for item in items]
        config.hook.pytest_deselected(items=[item for item, done in zip(items, begun) if done])
        items[:] = [item for item, done in zip(items, begun) if not done]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell which tests will be run."""
        self._events.write("collected", tests=[item.nodeid for item in session.items])

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tell of a file that can't be collected, or skips itself; the others are run all the same."""
        if report.failed:
            self._events.write("collection-failed", test=report.nodeid, message=describe.cut(report.longreprtext))
        elif report.skipped:
            self._finished(report.nodeid, seconds=0.0, **_skipped(report))

    # The outermost wrapper of all, since pytest hands out a test's warnings when its own wrappers are through.
    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """One test from its start to its verdict."""
        self._observer.test, self._observer.phase = item.nodeid, None
        self._begin()
        self._events.write("test-started", test=item.nodeid)
        started = time.perf_counter()
        result: Any = yield
        seconds = round(time.perf_counter() - started, 6)
        if result.excinfo is not None:
            self._broken_off = True
        elif self._verdict is not None:  # else some plugin ran it out of sight
            self._finished(item.nodeid, **self._seen(self._verdict), seconds=seconds, observed=self._observer.made)

    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage, when: str) -> None:
        """Keep what a test warned outside its observations."""
        self._observer.warned_in.add(warning_message.filename)
        if when == "runtest":
            self._warnings.append(warning_message)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Iterator[None]:
        """The verdict, as pytest sees it; a failure before or after the test itself is called an error."""
        result: Any = yield
        report: pytest.TestReport = result.get_result()
        if report.skipped:
            self._verdict = _skipped(report)
        elif report.failed:
            self._verdict = {"outcome": "failed" if report.when == "call" else "error", **_failure(call, report)}
        elif report.when == "call" and self._verdict is None:
            self._verdict = {"outcome": "passed"}

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """The end, which a run that was broken off never reaches."""
        if exitstatus in _COMPLETE and not self._broken_off:
            warned_in = sorted(self._observer.warned_in)
            self._events.write("finished", exit=int(exitstatus), tests=self._verdicts, warned_in=warned_in)

    def _begin(self) -> None:
        self._observer.made = 0
        self._verdict, self._warnings = None, []

    def _finished(self, test: str, **seen: Any) -> None:
        self._verdicts += 1
        self._events.write("test-finished", test=test, **seen)

    def _seen(self, verdict: dict[str, Any]) -> dict[str, Any]:
        """The verdict of the test that ends, with its phase and warnings."""
        phase = {"phase": self._observer.phase} if self._observer.phase else {}
        return {**verdict, **phase, "warnings": describe.warned(self._warnings)}


def _failure(call: pytest.CallInfo[None], report: pytest.TestReport) -> dict[str, Any]:
    """What was raised. Where pytest itself judged, as of a strict expected failure that passed, only its text."""
    if call.excinfo is None:
        return {"message": describe.cut(report.longreprtext)}
    return describe.raised(call.excinfo.value)


def _skipped(report: Any) -> dict[str, Any]:
    """A skip or an expected failure, with its reason."""
    reason = getattr(report, "wasxfail", None)
    if reason is None:
        # (file, line, "Skipped: reason")
        *_, reason = report.longrepr if isinstance(report.longrepr, tuple) else (report.longreprtext,)
        reason = str(reason).split("Skipped: ", 1)[-1]
    return {"outcome": "skipped", "message": describe.cut(reason)}
