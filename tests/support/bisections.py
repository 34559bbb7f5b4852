"""Synthetic records, and bisections of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scripts.bisect import bisection
from scripts.bisect.bisection import Outcome
from scripts.bisect.model import Candidate, Question, State, Step
from scripts.index.torch_version import Torch
from scripts.records import model
from scripts.records.model import CellKey, Observation, Reason, Record

PLATFORM = "linux-x86_64"

RELEASES = [f"2.{minor}.0" for minor in range(12)]

OLD, NEW = "old failure", "new failure"


def record(torch: str, message: str | None, *, python: str = "3.11", build: str = "cpu", commit: str = "") -> Record:
    """Return a record in which ``trace`` raised a message; that of an unavailable cell if there is none."""
    key = CellKey(torch=torch, build=build, python=python, platform=PLATFORM)
    if message is None:
        return Record(cell=key, status="unavailable", reason=Reason(stage="resolve", kind="no wheel", message="none"))
    return Record(
        cell=key,
        status="recorded",
        torch=Torch(version=torch, git_version=commit or f"{torch.replace('.', ''):0<40}"),
        tests={"test_trace.py::test_traceable": model.Test(outcome="failed")},
        observations={
            "trace": Observation(outcome="raised", exception="builtins.RuntimeError", message=message),
            "script": Observation(outcome="returned"),
        },
    )


def question(**changes: object) -> Question:
    """Return a question about ``trace``, from 2.0.0 to 2.11.0."""
    plain = {"observations": ("trace",), "good": "2.0.0", "bad": "2.11.0", "build": "cpu", "platform": PLATFORM}
    return Question.model_validate({**plain, **changes})


Messages = Mapping[str, str | None]


def messages(changed_in: str, **others: str | None) -> dict[str, str | None]:
    """Return the message of each release, which changes in one of them; ``_5`` sets that of 2.5.0."""
    changed = RELEASES.index(changed_in)
    by_release: dict[str, str | None] = {r: OLD if i < changed else NEW for i, r in enumerate(RELEASES)}
    return by_release | {f"2.{name[1:]}.0": message for name, message in others.items()}


def run(
    by_release: Messages, query: Question | None = None, *, width: int = 1, pythons: Mapping[str, str] | None = None
) -> tuple[Outcome, list[str]]:
    """Return the outcome of a bisection of synthetic results, and the releases that were probed."""
    query, ran = query or question(), list[str]()
    tested = [Candidate(torch=r, build="cpu", python=(pythons or {}).get(r, "3.11")) for r in by_release]

    def probe(wanted: Sequence[tuple[int, Candidate]]) -> list[Step]:
        ran.extend(candidate.torch for _, candidate in wanted)
        return [
            Step(position=position, record=record(c.torch, by_release[c.torch], python=c.python), origin="run")
            for position, c in wanted
        ]

    state = State(question=query, candidates=tuple(tested))
    return bisection.run(state, probe, lambda *_: None, width=width), ran


def pairs(outcome: Outcome) -> list[tuple[str, str]]:
    """Return the releases on both sides of every change."""
    found = []
    for finding in outcome.findings:
        assert finding.before.record is not None
        assert finding.after.record is not None
        found.append((finding.before.record.cell.torch, finding.after.record.cell.torch))
    return found


def wanted(*releases: str) -> list[tuple[int, Candidate]]:
    """Return candidates with their positions."""
    return [(position, Candidate(torch=r, build="cpu", python="3.11")) for position, r in enumerate(releases)]
