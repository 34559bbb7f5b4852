"""The model of a qualification, and its file format.

A qualification holds everything its verdict rests on: every record, the locks, the policy. It can be read elsewhere,
judged again, and run again with ``--replay``.
"""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal

from pydantic import Field

from scripts.config.model import Qualify
from scripts.config.policy import Category, Effect, Verdict
from scripts.core.documents import Format, StrictModel
from scripts.records.model import Record

SCHEMA: Final = 1

Origin = Literal["run", "fresh record", "accepted"]
Channel = Literal["release", "test", "nightly", "index", "wheels"]
ExpectationStatus = Literal["happened", "did not happen", "could not be checked", "expired", "not due"]


class Sample(StrictModel):
    """One run of a cell, or a record used in its place."""

    record: Record
    origin: Origin
    import_seconds: float | None = Field(None, description="Wall-clock time of `import torch`, if it was measured.")
    lock: str | None = Field(None, description="Digest of the lock; its text is in `locks`.")
    source: str | None = Field(None, description="Index of the torch wheel; None for the default index.")
    fallback: str | None = Field(None, description="Why another build than the requested one was tested.")
    recorded_at: str | None = None
    machine: str | None = None


class CellPair(StrictModel):
    """A cell of the candidate and the cell of the baseline it is compared with, under one set of pins."""

    build: str
    python: str
    pins: tuple[str, ...] = Field((), description="Requirements that replace the usual pins.")
    candidate_cell: str = Field(description="Id of the requested cell.")
    baseline_cell: str
    stands_in: str | None = Field(None, description="Why the baseline has another build or Python.")
    missing: bool = Field(False, description="The candidate should have a wheel for this cell and has none.")
    candidate: tuple[Sample, ...] = ()
    baseline: tuple[Sample, ...] = ()
    imports: tuple[float, float] | None = Field(
        None, description="Best import time of baseline and candidate in seconds, measured alternately."
    )
    note: str | None = Field(None, description="A remark on the baseline.")

    @property
    def id(self) -> str:
        """The pair's readable name: ``cpu-py3.11``, or ``cpu-py3.11 with numpy<2``."""
        return " with ".join([f"{self.build}-py{self.python}", *([" ".join(self.pins)] if self.pins else [])])


class Finding(StrictModel):
    """One difference between candidate and baseline in one pair of cells."""

    pair: str = Field(alias="lane", description="Id of the pair of cells.")
    name: str = Field(description="An observation, a test, or another compared property.")
    category: Category
    effect: Effect
    before: str | None = Field(None, description="Signature of the baseline, in full.")
    after: str | None = Field(None, description="Signature of the candidate, in full.")
    change: str = Field(description="Short description of the change.")
    confirmed: bool = Field(False, description="Whether repeated runs of both sides agreed.")
    follows: str | None = Field(None, description="The observation whose change caused this one.")
    reason: str | None = Field(None, description="Why the change is expected.")
    link: str | None = None
    attribution: str | None = Field(None, description="The pins with which the change appears, if several were tried.")


class Expectation(StrictModel):
    """The outcome of an expected change."""

    observation: str
    releases: str
    reason: str
    link: str
    expires: dt.date
    status: ExpectationStatus
    pairs: tuple[str, ...] = Field((), alias="lanes", description="Pairs of cells in which it happened or did not.")


class PinEffect(StrictModel):
    """A change that a pin causes in candidate and baseline alike, so torch is not its cause."""

    pair: str = Field(alias="lane", description="Id of the pair of cells.")
    name: str
    change: str


class PairSummary(StrictModel):
    """The comparison of one pair of cells in figures."""

    pair: str = Field(alias="lane", description="Id of the pair of cells.")
    same: int = Field(description="Number of observations and tests without a change.")
    changed: int
    problem: str | None = Field(None, description="Why the cells could not be compared.")
    slower: float | None = Field(None, description="Import time of the candidate divided by that of the baseline.")
    packages: dict[str, tuple[str | None, str | None]] = Field(
        {}, description="Other packages that differ: version beside the baseline, beside the candidate."
    )


class TorchSource(StrictModel):
    """A version of torch and where it came from."""

    version: str
    channel: Channel
    where: str = Field(description="The index or folder, for people.")
    wheels: dict[str, str] = Field({}, description="Files of a local candidate, with their sha256.")
    notes: tuple[str, ...] = ()


class Replay(StrictModel):
    """The earlier qualification that this one repeats."""

    file: str
    asked_on: dt.date
    verdict: Verdict
    stands: bool
    differences: tuple[str, ...] = ()


class Qualification(StrictModel):
    """A verdict on a candidate, with its evidence."""

    schema_: Literal[1] = Field(SCHEMA, alias="schema")
    verdict: Verdict
    because: tuple[str, ...] = Field(description="Reasons for the verdict, as sentences.")
    candidate: TorchSource
    baseline: TorchSource
    asked_on: dt.date
    platform: str
    machine: str
    suite: str | None = Field(None, description="The suite; None before there were several.")
    suite_digest: str = Field(alias="probes", description="Digest of the test suite.")
    env: dict[str, str] = Field({}, description="Variables for the tests, besides those of matrix.toml.")
    tools: dict[str, str]
    policy: Qualify
    findings: tuple[Finding, ...]
    expectations: tuple[Expectation, ...]
    pin_effects: tuple[PinEffect, ...]
    compared: tuple[PairSummary, ...]
    pairs: tuple[CellPair, ...] = Field(alias="lanes")
    locks: dict[str, str] = Field({}, description="Text of each lock (pylock.toml), by digest.")
    replay: Replay | None = None


FORMAT: Final = Format(
    name="qualification", model=Qualification, schema=SCHEMA, remedy="run the qualification again", indent=1
)
