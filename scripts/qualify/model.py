"""A qualification: what was tested, what was found, and the verdict. The model of the artefact for machines.

Whatever the verdict stands on is in it: every record, the locks, the policy. So it can be read elsewhere, judged
again, and run again by ``--replay``.
"""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal

from pydantic import Field

from scripts.config.policy import Category, Effect, Verdict
from scripts.core.documents import Format
from scripts.matrix.config import Qualify
from scripts.results.records import Part, Record

SCHEMA: Final = 1

Origin = Literal["run", "fresh record", "accepted"]
Channel = Literal["release", "test", "nightly", "index", "wheels"]


class Seen(Part):
    """One run of one side of a lane, or a record that stands for it."""

    record: Record
    origin: Origin
    import_seconds: float | None = Field(None, description="Wall-clock time of `import torch`, where it was measured.")
    lock: str | None = Field(None, description="Digest of the lock; its text is in `locks`.")
    source: str | None = Field(None, description="Index of the torch wheel; None for the default index.")
    fallback: str | None = Field(None, description="Why another build than the one asked for was tested.")
    recorded_at: str | None = None
    machine: str | None = None


class Lane(Part):
    """One build and Python, under one set of pins: the candidate beside the baseline."""

    build: str
    python: str
    pins: tuple[str, ...] = Field((), description="Requirements in place of the usual pins.")
    candidate_cell: str = Field(description="Id of the cell that was asked for.")
    baseline_cell: str
    stands_in: str | None = Field(None, description="Why the baseline is of another build or Python.")
    missing: bool = Field(False, description="The candidate should have a wheel for it and has none.")
    candidate: tuple[Seen, ...] = ()
    baseline: tuple[Seen, ...] = ()
    imports: tuple[float, float] | None = Field(
        None, description="Seconds of the best import of baseline and candidate, timed in turn."
    )
    note: str | None = Field(None, description="What is to say of the baseline.")

    @property
    def id(self) -> str:
        """The lane's name for people: ``cpu-py3.11``, or ``cpu-py3.11 with numpy<2``."""
        return " with ".join([f"{self.build}-py{self.python}", *([" ".join(self.pins)] if self.pins else [])])


class Finding(Part):
    """One thing that the candidate shows otherwise than the baseline, in one lane."""

    lane: str
    name: str = Field(description="An observation, a test, or what is looked at besides.")
    category: Category
    effect: Effect
    before: str | None = Field(None, description="What the baseline shows, in full.")
    after: str | None = None
    change: str = Field(description="What became what, in a few words.")
    confirmed: bool = Field(False, description="Whether repeated runs of both sides agreed.")
    follows: str | None = Field(None, description="The observation whose change brought this one about.")
    reason: str | None = Field(None, description="Why the change is expected, or what more is to say.")
    link: str | None = None
    attribution: str | None = Field(None, description="With which pins it shows, where others were tried.")


class Expectation(Part):
    """What became of an expected change."""

    observation: str
    releases: str
    reason: str
    link: str
    expires: dt.date
    status: Literal["happened", "did not happen", "could not be checked", "expired", "not due"]
    lanes: tuple[str, ...] = Field((), description="Where it happened; or where it didn't.")


class PinEffect(Part):
    """What a pin changes on both sides alike: not torch's doing."""

    lane: str
    name: str
    change: str


class Compared(Part):
    """How a lane came out."""

    lane: str
    same: int = Field(description="Observations and tests that are the same.")
    changed: int
    problem: str | None = Field(None, description="Why it could not be compared.")
    slower: float | None = Field(None, description="Import time of the candidate, in times of the baseline's.")
    packages: dict[str, tuple[str | None, str | None]] = Field(
        {}, description="Other packages that differ: version beside the baseline, beside the candidate."
    )


class Tested(Part):
    """Which torch was asked for."""

    version: str
    channel: Channel
    where: str = Field(description="The index or folder, for people.")
    wheels: dict[str, str] = Field({}, description="Files of a local candidate, with their sha256.")
    notes: tuple[str, ...] = ()


class Replay(Part):
    """The qualification that this one repeats."""

    file: str
    asked_on: dt.date
    verdict: Verdict
    stands: bool
    differences: tuple[str, ...] = ()


class Qualification(Part):
    """A verdict, and all that it stands on."""

    schema_: Literal[1] = Field(SCHEMA, alias="schema")
    verdict: Verdict
    because: tuple[str, ...] = Field(description="The verdict's grounds, as sentences.")
    candidate: Tested
    baseline: Tested
    asked_on: dt.date
    platform: str
    machine: str
    probes: str = Field(description="Digest of the probes.")
    tools: dict[str, str]
    policy: Qualify
    findings: tuple[Finding, ...]
    expectations: tuple[Expectation, ...]
    pin_effects: tuple[PinEffect, ...]
    compared: tuple[Compared, ...]
    lanes: tuple[Lane, ...]
    locks: dict[str, str] = Field({}, description="Text of each lock (pylock.toml), by digest.")
    replay: Replay | None = None


FORMAT: Final = Format(
    name="qualification", model=Qualification, schema=SCHEMA, remedy="run the qualification again", indent=1
)
