"""Evidence for a change between two records: which wheels they tested, and what of their files says why."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from scripts.bisecting import judging
from scripts.index import pages
from scripts.index.errors import WebError
from scripts.index.http import Web
from scripts.matrix import cells
from scripts.matrix.cells import DEFAULT_BUILD
from scripts.matrix.config import Build
from scripts.results.records import Observation, Raised, Record
from scripts.scanning import evidence
from scripts.scanning.evidence import Evidence, Needles
from scripts.sources import wheelfiles
from scripts.sources.wheelfiles import WheelFile
from scripts.sources.wheels import Member, NotKeptError, Reader


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unexplained:
    """Why there is no evidence."""

    why: str


class Explainer:
    """Compares the wheels that records tested. What was read once is kept, and then needs no network at all."""

    def __init__(self, web: Web, builds: Mapping[str, Build], *, download: bool = False) -> None:
        self._web, self._builds = web, builds
        self._reader = _Remembering(web, download=download)
        self._pages: dict[str, list[WheelFile] | WebError] = {}
        self._compared: dict[tuple[object, ...], Evidence] = {}

    def evidence_of(self, before: Record, after: Record, name: str | None) -> Evidence | Unexplained:
        """The evidence for a change of an observation or test, in whichever order the sides are given.

        ``name`` is None where something else than an observation changed: then only files are compared. Never
        raises: an unreachable index, a wheel that is gone and the like are said in the answer.
        """
        old, new = sorted((before, after), key=lambda record: cells.version(record.cell.torch))
        one, other = _seen(old, name), _seen(new, name)
        seen = Needles.of(one, other), Needles.of(other, one)
        try:
            wheels = _kept(old), _kept(new)
            key = (*(wheel.sha256 for wheel in wheels), *seen)
            if key not in self._compared:
                self._compared[key] = self._compare(old, new, *seen)
        except (WebError, OSError) as error:
            return Unexplained(why=str(error))
        return self._compared[key]

    def _compare(self, old: Record, new: Record, before: Needles, after: Needles) -> Evidence:
        """From what is kept, or else from the index."""
        try:
            sides = _kept(old), _kept(new)
            return evidence.evidence(self._reader, *sides, seen_before=before, seen_after=after)
        except NotKeptError:
            sides = self._listed(old), self._listed(new)
            found = evidence.evidence(self._reader, *sides, seen_before=before, seen_after=after)
            return dataclasses.replace(found, note=_note((old, new), sides))

    def _listed(self, record: Record) -> WheelFile:
        """The wheel that a record tested, on its index, or one of the same release that stands in for it.

        Raises:
            WebError: the index has none of that release.
        """
        kept, cell = _kept(record), record.cell
        page = self._page(record.wheel.index if record.wheel else DEFAULT_BUILD)
        for wheel in page:
            if wheel.filename == kept.filename and wheel.sha256 in {None, kept.sha256}:
                return dataclasses.replace(wheel, sha256=kept.sha256)
        # It came from a folder of somebody's, say. Files of pure Python are the same in all wheels of a release.
        other = wheelfiles.one_a_release(page, cell.platform).get(cell.torch)
        if other is None:
            raise WebError(f"{cell.id}: its index no longer has {kept.filename}")
        return other

    def _page(self, name: str) -> list[WheelFile]:
        """The wheels of a build's index, asked for once. Raises `WebError`, each time the same."""
        if name not in self._pages:
            build = self._builds.get(name)
            index = build.index if build and name != DEFAULT_BUILD else None
            try:
                self._pages[name] = pages.wheels(self._web, index or pages.default_index(), yanked=True)
            except WebError as error:
                self._pages[name] = error
        page = self._pages[name]
        if isinstance(page, WebError):
            raise page
        return page


class _Remembering(Reader):
    """Keeps tables of contents in memory, too: many changes are between the same few wheels."""

    def __init__(self, web: Web, *, download: bool) -> None:
        super().__init__(web, download=download)
        self._tables: dict[str, Mapping[str, Member]] = {}

    def contents(self, wheel: WheelFile) -> Mapping[str, Member]:
        if wheel.filename not in self._tables:
            self._tables[wheel.filename] = super().contents(wheel)
        return self._tables[wheel.filename]


def _seen(record: Record, name: str | None) -> Raised | None:
    """What a record has under a name; of what was blocked, that which blocked it."""
    what = judging.seen(record, name) if name else None
    if isinstance(what, Observation) and what.blocked_by:
        return judging.seen(record, what.blocked_by)
    return what


def _note(records: Sequence[Record], wheels: Sequence[WheelFile]) -> str | None:
    """Which wheels stood in for those that were tested."""
    pairs = [(_kept(record).filename, wheel.filename) for record, wheel in zip(records, wheels, strict=True)]
    said = [f"{tested} is on no index, so {read} was read" for tested, read in pairs if tested != read]
    return "; ".join(said) or None


def _kept(record: Record) -> WheelFile:
    """The wheel that a record tested, without an address: as far as it was read before. Raises `WebError`."""
    if record.wheel is None:
        raise WebError(f"{record.cell.id}: the record names no wheel")
    return WheelFile(filename=record.wheel.filename, url="", sha256=record.wheel.sha256 or None)
