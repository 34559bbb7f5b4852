"""From what the probes reported to a record. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from packaging.version import InvalidVersion, Version

from scripts.config.cell import Cell
from scripts.index.torch_version import Torch
from scripts.records import messages
from scripts.records.model import (
    INCONCLUSIVE,
    CellKey,
    FreshRecord,
    Observation,
    Reason,
    Run,
    Status,
    Test,
    Warned,
    Wheel,
)
from scripts.run.events import CollectionFailed, Event, Observed, Observing, TestFinished, TorchSaid
from scripts.run.failures import CellError
from scripts.run.locks import Lock, LockedWheel, public
from scripts.run.pytest_runs import SuiteReport
from scripts.run.session import KILLED, AbortedTest

#: Tests that a message names, and characters of a name or line in it.
_NAMED: Final = 5
_LONGEST: Final = 500


def unavailable(cell: Cell, platform: str, error: CellError, run: Run, lock: Lock | None) -> FreshRecord:
    """The record of a cell whose probes never ran."""
    return FreshRecord(
        cell=CellKey(torch=cell.torch, build=cell.build, python=cell.python, platform=platform),
        status=error.status,
        reason=error.reason,
        wheel=_wheel(lock) if lock else None,
        run=run,
    )


def recorded(cell: Cell, platform: str, lock: Lock, report: SuiteReport, run: Run) -> FreshRecord:
    """The record of a cell whose probes were started.

    Raises:
        CellError: torch couldn't be imported, or not even that came about.
    """
    if report.started is None:
        raise _not_started(report)
    torch = report.started.torch
    if not _is_release(torch.version, cell.torch):
        raise CellError("import", "wrong version", f"the wheel of {cell.torch} says it is {torch.version[:_LONGEST]}")
    key = CellKey(torch=cell.torch, build=tested_build(torch), python=cell.python, platform=platform)
    tests, observations = _tests(report), _observations(report)
    # A file that couldn't be collected is a test in error; a cell of nothing else has probed nothing.
    probed = bool(observations) or any(test.outcome != "error" for test in tests.values())
    reason = _incomplete(report) or (None if probed else _reason(report))
    return FreshRecord(
        cell=key,
        status="recorded" if reason is None else _status(reason, report.aborted),
        reason=reason,
        wheel=_wheel(lock),
        torch=Torch(version=torch.version, git_version=torch.git_version, cuda=torch.cuda),
        packages={name: version for name, version in sorted(lock.versions.items()) if name != "torch"},
        tests=tests,
        observations=observations,
        run=run.model_copy(update={"tracebacks": _tracebacks(report.events)}),
    )


def _is_release(version: str, release: str) -> bool:
    try:
        return public(version) == public(release)
    except InvalidVersion:
        return False


def _incomplete(report: SuiteReport) -> Reason | None:
    """Why a record doesn't say all that there is to say; None where it does."""
    killed = [abort.test or "the start of pytest" for abort in report.aborted if abort.outcome == "killed"]
    if killed:
        return Reason(stage="run", kind=KILLED, message=f"twice, in {_listed(killed)}")
    if report.missing:
        return Reason(
            stage="run", kind="incomplete", message=f"no verdict, or not all of it: {_listed(report.missing)}"
        )
    return None


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(name[:_LONGEST] for name in names[:_NAMED]) + more


def tested_build(torch: TorchSaid) -> str:
    """The build that a torch is, from its label, or else from the CUDA it was built with."""
    label = Version(torch.version).local
    if label and re.fullmatch(r"(cpu|xpu|cu\d+|rocm[\d.]+).*", label):
        return label.split(".")[0] if not label.startswith("rocm") else label
    if torch.cuda:
        return f"cu{torch.cuda.replace('.', '')}"
    return f"rocm{torch.hip}" if torch.hip else "cpu"


def _not_started(report: SuiteReport) -> CellError:
    """Why there was no torch to probe."""
    failed = report.import_failed
    if failed is not None:
        return CellError("import", "import failed", messages.normalise(f"{failed.exception}: {failed.message}"))
    last = report.aborted[-1] if report.aborted else None
    failure = pytest_failure(last.exit if last else 0, report.output)
    if failure is not None:
        return CellError(failure.stage, failure.kind, failure.message)
    assert last is not None
    kind = "timed out" if last.outcome == "timed-out" else last.message
    return CellError("import", kind, f"{last.message} before torch was imported: {_tail(report.output)}")


#: pytest's exit codes that say that pytest itself could not do its work, and how it begins to say why.
_PYTEST: Final = {
    0: ("nothing was recorded", ""),
    2: ("pytest was interrupted", "!!!"),
    3: ("pytest internal error", "INTERNALERROR>"),
    4: ("pytest usage error", "ERROR: "),
    5: ("nothing was recorded", ""),
}


def pytest_failure(exit_code: int | None, output: str) -> Reason | None:
    """Return what pytest says of its own failure, which is never torch's; None for any other exit code."""
    if exit_code not in _PYTEST:
        return None
    kind, mark = _PYTEST[exit_code]
    lines = [line for line in output.splitlines() if line.strip()]
    conftest = next((n for n, line in enumerate(lines) if line.startswith("ImportError while loading conftest")), None)
    if conftest is not None:
        return Reason(stage="run", kind="collection failed", message=_essence(lines[conftest:][-4:]))
    first = next((n for n, line in enumerate(lines) if line.startswith(mark)), 0)
    said = [line for line in lines[first:] if not line.startswith(" ")]  # nor which files pytest read
    return Reason(stage="run", kind=kind, message=_essence(said[-4:]))


def _essence(lines: Sequence[str]) -> str:
    return messages.normalise("\n".join(line[:_LONGEST] for line in lines)) or "no message"


def _status(reason: Reason, aborted: Sequence[AbortedTest]) -> Status:
    """The status of a record without verdicts: that of what ended the last process, if that is torch's."""
    outcome = aborted[-1].outcome if aborted else "killed"
    return "error" if reason.kind in INCONCLUSIVE or outcome == "killed" else outcome


def _reason(report: SuiteReport) -> Reason:
    """Why torch was imported and still no probe has a verdict."""
    failed = next((event for event in report.events if isinstance(event, CollectionFailed)), None)
    if failed is not None:
        return Reason(stage="run", kind="collection failed", message=messages.normalise(failed.message))
    if report.aborted:
        failure = pytest_failure(report.aborted[-1].exit, report.output)
        return failure or Reason(stage="run", kind=report.aborted[-1].message, message=_tail(report.output))
    return Reason(stage="run", kind="no probes", message="no test was collected from the folder of probes")


def _tail(output: str) -> str:
    """What a process said last; of Python's report of a crash, what crashed and the innermost frame."""
    lines = [line for line in output.splitlines() if line.strip()]
    fatal = max((number for number, line in enumerate(lines) if line.startswith("Fatal Python error")), default=None)
    if fatal is not None:
        frames = [line for line in lines[fatal:] if line.startswith("  File ")]
        lines = [*lines[max(0, fatal - 2) : fatal + 1], *frames[:1]]
    return messages.normalise("\n".join(lines[-4:]))


def _tests(report: SuiteReport) -> dict[str, Test]:
    tests = {
        event.test: Test(outcome=event.outcome, **_raised(event))
        for event in report.events
        if isinstance(event, TestFinished)
    }
    tests |= {
        abort.test: Test.model_validate({"outcome": abort.outcome, "message": abort.message})
        for abort in report.aborted
        if abort.test and abort.outcome != "killed"
    }
    for event in report.events:
        if isinstance(event, CollectionFailed):
            tests[event.test] = Test(outcome="error", message=messages.normalise(event.message))
    return dict(sorted(tests.items()))


def _observations(report: SuiteReport) -> dict[str, Observation]:
    """Every observation in the order of the probes; one that took its process along is told as lost."""
    observations = {
        event.name: Observation(
            outcome=event.outcome,
            test=event.test,
            blocked_by=event.blocked_by,
            why=messages.normalise(event.why) if event.why else None,
            **_raised(event),
        )
        for event in report.events
        if isinstance(event, Observed)
    }
    for abort in report.aborted:
        if abort.observation and abort.outcome != "killed" and abort.observation not in observations:
            observations[abort.observation] = Observation.model_validate(
                {"outcome": abort.outcome, "test": abort.test, "message": abort.message}
            )
    # In the order in which they were begun, which a crash between them doesn't change.
    begun = dict.fromkeys(event.name for event in report.events if isinstance(event, Observing | Observed))
    return {name: observations[name] for name in begun if name in observations}


def _raised(event: Observed | TestFinished) -> dict[str, Any]:
    """What an event tells of exceptions and warnings, with every text normalised."""
    return {
        "phase": event.phase,
        "exception": event.exception,
        "bases": tuple(event.bases),
        "message": messages.normalise(event.message) if event.message is not None else None,
        "warnings": tuple(
            Warned(category=said.category, message=messages.normalise(said.message)) for said in event.warnings
        ),
        "frames": tuple(event.frames),
    }


def _tracebacks(events: Iterable[Event]) -> dict[str, str]:
    """Raw tracebacks by observation, or by test where no observation has one."""
    return {
        event.name if isinstance(event, Observed) else event.test: event.traceback
        for event in events
        if isinstance(event, Observed | TestFinished) and event.traceback
    }


def _wheel(lock: Lock) -> Wheel:
    wheel: LockedWheel = lock.torch
    return Wheel(
        filename=wheel.filename,
        sha256=wheel.sha256,
        index=lock.source.build if lock.source.index else "default",
    )
