"""The model of a record: everything that one run observed of one suite in one cell.

``results/<suite>/<platform>/<cell id>.json`` holds a `Record`: the reproducible part. ``.matrix/<suite>/records/`` has
a `FreshRecord` for each cell: the same with timings, log and machine of the run.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from scripts.config.cell import Cell
from scripts.core.documents import StrictModel
from scripts.index.torch_version import Torch

SCHEMA: Final = 2

#: Name of the observation that a bisection's own command makes in place of a suite.
COMMAND: Final = "command"

Stage = Literal["interpreter", "build", "resolve", "download", "install", "import", "run", "internal"]
Status = Literal["recorded", "unavailable", "crashed", "timed-out", "error"]
Outcome = Literal["returned", "raised", "blocked", "skipped", "crashed", "timed-out"]
Verdict = Literal["passed", "failed", "skipped", "error", "crashed", "timed-out"]

#: Kind of failure of a cell in which no test file could be collected.
COLLECTION_FAILED: Final = "collection failed"
#: Kind of reason of a cell that the library under test excludes by its own metadata.
EXCLUDED: Final = "the project excludes it"

#: Kinds of failure that say nothing about torch, even after its import: the cell runs again.
INCONCLUSIVE: Final = frozenset(
    {
        "incomplete",
        "killed from outside (out of memory?)",
        "pytest usage error",
        "pytest internal error",
        "pytest was interrupted",
        "nothing was recorded",
    }
)


class CellKey(StrictModel):
    """The cell that was really tested; because of a fallback it can differ from the requested one."""

    torch: str
    build: str
    python: str
    platform: str

    @property
    def id(self) -> str:
        """The cell's id without the platform."""
        return self.cell.id

    @property
    def cell(self) -> Cell:
        """The cell without the platform."""
        return Cell(torch=self.torch, build=self.build, python=self.python)


class Reason(StrictModel):
    """The failure that left a cell without observations: the stage it reached, the kind of failure, its message."""

    stage: Stage
    kind: str
    message: str


class Wheel(StrictModel):
    """The torch wheel that was tested; its sha256 is its identity."""

    filename: str
    sha256: str
    index: str = Field(description="The build whose index served it; 'default' for the default index.")


class Warned(StrictModel):
    """A warning, with its normalised text."""

    category: str
    message: str


class Frame(StrictModel):
    """One Python frame of a traceback.

    The file is relative to the folder of installed packages, or begins with ``suite/``, ``recorder/`` or ``lib/``.
    """

    file: str
    line: int
    function: str


class Raised(StrictModel):
    """The exception and warnings of an observation or a test, with normalised texts."""

    outcome: str  # the first key in the file; subclasses restrict its values
    phase: str | None = None
    exception: str | None = None
    bases: tuple[str, ...] = ()
    message: str | None = None
    warnings: tuple[Warned, ...] = ()
    frames: tuple[Frame, ...] = ()


class Observation(Raised):
    """A named outcome inside a test."""

    outcome: Outcome
    test: str | None = Field(None, description="The test that made it.")
    blocked_by: str | None = None
    why: str | None = None


class Test(Raised):
    """The verdict of a test."""

    outcome: Verdict
    known_defect: str | None = Field(
        None, description="What a pass means, if the test asserts a known defect: its marker's sentence."
    )


class Record(StrictModel):
    """Everything that one run observed in one cell."""

    schema_: Literal[2] = Field(SCHEMA, alias="schema")
    cell: CellKey
    status: Status
    reason: Reason | None = None
    wheel: Wheel | None = None
    torch: Torch | None = None
    packages: dict[str, str] = {}
    tests: dict[str, Test] = {}
    observations: dict[str, Observation] = {}

    @property
    def usable(self) -> bool:
        """True if the cell's tests ran, so that its behaviour can be compared."""
        return self.status == "recorded"

    @property
    def is_excluded(self) -> bool:
        """True if the library under test excludes the cell by its own metadata."""
        return self.reason is not None and self.reason.kind == EXCLUDED

    def observed(self, name: str) -> Observation | Test | None:
        """Return the observation or test of a name; a test may be named without its file, or with its file's folders.

        A test of a file that could not be collected has the file's error.
        """
        if not self.usable:
            return None
        if name in self.observations:
            return self.observations[name]
        found = self.tests.get(name) or self._test_in_folders(name)
        return found or next((test for key, test in self.tests.items() if name == key.rpartition("::")[2]), None)

    def _test_in_folders(self, name: str) -> Test | None:
        """Return the test of a node id that starts in another folder than the suite's, unless several match."""
        file, separator, _ = name.partition("::")
        if not separator:
            return None
        for wanted in (name, file):
            keys = [key for key in self.tests if f"/{wanted}".endswith(f"/{key}") or f"/{key}".endswith(f"/{wanted}")]
            if keys:
                return self.tests[keys[0]] if len(keys) == 1 else None
        return None

    @property
    def is_conclusive(self) -> bool:
        """True if the record says something about torch, such as that its import crashed."""
        if self.reason is not None and self.reason.kind in INCONCLUSIVE:
            return False
        return self.torch is not None or (self.reason is not None and self.reason.stage in {"import", "run"})


class Timings(StrictModel):
    """Wall-clock time of each stage in seconds; None if it was not reached."""

    resolve: float | None = None
    download: float | None = Field(None, description="Downloading and unpacking, of wheels that were not cached.")
    install: float | None = None
    import_: float | None = Field(None, alias="import")
    probes: float | None = None
    total: float | None = None


class Run(StrictModel):
    """The properties of the run that made a record; they are no part of the behaviour."""

    asked: str = Field(description="Id of the requested cell.")
    suite: str | None = Field(None, description="Name of the suite; null before schema 2.")
    fallback: str | None = Field(None, description="Why another build than the requested one was tested.")
    inputs: str = Field(description="The portable fingerprint; empty if the suite changed while its tests ran.")
    local: str | None = Field(None, description="The local fingerprint; null if made on another machine.")
    exclude_newer: str | None = Field(None, description="The time from which on files of the index were ignored.")
    lock: str | None = Field(None, description="SHA-256 of the lock.")
    recorded_at: str
    machine: str
    log: str | None = Field(None, description="Path of the log, relative to the project.")
    bytes: int | None = Field(None, description="Size of all wheels of the lock, in bytes.")
    timings: Timings = Timings()
    modified: tuple[str, ...] = Field((), description="Files of packages that the suite modified in its environment.")
    opened: tuple[str, ...] = Field(
        (), description="Placeholder files that the tests opened; the tests then ran again with the real files."
    )
    tracebacks: dict[str, str] = Field({}, description="Raw tracebacks, by observation or test.")


class FreshRecord(Record):
    """A record with the properties of its run."""

    run: Run

    def accepted(self) -> Record:
        """Return the part that belongs under ``results/``."""
        return Record.model_validate(self.model_dump(exclude={"run"}))
