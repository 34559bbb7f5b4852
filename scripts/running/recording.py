"""From what the probes reported to a record. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from packaging.version import Version

from scripts.matrix.cells import Cell
from scripts.results import signature
from scripts.results.records import CellKey, Frame, FreshRecord, Observation, Reason, Run, Test, Torch, Warned, Wheel
from scripts.running.failures import CellError
from scripts.running.locks import Lock, LockedWheel, public
from scripts.running.probes import Event, Lost, Seen


def unavailable(cell: Cell, platform: str, error: CellError, run: Run, lock: Lock | None) -> FreshRecord:
    """The record of a cell whose probes never ran."""
    return FreshRecord(
        cell=CellKey(torch=cell.torch, build=cell.build, python=cell.python, platform=platform),
        status=error.status,
        reason=error.reason,
        wheel=_wheel(lock) if lock else None,
        run=run,
    )


def recorded(cell: Cell, platform: str, lock: Lock, seen: Seen, run: Run) -> FreshRecord:
    """The record of a cell whose probes were started.

    Raises:
        CellError: torch couldn't be imported, or not even that came about.
    """
    started = seen.first("started")
    if started is None:
        raise _not_started(seen)
    torch = started["torch"]
    if public(torch["version"]) != public(cell.torch):
        raise CellError("import", "wrong version", f"the wheel of {cell.torch} says it is {torch['version']}")
    key = CellKey(torch=cell.torch, build=tested_build(torch), python=cell.python, platform=platform)
    tests, observations = _tests(seen), _observations(seen)
    # A file that couldn't be collected is a test in error; a cell of nothing else has probed nothing.
    probed = bool(observations) or any(test.outcome != "error" for test in tests.values())
    return FreshRecord(
        cell=key,
        status="recorded" if probed else _status(seen.lost),
        reason=None if probed else _reason(seen),
        wheel=_wheel(lock),
        torch=Torch(version=torch["version"], git_version=torch.get("git_version"), cuda=torch.get("cuda")),
        packages={name: version for name, version in sorted(lock.versions.items()) if name != "torch"},
        tests=tests,
        observations=observations,
        run=run.model_copy(update={"tracebacks": _tracebacks(seen.events)}),
    )


def tested_build(torch: Mapping[str, Any]) -> str:
    """The build that a torch is, from its label, or else from the CUDA it was built with."""
    label = Version(torch["version"]).local
    if label and re.fullmatch(r"(cpu|xpu|cu\d+|rocm[\d.]+).*", label):
        return label.split(".")[0] if not label.startswith("rocm") else label
    if torch.get("cuda"):
        return f"cu{torch['cuda'].replace('.', '')}"
    return f"rocm{torch['hip']}" if torch.get("hip") else "cpu"


def _not_started(seen: Seen) -> CellError:
    """Why there was no torch to probe."""
    failed = seen.first("import-failed")
    if failed is not None:
        return CellError("import", "import failed", signature.normalise(f"{failed['exception']}: {failed['message']}"))
    last = seen.lost[-1]
    kind = "timed out" if last.outcome == "timed-out" else last.message
    return CellError("import", kind, f"{last.message} before torch was imported: {_tail(seen.output)}")


def _status(lost: Iterable[Lost]) -> Any:
    outcomes = [loss.outcome for loss in lost]
    return outcomes[-1] if outcomes else "error"


def _reason(seen: Seen) -> Reason:
    """Why torch was imported and still no probe has a verdict."""
    failed = seen.first("collection-failed")
    if failed is not None:
        return Reason(stage="run", kind="collection failed", message=signature.normalise(failed["message"]))
    if seen.lost:
        return Reason(stage="run", kind=seen.lost[-1].message, message=_tail(seen.output))
    return Reason(stage="run", kind="no probes", message="no test was collected from the folder of probes")


def _tail(output: str) -> str:
    """What a process said last; of Python's report of a crash, what crashed and the innermost frame."""
    lines = [line for line in output.splitlines() if line.strip()]
    fatal = max((number for number, line in enumerate(lines) if line.startswith("Fatal Python error")), default=None)
    if fatal is not None:
        frames = [line for line in lines[fatal:] if line.startswith("  File ")]
        lines = [*lines[max(0, fatal - 2) : fatal + 1], *frames[:1]]
    return signature.normalise("\n".join(lines[-4:]))


def _tests(seen: Seen) -> dict[str, Test]:
    tests = {
        event["test"]: Test(outcome=event["outcome"], **_raised(event))
        for event in seen.events
        if event["event"] == "test-finished"
    }
    tests |= {
        loss.test: Test.model_validate({"outcome": loss.outcome, "message": loss.message})
        for loss in seen.lost
        if loss.test
    }
    for event in seen.events:
        if event["event"] == "collection-failed":
            tests[event["test"]] = Test(outcome="error", message=signature.normalise(event["message"]))
    return dict(sorted(tests.items()))


def _observations(seen: Seen) -> dict[str, Observation]:
    """Every observation in the order of the probes; one that took its process along is told as lost."""
    observations = {
        event["name"]: Observation(
            outcome=event["outcome"],
            test=event["test"],
            blocked_by=event.get("blocked_by"),
            why=signature.normalise(event["why"]) if event.get("why") else None,
            **_raised(event),
        )
        for event in seen.events
        if event["event"] == "observed"
    }
    for loss in seen.lost:
        if loss.observation and loss.observation not in observations:
            observations[loss.observation] = Observation.model_validate(
                {"outcome": loss.outcome, "test": loss.test, "message": loss.message}
            )
    return {name: observations[name] for name in dict.fromkeys(_begun(seen)) if name in observations}


def _begun(seen: Seen) -> list[str]:
    """Names of observations in the order in which they were begun, which a crash between them doesn't change."""
    return [event["name"] for event in seen.events if event["event"] in {"observing", "observed"}]


def _raised(event: Event) -> dict[str, Any]:
    """What an event tells of exceptions and warnings, with every text normalised."""
    message = event.get("message")
    return {
        "phase": event.get("phase"),
        "exception": event.get("exception"),
        "bases": tuple(event.get("bases", ())),
        "message": signature.normalise(message) if message is not None else None,
        "warnings": tuple(
            Warned(category=w["category"], message=signature.normalise(w["message"])) for w in event.get("warnings", ())
        ),
        "frames": tuple(Frame.model_validate(frame) for frame in event.get("frames", ())),
    }


def _tracebacks(events: Iterable[Event]) -> dict[str, str]:
    """Raw tracebacks by observation, or by test where no observation has one."""
    return {
        event.get("name") or event["test"]: event["traceback"]
        for event in events
        if event.get("traceback") and ("name" in event or "test" in event)
    }


def _wheel(lock: Lock) -> Wheel:
    wheel: LockedWheel = lock.torch
    return Wheel(
        filename=wheel.filename,
        sha256=wheel.sha256,
        index=lock.source.build if lock.source.index else "default",
    )
