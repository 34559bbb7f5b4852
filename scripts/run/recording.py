"""Turn the report of a suite into a record. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from packaging.version import InvalidVersion, Version

from scripts.config.cell import Cell
from scripts.index.torch_version import Torch
from scripts.records import messages
from scripts.records.model import (
    COLLECTION_FAILED,
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
from scripts.run.events import CollectionFailed, Event, Observed, Observing, TestFinished, TorchVersions
from scripts.run.failures import CellError
from scripts.run.locks import Lock, LockedWheel, public
from scripts.run.pytest_runs import SuiteReport
from scripts.run.session import KILLED, AbortedTest

#: Tests listed in a message, and characters of a name or line in it.
_LISTED: Final = 5
_LONGEST: Final = 500


def unavailable(cell: Cell, platform: str, error: CellError, run: Run, lock: Lock | None) -> FreshRecord:
    """Return the record of a cell whose suite did not run."""
    return FreshRecord(
        cell=CellKey(torch=cell.torch, build=cell.build, python=cell.python, platform=platform),
        status=error.status,
        reason=error.reason,
        wheel=_wheel(lock) if lock else None,
        run=run,
    )


def recorded(cell: Cell, platform: str, lock: Lock, report: SuiteReport, run: Run) -> FreshRecord:
    """Return the record of a cell whose suite was started.

    Raises:
        CellError: torch could not be imported, or the process ended before.
    """
    if report.started is None:
        raise _not_started(report)
    torch = report.started.torch
    if not _is_release(torch.version, cell.torch):
        raise CellError("import", "wrong version", f"the wheel of {cell.torch} says it is {torch.version[:_LONGEST]}")
    key = CellKey(torch=cell.torch, build=tested_build(torch), python=cell.python, platform=platform)
    tests, observations = _tests(report), _observations(report)
    # A file that could not be collected is a test in error: a cell with nothing else has no result.
    has_results = bool(observations) or any(test.outcome != "error" for test in tests.values())
    reason = _incomplete(report) or (None if has_results else _reason(report))
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
    """Return the reason why a record is incomplete, or None."""
    killed = [abort.test or "the start of pytest" for abort in report.aborted if abort.outcome == "killed"]
    if killed:
        return Reason(stage="run", kind=KILLED, message=f"twice, in {_listed(killed)}")
    if report.missing:
        return Reason(
            stage="run", kind="incomplete", message=f"no verdict, or not all of it: {_listed(report.missing)}"
        )
    return None


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(name[:_LONGEST] for name in names[:_LISTED]) + more


def tested_build(torch: TorchVersions) -> str:
    """Return the build of an installed torch, from its local label or else from its CUDA or HIP version."""
    label = Version(torch.version).local
    if label and re.fullmatch(r"(cpu|xpu|cu\d+|rocm[\d.]+).*", label):
        return label.split(".")[0] if not label.startswith("rocm") else label
    if torch.cuda:
        return f"cu{torch.cuda.replace('.', '')}"
    return f"rocm{torch.hip}" if torch.hip else "cpu"


def _not_started(report: SuiteReport) -> CellError:
    """Return the failure of a process that ended before torch was imported."""
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


#: pytest's exit codes for failures of pytest itself, with the kind and the prefix of the error message.
_PYTEST: Final = {
    0: ("nothing was recorded", ""),
    2: ("pytest was interrupted", "!!!"),
    3: ("pytest internal error", "INTERNALERROR>"),
    4: ("pytest usage error", "ERROR: "),
    5: ("nothing was recorded", ""),
}


def pytest_failure(exit_code: int | None, output: str) -> Reason | None:
    """Return the reason of a failure of pytest itself, which is never torch's; None for other exit codes."""
    if exit_code not in _PYTEST:
        return None
    kind, mark = _PYTEST[exit_code]
    lines = [line for line in output.splitlines() if line.strip()]
    conftest = next((n for n, line in enumerate(lines) if line.startswith("ImportError while loading conftest")), None)
    if conftest is not None:
        return Reason(stage="run", kind=COLLECTION_FAILED, message=_essence(lines[conftest:][-4:]))
    first = next((n for n, line in enumerate(lines) if line.startswith(mark)), 0)
    message = [line for line in lines[first:] if not line.startswith(" ")]  # without the list of settings files
    return Reason(stage="run", kind=kind, message=_essence(message[-4:]))


def _essence(lines: Sequence[str]) -> str:
    return messages.normalise("\n".join(line[:_LONGEST] for line in lines)) or "no message"


def _status(reason: Reason, aborted: Sequence[AbortedTest]) -> Status:
    """Return the status of a record without verdicts, from the end of the last process if torch may have caused it."""
    outcome = aborted[-1].outcome if aborted else "killed"
    return "error" if reason.kind in INCONCLUSIVE or outcome == "killed" else outcome


def _reason(report: SuiteReport) -> Reason:
    """Return the reason why no test has a verdict although torch was imported."""
    failed = next((event for event in report.events if isinstance(event, CollectionFailed)), None)
    if failed is not None:
        return Reason(stage="run", kind=COLLECTION_FAILED, message=messages.normalise(failed.message))
    if report.aborted:
        failure = pytest_failure(report.aborted[-1].exit, report.output)
        return failure or Reason(stage="run", kind=report.aborted[-1].message, message=_tail(report.output))
    return Reason(stage="run", kind="no probes", message="no test was collected from the folder of probes")


def _tail(output: str) -> str:
    """Return the last lines of the output; of Python's crash report, the error and the innermost frame."""
    lines = [line for line in output.splitlines() if line.strip()]
    fatal = max((number for number, line in enumerate(lines) if line.startswith("Fatal Python error")), default=None)
    if fatal is not None:
        frames = [line for line in lines[fatal:] if line.startswith("  File ")]
        lines = [*lines[max(0, fatal - 2) : fatal + 1], *frames[:1]]
    return messages.normalise("\n".join(lines[-4:]))


def _tests(report: SuiteReport) -> dict[str, Test]:
    tests = {
        event.test: Test(outcome=event.outcome, known_defect=event.known_defect, **_raised(event))
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
    """Return all observations in the order of the suite, including those during which a process ended."""
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
    # In the order of their starts: a crash between them does not change it.
    started = dict.fromkeys(event.name for event in report.events if isinstance(event, Observing | Observed))
    return {name: observations[name] for name in started if name in observations}


def _raised(event: Observed | TestFinished) -> dict[str, Any]:
    """Return the exception and the warnings of an event, with normalised texts."""
    return {
        "phase": event.phase,
        "exception": event.exception,
        "bases": tuple(event.bases),
        "message": messages.normalise(event.message) if event.message is not None else None,
        "warnings": tuple(
            Warned(category=warned.category, message=messages.normalise(warned.message)) for warned in event.warnings
        ),
        "frames": tuple(event.frames),
    }


def _tracebacks(events: Iterable[Event]) -> dict[str, str]:
    """Return raw tracebacks by observation, and by test for tests without observations."""
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
