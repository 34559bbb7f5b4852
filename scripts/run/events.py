"""Parse the events of the recorder, from an untrusted file: any test can write to it. Pure.

The events are documented in `tests/cells/recorder/events.py`. An invalid line is ignored and reported as a problem.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from scripts.core.escaping import encodable
from scripts.records.model import Frame, Warned

#: Largest line in bytes. The recorder cuts each text at 64 K characters; a line holds two of them and some warnings.
_LONGEST_LINE: Final = 8_000_000
#: Bytes read of the file of one process.
LONGEST_FILE: Final = 256_000_000
#: Problems that are listed: a file can be garbage from start to end.
_LISTED: Final = 20

Name = Annotated[str, Field(min_length=1, max_length=10_000)]
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=10_000_000)]
#: torch's version attributes are not strings in every release.
OptionalText = Annotated[str | None, BeforeValidator(lambda value: value if value is None else str(value))]


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", defer_build=True)


class _Raised(_Event):
    """An event with an exception and warnings."""

    phase: str | None = None
    exception: str | None = None
    bases: list[str] = []
    message: str | None = None
    frames: list[Frame] = []
    traceback: str | None = None
    warnings: list[Warned] = []


class TorchVersions(_Event):
    """Versions reported by the installed torch."""

    version: str
    git_version: OptionalText = None
    cuda: OptionalText = None
    hip: OptionalText = None


class Started(_Event):
    """torch was imported."""

    event: Literal["started"]
    torch: TorchVersions
    seconds: Seconds = 0.0
    at: float = Field(0.0, allow_inf_nan=False)


class ImportFailed(_Raised):
    """torch could not be imported."""

    event: Literal["import-failed"]
    exception: str
    message: str


class CollectionFailed(_Event):
    """A test file could not be collected."""

    event: Literal["collection-failed"]
    test: Name
    message: str


class Collected(_Event):
    """The collected tests."""

    event: Literal["collected"]
    tests: list[Name]


class TestStarted(_Event):
    """A test has started."""

    __test__ = False
    event: Literal["test-started"]
    test: Name


class Observing(_Event):
    """An observation has started."""

    event: Literal["observing"]
    test: Name | None
    name: Name


class Observed(_Raised):
    """An observation has ended."""

    event: Literal["observed"]
    test: Name | None
    name: Name
    outcome: Literal["returned", "raised", "blocked", "skipped"]
    blocked_by: str | None = None
    why: str | None = None


class TestFinished(_Raised):
    """A test has its verdict."""

    __test__ = False
    event: Literal["test-finished"]
    test: Name
    outcome: Literal["passed", "failed", "skipped", "error"]
    observed: Count = 0
    known_defect: str | None = None


class Finished(_Event):
    """pytest has finished."""

    event: Literal["finished"]
    exit: int
    tests: Count = 0
    warned_in: list[str] = []


Event = (
    Started | ImportFailed | CollectionFailed | Collected | TestStarted | Observing | Observed | TestFinished | Finished
)
_EVENT: Final[TypeAdapter[Event]] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Read:
    """Events of one process, and problems of invalid lines."""

    events: tuple[Event, ...] = ()
    problems: tuple[str, ...] = ()
    verdicts: int = 0  # lines with a verdict, including repeated ones

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
        """The event of the end of pytest if it is the last event, else None."""
        last = self.events[-1] if self.events else None
        return last if isinstance(last, Finished) else None

    @property
    def lacks_verdicts(self) -> bool:
        """True if the recorder wrote more verdicts than the file holds."""
        return self.finished is not None and self.finished.tests > self.verdicts


def parse(data: bytes, token: str = "") -> Read:
    """Return the events in the content of an events file. Never raises. ``token`` is the key of the lines' digests."""
    events: list[Event] = []
    problems: list[str] = []
    keys: set[tuple[str, str]] = set()
    verdicts = 0
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            event = _event(line, token)
            verdicts += isinstance(event, TestFinished)
            _check_order(event, events, keys)
            keys.add(key(event))
            events.append(event)
        except ValueError as error:
            problems.append(f"line {number} of the events: {error}")
    more = len(problems) - _LISTED
    named = (*problems[:_LISTED], *([f"{more} more lines"] if more > 0 else []))
    return Read(events=tuple(events), problems=named, verdicts=verdicts)


def _event(line: bytes, token: str) -> Event:
    """Return the event of a line. Raise `ValueError` with the problem."""
    if len(line) > _LONGEST_LINE:
        raise ValueError(f"too long: {len(line)} bytes")
    try:
        content = _encodable(json.loads(_verified(line, token)))
    except RecursionError as error:
        raise ValueError("not JSON") from error
    try:
        return _EVENT.validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(encodable(str(part)) for part in first["loc"])
        raise ValueError(f"{where[:100]}: {first['msg'][:200]}") from None


def _verified(line: bytes, token: str) -> bytes:
    """Return a line without its digest. Raise `ValueError` if the recorder did not write the line."""
    if not token:
        return line
    digest, _, text = line.partition(b" ")
    ours = hashlib.blake2b(text, key=token.encode(), digest_size=16).hexdigest().encode()
    if not hmac.compare_digest(digest, ours):
        raise ValueError("not written by the recorder")
    return text


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, dict):
        return {encodable(key): _encodable(item) for key, item in value.items()}
    return value


def _check_order(event: Event, earlier: list[Event], keys: set[tuple[str, str]]) -> None:
    """Raise `ValueError` for an event that the recorder does not write after the earlier ones."""
    kind, name = key(event)
    if kind and (kind, name) in keys:
        raise ValueError(f"repeated event: {kind} {name[:100]}")
    if kind == "started" and earlier:
        raise ValueError("an event before the import of torch")


def key(event: Event) -> tuple[str, str]:
    """Return the key of an event that occurs once: the start, a verdict, an observation. Empty for other events."""
    match event:
        case Started() | ImportFailed():
            return ("started", "")
        case TestFinished():
            return (event.event, event.test)
        case Observed():
            return (event.event, event.name)
        case _:
            return ("", "")
