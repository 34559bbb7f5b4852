"""The processes of pytest that it takes to run one suite in one cell, as a fold over what each reported. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Final, Literal

from scripts.run import events
from scripts.run.events import Collected, Event, Observed, Observing, Read, TestFinished, TestStarted

#: The outcome of a test whose process somebody else killed: the kernel out of memory, say.
KILLED: Final = "killed from outside (out of memory?)"

#: Processes beyond one for each test: each can be killed, or die before its first test, once more.
_EXTRA: Final = 3

Abort = Literal["crashed", "timed-out", "killed"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AbortedTest:
    """A test that ended its process, or had to be ended."""

    test: str | None  # None: before the first test began
    observation: str | None
    outcome: Abort
    message: str
    exit: int | None = None  # the exit code, where there is one


@dataclasses.dataclass(frozen=True, kw_only=True)
class End:
    """How a process ended."""

    returncode: int
    timed_out: bool = False
    signal_name: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Session:
    """All that the processes so far reported. ``done`` is not to be run again."""

    events: tuple[Event, ...] = ()
    problems: tuple[str, ...] = ()
    aborted: tuple[AbortedTest, ...] = ()
    done: frozenset[str] = frozenset()
    killed: frozenset[str | None] = frozenset()  # these were killed once, and are tried once more
    processes: int = 0
    stalled: int = 0  # processes in a row that began no test
    expected: int = 0  # tests that the first process collected
    lacks_verdicts: bool = False
    over: bool = False

    def after(self, read: Read, end: End) -> Session:
        """Return the session with one more process."""
        abort = _abort(read, end)
        again = abort is not None and abort.outcome == "killed" and abort.test not in self.killed
        begun = {event.test for event in read.events if isinstance(event, TestStarted)}
        if again and abort is not None:
            begun.discard(abort.test or "")
        # What a process left half done and does again comes to nothing the first time.
        kept = [event for event in read.events if not (again and abort is not None and _belongs(event, abort.test))]
        session = dataclasses.replace(
            self,
            events=(*self.events, *_without_known(kept, self.events)),
            problems=(*self.problems, *read.problems),
            aborted=self.aborted if again or abort is None else (*self.aborted, abort),
            done=self.done | begun,
            killed=self.killed | ({abort.test} if again and abort is not None else set()),
            processes=self.processes + 1,
            stalled=0 if begun else self.stalled + 1,
            lacks_verdicts=self.lacks_verdicts or read.lacks_verdicts,
        )
        if not self.processes:
            session = dataclasses.replace(session, expected=len(session.collected))
        return dataclasses.replace(session, over=_is_over(session, read, abort, again=again))

    @property
    def collected(self) -> tuple[str, ...]:
        """Every test that a process collected, in their order."""
        tests = (test for event in self.events if isinstance(event, Collected) for test in event.tests)
        return tuple(dict.fromkeys(tests))

    @property
    def aborted_observations(self) -> frozenset[str]:
        """Observations that ended their process."""
        return frozenset(abort.observation for abort in self.aborted if abort.observation)

    @property
    def missing(self) -> tuple[str, ...]:
        """Collected tests without a verdict, or with fewer observations than they made."""
        return tuple(_missing(self))


def _is_over(session: Session, read: Read, abort: AbortedTest | None, *, again: bool) -> bool:
    """Whether another process would bring nothing."""
    if read.import_failed is not None or session.processes > session.expected + _EXTRA:
        return True
    if again:
        return False
    if not session.done and abort is not None:  # it never came to a test
        return True
    left = [test for test in session.collected if test not in session.done]
    return not left or session.stalled > 1 or (abort is None and session.stalled > 0)


def _missing(session: Session) -> Iterator[str]:
    verdicts = {event.test: event.observed for event in session.events if isinstance(event, TestFinished)}
    aborted = {abort.test for abort in session.aborted}
    made: dict[str | None, int] = {}
    for event in session.events:
        if isinstance(event, Observed):
            made[event.test] = made.get(event.test, 0) + 1
    begun = [event.test for event in session.events if isinstance(event, TestStarted)]
    for test in dict.fromkeys((*session.collected, *begun)):
        if test not in verdicts and test not in aborted:
            yield test
    yield from (test for test, observed in verdicts.items() if made.get(test, 0) < observed)
    if any(_is_of_test(event) for event in session.events) and not any(
        isinstance(event, Collected) for event in session.events
    ):
        yield "the list of tests"
    if session.lacks_verdicts:
        yield "verdicts that were written"


def _is_of_test(event: Event) -> bool:
    """Whether an event can come only after collecting; a whole file can be skipped before."""
    whole_file = isinstance(event, TestFinished) and "::" not in event.test
    return isinstance(event, TestStarted | TestFinished | Observing | Observed) and not whole_file


def _without_known(new: list[Event], known: tuple[Event, ...]) -> Iterator[Event]:
    """Each verdict and observation counts once, whichever process made it; a file is collected by each of them."""
    keys = {events.key(event) for event in known}
    yield from (event for event in new if not events.key(event)[0] or events.key(event) not in keys)


def _belongs(event: Event, test: str | None) -> bool:
    """Whether an event is of a test that is tried once more; before the first test there is none that counts."""
    return isinstance(event, TestStarted | Observing | Observed) and event.test == test


def _abort(read: Read, end: End) -> AbortedTest | None:
    """Return what a process took with it when it ended before its time, None where it came to its end."""
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
