"""Fold the reports of the pytest processes that run one suite in one cell. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Final, Literal

from scripts.run import events
from scripts.run.events import Collected, Event, Observed, Observing, Read, TestFinished, TestStarted

#: Message for a test whose process was killed from outside, for example by the kernel out of memory.
KILLED: Final = "killed from outside (out of memory?)"

#: Processes beyond one for each test, for those that were killed or ended before their first test.
_EXTRA: Final = 3

Abort = Literal["crashed", "timed-out", "killed"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AbortedTest:
    """A test that ended its process, or whose process was killed."""

    test: str | None  # None: before the first test began
    observation: str | None
    outcome: Abort
    message: str
    exit: int | None = None  # exit code of the process, if it exited


@dataclasses.dataclass(frozen=True, kw_only=True)
class End:
    """End of a process."""

    returncode: int
    timed_out: bool = False
    signal_name: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Session:
    """Reports of the processes so far. Tests in ``done`` are not run again."""

    events: tuple[Event, ...] = ()
    problems: tuple[str, ...] = ()
    aborted: tuple[AbortedTest, ...] = ()
    done: frozenset[str] = frozenset()
    killed: frozenset[str | None] = frozenset()  # killed once: these are retried
    processes: int = 0
    stalled: int = 0  # consecutive processes that started no test
    expected: int = 0  # number of tests that the first process collected
    lacks_verdicts: bool = False
    over: bool = False

    def after(self, read: Read, end: End) -> Session:
        """Return the session with the report of one more process."""
        abort = _abort(read, end)
        retried = abort if abort and abort.outcome == "killed" and abort.test not in self.killed else None
        started = {event.test for event in read.events if isinstance(event, TestStarted)}
        new = list(read.events)
        if retried:  # its unfinished events are dropped, since the retry reports them again
            started.discard(retried.test or "")
            new = [event for event in new if not _is_unfinished(event, retried.test)]
        session = dataclasses.replace(
            self,
            events=(*self.events, *_without_known(new, self.events)),
            problems=(*self.problems, *read.problems),
            aborted=self.aborted if retried or abort is None else (*self.aborted, abort),
            done=self.done | started,
            killed=self.killed | ({retried.test} if retried else set()),
            processes=self.processes + 1,
            stalled=0 if started else self.stalled + 1,
            lacks_verdicts=self.lacks_verdicts or read.lacks_verdicts,
        )
        if not self.processes:
            session = dataclasses.replace(session, expected=len(session.collected))
        return dataclasses.replace(session, over=_is_over(session, read, abort, retry=retried is not None))

    @property
    def collected(self) -> tuple[str, ...]:
        """Every collected test, in the order of the suite."""
        tests = (test for event in self.events if isinstance(event, Collected) for test in event.tests)
        return tuple(dict.fromkeys(tests))

    @property
    def aborted_observations(self) -> frozenset[str]:
        """Observations during which a process ended."""
        return frozenset(abort.observation for abort in self.aborted if abort.observation)

    @property
    def missing(self) -> tuple[str, ...]:
        """Collected tests without a verdict, or with fewer reported observations than they made."""
        return tuple(_missing(self))


def _is_over(session: Session, read: Read, abort: AbortedTest | None, *, retry: bool) -> bool:
    """Return whether another process cannot report anything new."""
    if read.import_failed is not None or session.processes > session.expected + _EXTRA:
        return True
    if retry:
        return False
    if not session.done and abort is not None:  # no test was ever started
        return True
    remaining = [test for test in session.collected if test not in session.done]
    return not remaining or session.stalled > 1 or (abort is None and session.stalled > 0)


def _missing(session: Session) -> Iterator[str]:
    verdicts = {event.test: event.observed for event in session.events if isinstance(event, TestFinished)}
    aborted = {abort.test for abort in session.aborted}
    reported: dict[str | None, int] = {}
    for event in session.events:
        if isinstance(event, Observed):
            reported[event.test] = reported.get(event.test, 0) + 1
    started = [event.test for event in session.events if isinstance(event, TestStarted)]
    for test in dict.fromkeys((*session.collected, *started)):
        if test not in verdicts and test not in aborted:
            yield test
    yield from (test for test, observed in verdicts.items() if reported.get(test, 0) < observed)
    if any(_is_of_test(event) for event in session.events) and not any(
        isinstance(event, Collected) for event in session.events
    ):
        yield "the list of tests"
    if session.lacks_verdicts:
        yield "verdicts that were written"


def _is_of_test(event: Event) -> bool:
    """Return whether an event occurs only after collection; a whole file can be skipped before."""
    whole_file = isinstance(event, TestFinished) and "::" not in event.test
    return isinstance(event, TestStarted | TestFinished | Observing | Observed) and not whole_file


def _without_known(new: list[Event], known: tuple[Event, ...]) -> Iterator[Event]:
    """Yield new events without verdicts and observations already known; every process collects all files again."""
    keys = {events.key(event) for event in known}
    yield from (event for event in new if not events.key(event)[0] or events.key(event) not in keys)


def _is_unfinished(event: Event, test: str | None) -> bool:
    """Return whether an event belongs to an unfinished test."""
    return isinstance(event, TestStarted | Observing | Observed) and event.test == test


def _abort(read: Read, end: End) -> AbortedTest | None:
    """Return the test during which a process ended, or None if pytest finished."""
    test = observation = None
    for event in read.events:
        match event:
            case TestStarted():
                test, observation = event.test, None
            case Observing():
                observation = event.name
            case Observed():
                observation = None
            case TestFinished():
                test = None
            case _:
                pass
    if (read.finished or read.import_failed) and not end.timed_out:
        return None
    outcome: Abort = "crashed"
    exit_code = None
    if end.timed_out:
        outcome, message = "timed-out", "no sign of life within the limit"
    elif end.signal_name == "SIGKILL":
        outcome, message = "killed", KILLED
    elif end.signal_name:
        message = f"crashed by {end.signal_name}"
    else:
        message, exit_code = f"ended with exit code {end.returncode}", end.returncode
    return AbortedTest(test=test, observation=observation, outcome=outcome, message=message, exit=exit_code)
