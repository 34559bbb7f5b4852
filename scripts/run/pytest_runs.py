"""Run a suite in a cell's environment. Each pytest process reports through a file of events."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import secrets
import tempfile
import time
from pathlib import Path

from scripts.config.suite import Suite
from scripts.core import environment, processes
from scripts.run import events, harness, owners
from scripts.run.events import Event, Finished, ImportFailed, Read, Started
from scripts.run.harness import Harness
from scripts.run.session import AbortedTest, End, Session

#: Characters of the output kept to explain a failure.
_TAIL = 200_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class SuiteReport:
    """Everything that the tests of one cell reported, from all pytest processes."""

    events: tuple[Event, ...] = ()
    aborted: tuple[AbortedTest, ...] = ()
    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    seconds: float = 0.0
    output: str = ""

    @property
    def started(self) -> Started | None:
        """The event of the import of torch, or None."""
        return next((event for event in self.events if isinstance(event, Started)), None)

    @property
    def import_failed(self) -> ImportFailed | None:
        """The event of a failed import of torch, or None."""
        return next((event for event in self.events if isinstance(event, ImportFailed)), None)

    @property
    def finished(self) -> Finished | None:
        """The event of the end of pytest if one process ran all tests, else None."""
        return next((event for event in self.events if isinstance(event, Finished) and not self.aborted), None)


def run(python: Path, suite: Suite, *, log: Path, gpu: bool, wheel: Path | None = None) -> SuiteReport:
    """Run every test of a suite; ``wheel`` is the library's if the suite is a project.

    After a crash or a timeout the remaining tests run in a new process, without those started before.
    """
    started = time.monotonic()
    session, output = Session(), ""
    with tempfile.TemporaryDirectory(prefix=f"{owners.TEMPORARY}{owners.me()}-", ignore_cleanup_errors=True) as scratch:
        work = Path(scratch, "work")
        work.mkdir()
        tests = harness.of_suite(suite, Path(scratch), wheel)
        while not session.over:
            read, finished = _one_process(python, suite, tests, session, Path(scratch), log=log, gpu=gpu)
            output = (output + finished.output)[-_TAIL:]
            end = End(returncode=finished.returncode, timed_out=finished.timed_out, signal_name=finished.signal_name)
            session = session.after(read, end)
    return SuiteReport(
        events=session.events,
        aborted=session.aborted,
        missing=session.missing,
        problems=session.problems,
        seconds=time.monotonic() - started,
        output=output,
    )


def _one_process(
    python: Path,
    suite: Suite,
    tests: Harness,
    session: Session,
    scratch: Path,
    *,
    log: Path,
    gpu: bool,
) -> tuple[Read, processes.Finished]:
    """Run pytest once, with a timeout that every event renews."""
    token = secrets.token_hex(16)
    events_file = scratch / f"events-{secrets.token_hex(8)}.jsonl"
    events_file.touch()
    done = scratch / "done.json"
    deselected = suite.project.table.deselect if suite.project else ()
    content = {"tests": session.done, "lost": session.aborted_observations, "deselected": deselected}
    done.write_text(json.dumps({name: sorted(values) for name, values in content.items()}))
    limits = suite.limits
    timeout = _EventTimeout(events_file, startup_deadline=time.monotonic() + limits.startup, seconds=limits.probe)
    recorder = {"MATRIX_EVENTS": str(events_file), "MATRIX_TOKEN": token, "MATRIX_DONE": str(done)}
    plugins = {} if suite.plugins else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    finished = processes.run(
        tests.command(python),
        log=log,
        env={
            **environment.cell(python, scratch / "work", gpu=gpu, declared=suite.env),
            **tests.env,
            **recorder,
            **plugins,
        },
        timeout=limits.startup,
        cwd=tests.folder,
        deadline=timeout.deadline,
    )
    return read_events(events_file, token), finished


class _EventTimeout:
    """Deadline of a pytest process: one for the start, renewed with each event once tests run."""

    def __init__(self, events: Path, *, startup_deadline: float, seconds: float) -> None:
        self._events, self._seconds = events, seconds
        self._deadline = startup_deadline
        self._size = 0
        self._testing = False

    def deadline(self) -> float:
        with contextlib.suppress(OSError):  # a test can delete the file
            size = self._events.stat().st_size
            if size != self._size:
                self._size = size
                self._testing = self._testing or b'"test-started"' in _content(self._events)
                if self._testing:
                    self._deadline = time.monotonic() + self._seconds
        return self._deadline


def read_events(path: Path, token: str = "") -> Read:
    """Return the events of one process; none, with a problem, if a test deleted or replaced the file."""
    try:
        return events.parse(_content(path), token)
    except OSError as error:
        return Read(problems=(f"the events cannot be read: {error}",))


def _content(path: Path) -> bytes:
    if not path.is_file():  # reading a pipe would block
        raise OSError("no longer a file")
    with path.open("rb") as file:
        return file.read(events.LONGEST_FILE)
