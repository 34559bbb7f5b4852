"""Running the probes in a cell's environment. Their only contract with the engine is a file of events."""

from __future__ import annotations

import dataclasses
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts import process
from scripts.matrix.config import Limits
from scripts.running import harness
from scripts.running.harness import Harness

Event = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lost:
    """A probe that ended its process, or had to be ended."""

    test: str | None  # None: before the first probe began
    observation: str | None
    outcome: str  # "crashed" or "timed-out"
    message: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seen:
    """All that the probes of one cell reported, over as many processes as it took."""

    events: tuple[Event, ...]
    lost: tuple[Lost, ...]
    seconds: float
    output: str

    def first(self, name: str) -> Event | None:
        """The first event of a name."""
        return next((event for event in self.events if event["event"] == name), None)


def run(python: Path, folder: Path, *, limits: Limits, log: Path, gpu: bool) -> Seen:
    """Run every probe of ``folder``; one that crashes or hangs costs itself only.

    After a crash or a hang the others go on in a new process, which leaves out what was begun before.
    """
    started = time.monotonic()
    lost: list[Lost] = []
    output = ""
    with tempfile.TemporaryDirectory(prefix="cell-") as scratch:
        events_file, done_file = Path(scratch, "events.jsonl"), Path(scratch, "done.txt")
        events_file.touch()
        work = Path(scratch, "work")
        work.mkdir()
        tests = harness.prepare(folder, Path(scratch))
        while True:
            before = len(read_events(events_file))
            finished = _one_process(python, tests, events_file, done_file, work, limits=limits, log=log, gpu=gpu)
            output += finished.output
            fresh = read_events(events_file)[before:]
            if any(event["event"] in {"finished", "import-failed"} for event in fresh):
                break
            loss = _loss(fresh, finished)
            lost.append(loss)
            if loss.test is None:
                break
            begun = [event["test"] for event in read_events(events_file) if event["event"] == "test-started"]
            done_file.write_text("".join(f"{test}\n" for test in begun), encoding="utf-8")
        events = tuple(read_events(events_file))
    return Seen(events=events, lost=tuple(lost), seconds=time.monotonic() - started, output=output)


def _one_process(
    python: Path, tests: Harness, events: Path, done: Path, work: Path, *, limits: Limits, log: Path, gpu: bool
) -> process.Finished:
    """One start of pytest, with a limit that moves on with every event."""
    began = time.monotonic()
    watch = _Watch(events, startup=began + limits.startup, probe=limits.probe)
    return process.run(
        [python, "-m", "pytest", *tests.arguments],
        log=log,
        env={**_environment(events, done, work, gpu=gpu), **tests.environment},
        timeout=limits.startup,
        cwd=work,
        deadline=watch.deadline,
    )


class _Watch:
    """The time at which to give up on a process: so long for the start, then so long for each sign of life."""

    def __init__(self, events: Path, *, startup: float, probe: float) -> None:
        self._events, self._probe = events, probe
        self._limit = startup
        self._size = events.stat().st_size

    def deadline(self) -> float:
        size = self._events.stat().st_size
        if size != self._size:
            self._size = size
            if b'"test-started"' in self._events.read_bytes():
                self._limit = time.monotonic() + self._probe
        return self._limit


def _environment(events: Path, done: Path, work: Path, *, gpu: bool) -> dict[str, str]:
    """Closed off: no user site, no plug-ins, no GPU unless asked for, no language but English."""
    return process.clean_environment(
        MATRIX_EVENTS=str(events),
        MATRIX_DONE=str(done),
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
        PYTHONNOUSERSITE="1",
        PYTHONFAULTHANDLER="1",
        PYTHONIOENCODING="utf-8",
        PYTHONWARNINGS="default",
        HOME=str(work),
        TMPDIR=str(work),
        **({} if gpu else {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "ROCR_VISIBLE_DEVICES": ""}),
    )


def read_events(path: Path) -> list[Event]:
    """The whole lines of an events file; a process that was killed may have left half a one."""
    events: list[Event] = []
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and isinstance(event.get("event"), str):
            events.append(event)
    return events


def _loss(events: Sequence[Event], finished: process.Finished) -> Lost:
    """What a process took with it when it ended before its time."""
    test = observation = None
    for event in events:
        match event["event"]:
            case "test-started":
                test, observation = event["test"], None
            case "observing":
                observation = event["name"]
            case "observed":
                observation = None
            case "test-finished":
                test = None
            case _:
                pass
    if finished.timed_out:
        outcome, message = "timed-out", "no sign of life within the limit"
    elif finished.signal_name:
        outcome, message = "crashed", f"crashed by {finished.signal_name}"
    else:
        outcome, message = "crashed", f"ended with exit code {finished.returncode}"
    return Lost(test=test, observation=observation, outcome=outcome, message=message)
