"""Events of the recorder, read from a file that any test can write to. Pure.

The recorder (`tests/cells/recorder/events.py`) says what each event means. A line that is not one costs itself alone
and is named; nothing else in it is believed.
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

#: Bytes of one line; the recorder cuts each text at 64 K characters, and has two of them and some warnings in a line.
_LONGEST_LINE: Final = 8_000_000
#: Bytes that are read of one process's file.
LONGEST_FILE: Final = 256_000_000
#: Problems that are named; a file can be garbage altogether.
_NAMED: Final = 20

Name = Annotated[str, Field(min_length=1, max_length=10_000)]
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=10_000_000)]
#: What torch says of itself is no string everywhere.
Said = Annotated[str | None, BeforeValidator(lambda value: value if value is None else str(value))]


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class _Raised(_Event):
    """What was raised and warned."""

    phase: str | None = None
    exception: str | None = None
    bases: list[str] = []
    message: str | None = None
    frames: list[Frame] = []
    traceback: str | None = None
    warnings: list[Warned] = []


class TorchSaid(_Event):
    """What the installed torch says of itself."""

    version: str
    git_version: Said = None
    cuda: Said = None
    hip: Said = None


class Started(_Event):
    """torch is imported."""

    event: Literal["started"]
    torch: TorchSaid
    seconds: Seconds = 0.0
    at: float = Field(0.0, allow_inf_nan=False)


class ImportFailed(_Raised):
    """torch can't be imported."""

    event: Literal["import-failed"]
    exception: str
    message: str


class CollectionFailed(_Event):
    """A file of tests can't be read."""

    event: Literal["collection-failed"]
    test: Name
    message: str


class Collected(_Event):
    """The tests that will be run."""

    event: Literal["collected"]
    tests: list[Name]


class TestStarted(_Event):
    """A test begins."""

    __test__ = False
    event: Literal["test-started"]
    test: Name


class Observing(_Event):
    """An observation begins."""

    event: Literal["observing"]
    test: Name | None
    name: Name


class Observed(_Raised):
    """An observation ends."""

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


class Finished(_Event):
    """pytest came to its end."""

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
    """What one process reported, and what of its file was not believed."""

    events: tuple[Event, ...] = ()
    problems: tuple[str, ...] = ()
    verdicts: int = 0  # lines that hold one, a second one of the same test too

    @property
    def started(self) -> Started | None:
        """That torch was imported."""
        return next((event for event in self.events if isinstance(event, Started)), None)

    @property
    def import_failed(self) -> ImportFailed | None:
        """Why torch was not imported."""
        return next((event for event in self.events if isinstance(event, ImportFailed)), None)

    @property
    def finished(self) -> Finished | None:
        """The end of the process, if nothing came after it."""
        last = self.events[-1] if self.events else None
        return last if isinstance(last, Finished) else None

    @property
    def lacks_verdicts(self) -> bool:
        """Whether the recorder wrote more verdicts than there are."""
        return self.finished is not None and self.finished.tests > self.verdicts


def parse(data: bytes, token: str = "") -> Read:
    """Return the events in the text of an events file. Never raises, whatever the text is."""
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
    more = len(problems) - _NAMED
    named = (*problems[:_NAMED], *([f"{more} more lines"] if more > 0 else []))
    return Read(events=tuple(events), problems=named, verdicts=verdicts)


def _event(line: bytes, token: str) -> Event:
    """Return one event. Raises `ValueError`, which says what is wrong."""
    if len(line) > _LONGEST_LINE:
        raise ValueError(f"{len(line)} bytes are too many")
    try:
        said = _encodable(json.loads(_opened(line, token)))
    except RecursionError as error:
        raise ValueError("not JSON") from error
    try:
        return _EVENT.validate_python(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(encodable(str(part)) for part in first["loc"])
        raise ValueError(f"{where[:100]}: {first['msg'][:200]}") from None


def _opened(line: bytes, token: str) -> bytes:
    """Return a line without its digest. Raises `ValueError` where that isn't the recorder's."""
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


def _check_order(event: Event, before: list[Event], keys: set[tuple[str, str]]) -> None:
    """Raise `ValueError` for an event that the recorder would not write after these."""
    what, name = key(event)
    if what and (what, name) in keys:
        raise ValueError(f"a second {what} {name[:100]}")
    if what == "started" and before:
        raise ValueError("torch is imported first")


def key(event: Event) -> tuple[str, str]:
    """Return what there is only one of: the start, a test's verdict, an observation. Any number of the rest."""
    match event:
        case Started() | ImportFailed():
            return ("started", "")
        case TestFinished():
            return (event.event, event.test)
        case Observed():
            return (event.event, event.name)
        case _:
            return ("", "")
