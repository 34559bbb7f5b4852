"""pytest hooks that record the collected tests, the start, verdict and warnings of each, and the end."""

from __future__ import annotations

import time
import warnings
from typing import Any, Iterator

import pytest

from . import describe
from .events import Done, Events, encodable
from .observer import Observer

#: Exit codes of a complete run, whatever the verdicts. After any other one, tests are missing.
_COMPLETE = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)


class Recorder:
    """Writes the events of tests."""

    def __init__(self, events: Events, observer: Observer, done: Done) -> None:
        self._events = events
        self._observer = observer
        self._done = done
        self._verdicts = 0
        self._interrupted = False
        self._verdict: dict[str, Any] | None = None
        self._warnings: list[warnings.WarningMessage] = []

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Deselect tests that have run or that the suite deselects, and check the marker known_defect."""
        for item in items:
            _known_defect(item)
        excluded = [self._done.excludes(encodable(item.nodeid)) for item in items]
        config.hook.pytest_deselected(items=[item for item, done in zip(items, excluded) if done])
        items[:] = [item for item, done in zip(items, excluded) if not done]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Record the collected tests."""
        self._events.write("collected", tests=[item.nodeid for item in session.items])

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Record a file that cannot be collected, or that skips itself; the other files still run."""
        if report.failed:
            self._events.write("collection-failed", test=report.nodeid, message=describe.cut(report.longreprtext))
        elif report.skipped:
            self._finished(report.nodeid, seconds=0.0, **_skipped(report))

    # The outermost wrapper: pytest reports the warnings of a test after its own wrappers.
    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Record a test from its start to its verdict."""
        self._observer.test, self._observer.phase = item.nodeid, None
        self._begin()
        self._events.write("test-started", test=item.nodeid)
        started = time.perf_counter()
        result: Any = yield
        seconds = round(time.perf_counter() - started, 6)
        if result.excinfo is not None:
            self._interrupted = True
        elif self._verdict is not None:  # without a verdict, a plugin ran it elsewhere
            details = {**self._details(self._verdict), **_known_defect(item)}
            self._finished(item.nodeid, **details, seconds=seconds, observed=self._observer.made)

    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage, when: str) -> None:
        """Collect the warnings of a test outside its observations."""
        self._observer.warned_in.add(warning_message.filename)
        if when == "runtest":
            self._warnings.append(warning_message)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Iterator[None]:
        """Record pytest's verdict; a failure in setup or teardown is an error."""
        result: Any = yield
        report: pytest.TestReport = result.get_result()
        if report.skipped:
            self._verdict = _skipped(report)
        elif report.failed:
            self._verdict = {"outcome": "failed" if report.when == "call" else "error", **_failure(call, report)}
        elif report.when == "call" and self._verdict is None:
            self._verdict = {"outcome": "passed"}

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Record the end of a run that was not interrupted."""
        if exitstatus in _COMPLETE and not self._interrupted:
            warned_in = sorted(self._observer.warned_in)
            self._events.write("finished", exit=int(exitstatus), tests=self._verdicts, warned_in=warned_in)

    def _begin(self) -> None:
        self._observer.made = 0
        self._verdict, self._warnings = None, []

    def _finished(self, test: str, **fields: Any) -> None:
        self._verdicts += 1
        self._events.write("test-finished", test=test, **fields)

    def _details(self, verdict: dict[str, Any]) -> dict[str, Any]:
        """Return the verdict of the ending test with its phase and warnings."""
        phase = {"phase": self._observer.phase} if self._observer.phase else {}
        return {**verdict, **phase, "warnings": describe.warned(self._warnings)}


def _known_defect(item: pytest.Item) -> dict[str, str]:
    """Return the sentence of a test's marker ``known_defect``, if it has one."""
    marker = item.get_closest_marker("known_defect")
    if marker is None:
        return {}
    sentence = marker.args[0] if len(marker.args) == 1 and not marker.kwargs else None
    if not isinstance(sentence, str) or not sentence.strip():
        example = '@pytest.mark.known_defect("saving fails as upstream expects")'
        raise pytest.UsageError(f"{item.nodeid}: the marker known_defect takes one sentence: {example}")
    return {"known_defect": describe.cut(" ".join(sentence.split()))}


def _failure(call: pytest.CallInfo[None], report: pytest.TestReport) -> dict[str, Any]:
    """Return the exception; only pytest's text if there is none, as for a strict xfail that passed."""
    if call.excinfo is None:
        return {"message": describe.cut(report.longreprtext)}
    return describe.raised(call.excinfo.value)


def _skipped(report: Any) -> dict[str, Any]:
    """Return the verdict of a skip or an expected failure, with its reason."""
    reason = getattr(report, "wasxfail", None)
    if reason is None:
        # (file, line, "Skipped: reason")
        *_, reason = report.longrepr if isinstance(report.longrepr, tuple) else (report.longreprtext,)
        reason = str(reason).split("Skipped: ", 1)[-1]
    return {"outcome": "skipped", "message": describe.cut(reason)}
