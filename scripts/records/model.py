"""The record: all that one run saw in one cell. Its model, its file format, and nothing else.

``results/<platform>/<cell id>.json`` holds `Record`: what is stable, so that the same behaviour gives the same
bytes. ``.matrix/records/`` holds `FreshRecord`: the same, with what belongs to one run (timings, log, machine).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from pydantic import Field, ValidationError

from scripts.config.cells import Cell
from scripts.core import garbage
from scripts.core.documents import StrictModel
from scripts.core.errors import SchemaError
from scripts.core.files import write_atomically
from scripts.index.torch_version import Torch

SCHEMA: Final = 1

Stage = Literal["interpreter", "build", "resolve", "download", "install", "import", "run", "internal"]
Status = Literal["recorded", "unavailable", "crashed", "timed-out", "error"]
Outcome = Literal["returned", "raised", "blocked", "skipped", "crashed", "timed-out"]
Verdict = Literal["passed", "failed", "skipped", "error", "crashed", "timed-out"]


#: Kinds of failure after which nothing is known of torch, though it may have been imported: the cell runs again.
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
    """The cell that was really tested, which a fallback can make another one than the cell asked for."""

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
    """Why a cell has no observations: how far it came, what kind of failure it was, and its message."""

    stage: Stage
    kind: str
    message: str


class Wheel(StrictModel):
    """The torch wheel that was tested; its sha256 is its identity."""

    filename: str
    sha256: str
    index: str = Field(description="The build whose index served it; 'default' for the default index.")


class Warned(StrictModel):
    """A warning that was seen, with its normalised text."""

    category: str
    message: str


class Frame(StrictModel):
    """One Python frame of a traceback; the file is relative to where packages are installed."""

    file: str
    line: int
    function: str


class Raised(StrictModel):
    """What an observation or a test raised and warned; every text normalised."""

    outcome: str  # first, for people who read records; what it can be stands below
    phase: str | None = None
    exception: str | None = None
    bases: tuple[str, ...] = ()
    message: str | None = None
    warnings: tuple[Warned, ...] = ()
    frames: tuple[Frame, ...] = ()


class Observation(Raised):
    """One named thing that a probe saw."""

    outcome: Outcome
    test: str | None = Field(None, description="The probe that made it.")
    blocked_by: str | None = None
    why: str | None = None


class Test(Raised):
    """A probe's verdict."""

    outcome: Verdict


class Record(StrictModel):
    """All that one run saw in one cell."""

    schema_: Literal[1] = Field(SCHEMA, alias="schema")
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
        """Whether the cell was had and its probes ran: only then can behaviour be compared."""
        return self.status == "recorded"

    def observed(self, name: str) -> Observation | Test | None:
        """Return what is recorded under a name: an observation, a test, or a test without its file."""
        if not self.usable:
            return None
        if name in self.observations:
            return self.observations[name]
        return next((test for key, test in self.tests.items() if name in {key, key.rpartition("::")[2]}), None)

    @property
    def is_conclusive(self) -> bool:
        """Whether the record tells of torch at all, be it of a crash at its import; else it couldn't be had."""
        if self.reason is not None and self.reason.kind in INCONCLUSIVE:
            return False
        return self.torch is not None or (self.reason is not None and self.reason.stage in {"import", "run"})


class Timings(StrictModel):
    """Seconds of wall-clock time that each stage took; None where it wasn't reached."""

    resolve: float | None = None
    download: float | None = Field(None, description="Downloading and unpacking; what was cached takes none.")
    install: float | None = None
    import_: float | None = Field(None, alias="import")
    probes: float | None = None
    total: float | None = None


class Run(StrictModel):
    """What belongs to one run and not to the behaviour."""

    asked: str = Field(description="Id of the cell that was asked for.")
    fallback: str | None = Field(None, description="Why another build than the one asked for was tested.")
    inputs: str = Field(description="The portable fingerprint; empty if the suite changed while its tests ran.")
    local: str | None = Field(None, description="The local fingerprint; none if the record was made elsewhere.")
    exclude_newer: str | None = Field(None, description="The time from which files of the index were left out.")
    lock: str | None = Field(None, description="The lock's sha256.")
    recorded_at: str
    machine: str
    log: str | None = Field(None, description="The log's path, from the project's root.")
    bytes: int | None = Field(None, description="Size of all wheels of the lock, in bytes.")
    timings: Timings = Timings()
    modified: tuple[str, ...] = Field((), description="Files of packages that the suite modified in its environment.")
    opened: tuple[str, ...] = Field(
        (), description="Files that were held back and that the probes opened: then they ran again with them."
    )
    tracebacks: dict[str, str] = Field({}, description="Raw tracebacks, by observation or test.")


class FreshRecord(Record):
    """A record with what belongs to the run that made it."""

    run: Run

    def accepted(self) -> Record:
        """The part that belongs under ``results/``."""
        return Record.model_validate(self.model_dump(exclude={"run"}))


R = TypeVar("R", bound=Record)


def dump(record: Record) -> str:
    """A record as JSON text: stable order, one key a line, no key that says nothing but those at the top."""
    data = record.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    always = {"schema": SCHEMA, "cell": None, "status": None, "reason": None, "wheel": None, "torch": None}
    tables: dict[str, Any] = {"packages": {}, "tests": {}, "observations": {}}
    return json.dumps({**always, **tables, **data}, indent=2, ensure_ascii=False) + "\n"


def parse(text: str | bytes, model: type[R], where: object) -> R:
    """A record from its text. Raises `SchemaError`, which names ``where``, for what isn't one."""
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise _refused(text, where, error) from None


_REMEDY: Final = "remove the file, or restore it from version control"


def _refused(text: str | bytes, where: object, error: ValidationError) -> SchemaError:
    """Why a text is no record: it isn't JSON, it has another schema, or it doesn't fit this one."""
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError) as problem:
        return SchemaError(f"{where}: not JSON ({problem}); {_REMEDY}")
    first = error.errors()[0]
    if first["type"] == "json_invalid":  # Python's reader takes more than JSON
        return SchemaError(f"{where}: not JSON ({first['msg']}); {_REMEDY}")
    found = data.get("schema") if isinstance(data, dict) else None
    if found != SCHEMA:
        return SchemaError(
            f"{where}: schema {found!r}, and this version reads schema {SCHEMA}; "
            "run the version that wrote it, or record the cell again with `nox -s matrix -- --fresh`"
        )
    return SchemaError(f"{where}: {'.'.join(map(str, first['loc']))}: {first['msg']}")


def _content(path: Path) -> bytes:
    """Return the content of a file. Raise `SchemaError` where one is there that can't be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SchemaError(f"{path}: can't be read ({error.strerror}); {_REMEDY}") from None


class Store:
    """A folder of records, one file a cell: ``<platform>/<cell id>.json``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: CellKey) -> Path:
        """Where the record of a cell is kept."""
        return self.folder / key.platform / f"{key.id}.json"

    def paths(self) -> Iterator[Path]:
        """Every record's file, in a stable order."""
        return iter(sorted(self.folder.glob("*/*.json")))

    def read(self, model: type[R]) -> list[R]:
        """Every record of the folder. Raises `SchemaError` at the first that can't be read."""
        with garbage.uncollected():
            return [parse(_content(path), model, path) for path in self.paths()]

    def at(self, path: Path, model: type[R]) -> R | None:
        """The record in a file, if there is one."""
        try:
            return parse(_content(path), model, path)
        except FileNotFoundError:
            return None

    def put(self, record: Record, path: Path | None = None) -> Path:
        """Write a record whole or not at all, in the place of its cell if ``path`` isn't given."""
        path = path or self.path(record.cell)
        write_atomically(path, dump(record))
        return path
