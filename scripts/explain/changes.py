"""Find the evidence for a change between two records, in the files of the wheels that they tested."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from scripts.config import versions
from scripts.config.cell import DEFAULT_BUILD
from scripts.config.model import Build
from scripts.explain import evidence
from scripts.explain.evidence import Comparison, Needles
from scripts.index import listings, wheel_files
from scripts.index.errors import WebError
from scripts.index.http import Web
from scripts.index.remote_wheels import Member, NotCachedError, Reader
from scripts.index.wheel_files import WheelFile
from scripts.records.model import Observation, Raised, Record


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unexplained:
    """The reason why there is no evidence."""

    why: str


class Explainer:
    """Compares the wheels that records tested. Files are cached, so a comparison needs the network only once."""

    def __init__(self, web: Web, builds: Mapping[str, Build], *, download: bool = False) -> None:
        self._web, self._builds = web, builds
        self._reader = _CachingReader(web, download=download)
        self._pages: dict[str, list[WheelFile] | WebError] = {}
        self._compared: dict[tuple[object, ...], Comparison] = {}

    def explain(self, before: Record, after: Record, name: str | None) -> Comparison | Unexplained:
        """Return the evidence for a change of an observation or test, in whichever order the sides are given.

        ``name`` is None if something other than an observation changed: then only files are compared. Never raises
        an error: an unreachable index or a missing wheel is the reason why there is no evidence.
        """
        old, new = sorted((before, after), key=lambda record: versions.version(record.cell.torch))
        observed_before, observed_after = _observed(old, name), _observed(new, name)
        needles = Needles.of(observed_before, observed_after), Needles.of(observed_after, observed_before)
        try:
            wheels = _tested_wheel(old), _tested_wheel(new)
            key = (*(wheel.sha256 for wheel in wheels), *needles)
            if key not in self._compared:
                self._compared[key] = self._compare(old, new, *needles)
        except (WebError, OSError) as error:
            return Unexplained(why=str(error))
        return self._compared[key]

    def _compare(self, old: Record, new: Record, before: Needles, after: Needles) -> Comparison:
        """Compare cached files, or else those of the wheels on the index."""
        try:
            sides = _tested_wheel(old), _tested_wheel(new)
            return evidence.compare(self._reader, *sides, needles_before=before, needles_after=after)
        except NotCachedError:
            sides = self._listed(old), self._listed(new)
            comparison = evidence.compare(self._reader, *sides, needles_before=before, needles_after=after)
            return dataclasses.replace(comparison, note=_note((old, new), sides))

    def _listed(self, record: Record) -> WheelFile:
        """Return the wheel that a record tested as its index lists it, or else another one of the same release.

        Raises:
            WebError: the index has no wheel of that release.
        """
        tested, cell = _tested_wheel(record), record.cell
        page = self._page(record.wheel.index if record.wheel else DEFAULT_BUILD)
        for wheel in page:
            if wheel.filename == tested.filename and wheel.sha256 in {None, tested.sha256}:
                return dataclasses.replace(wheel, sha256=tested.sha256)
        # It came from a local folder, say. All wheels of a release have the same Python files.
        substitute = wheel_files.one_per_release(page, cell.platform).get(cell.torch)
        if substitute is None:
            raise WebError(f"{cell.id}: its index no longer has {tested.filename}")
        return substitute

    def _page(self, name: str) -> list[WheelFile]:
        """Return the wheels of a build's index, which is read once. Raises the same `WebError` each time it failed."""
        if name not in self._pages:
            build = self._builds.get(name)
            index = build.index if build and name != DEFAULT_BUILD else None
            try:
                self._pages[name] = listings.wheels(self._web, index or listings.default_index(), yanked=True)
            except WebError as error:
                self._pages[name] = error
        page = self._pages[name]
        if isinstance(page, WebError):
            raise page
        return page


class _CachingReader(Reader):
    """Caches tables of contents in memory as well: many changes are between the same few wheels."""

    def __init__(self, web: Web, *, download: bool) -> None:
        super().__init__(web, download=download)
        self._tables: dict[str, Mapping[str, Member]] = {}

    def contents(self, wheel: WheelFile) -> Mapping[str, Member]:
        if wheel.filename not in self._tables:
            self._tables[wheel.filename] = super().contents(wheel)
        return self._tables[wheel.filename]


def _observed(record: Record, name: str | None) -> Raised | None:
    """Return the observation or test of a name; for a blocked observation, the one that blocked it."""
    observed = record.observed(name) if name else None
    if isinstance(observed, Observation) and observed.blocked_by:
        return record.observed(observed.blocked_by)
    return observed


def _note(records: Sequence[Record], wheels: Sequence[WheelFile]) -> str | None:
    """Return which wheels were read in place of the tested ones, as text."""
    pairs = [(_tested_wheel(record).filename, wheel.filename) for record, wheel in zip(records, wheels, strict=True)]
    return (
        "; ".join(f"{tested} is on no index; read {read} instead" for tested, read in pairs if tested != read) or None
    )


def _tested_wheel(record: Record) -> WheelFile:
    """Return the wheel that a record tested, without its URL: enough for cached files. Raises `WebError`."""
    if record.wheel is None:
        raise WebError(f"{record.cell.id}: the record names no wheel")
    return WheelFile(filename=record.wheel.filename, url="", sha256=record.wheel.sha256 or None)
