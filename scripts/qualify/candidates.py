"""Look up a version of torch: as a release, in a channel, on another index, or as local wheels."""

from __future__ import annotations

import dataclasses
import fnmatch
import hashlib
import html
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from packaging.utils import InvalidWheelFilename
from packaging.version import InvalidVersion

from scripts.config import versions
from scripts.config.cell import DEFAULT_BUILD
from scripts.config.model import Build, Matrix
from scripts.core import paths, urls
from scripts.core.errors import UsageError
from scripts.core.files import write_atomically
from scripts.core.urls import shown
from scripts.index import channels, listings, sources, wheel_files
from scripts.index.errors import WebError
from scripts.index.http import Web
from scripts.index.wheel_files import WheelFile
from scripts.qualify.model import Channel

#: First parts of the names of builds that are on an index of ``--index`` or local: ``index.cpu``, ``wheel.cpu``.
INDEX_BUILDS, WHEEL_BUILDS = "index", "wheel"

#: Wheels by build; None for a build whose index cannot be read.
Listing = Mapping[str, Sequence[WheelFile] | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AvailableVersion:
    """One version of torch, and its wheels.

    Attributes:
        version: the full version.
        channel: where it is.
        where: the same for people.
        matrix: with the builds that serve it.
        builds: by build, its name in that matrix.
        pythons: by build, the Pythons with a wheel; None if any has, or where that is unknown.
        stable_releases: stable releases on the same indexes.
        files: local wheels, with their sha256.
        notes: remarks for the report.
    """

    version: str
    channel: Channel
    where: str
    matrix: Matrix
    builds: Mapping[str, str]
    pythons: Mapping[str, frozenset[str] | None]
    stable_releases: tuple[str, ...] = ()
    files: Mapping[Path, str] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()


def published_builds(matrix: Matrix, patterns: Sequence[str], version: str | None) -> list[str]:
    """Return the builds that match a pattern and were published for a version, if one is given."""
    return [
        name
        for pattern in patterns
        for name, build in matrix.builds.items()
        if fnmatch.fnmatchcase(name, pattern) and (version is None or versions.matches(version, build.releases))
    ]


def from_release(web: Web, matrix: Matrix, version: str, *, builds: Sequence[str], platform: str) -> AvailableVersion:
    """Look a version up on the usual index of each build."""
    return _available(
        matrix,
        "release",
        version,
        listing={build: _usual_listing(web, matrix, build) for build in builds},
        names={build: build for build in builds},
        platform=platform,
        where="the usual index",
    )


def from_channel(
    web: Web, matrix: Matrix, channel: Channel, version: str, *, builds: Sequence[str], platform: str
) -> AvailableVersion:
    """Look up a release candidate in the test channel, or a nightly by version or date."""
    names = {build: channels.build_name(channel, build) for build in builds}
    matrix = channels.with_channels(matrix)
    for build, name in names.items():
        if name not in matrix.builds:
            raise UsageError(f"--build: {build} has no index of its own and so no {channel} channel; use cpu")
    indexes = {build: matrix.builds[name].index or "" for build, name in names.items()}
    return _available(
        matrix,
        channel,
        version,
        listing={build: _read_listing(web, index, build) for build, index in indexes.items()},
        names=names,
        platform=platform,
        where=", ".join(map(shown, indexes.values())),
    )


def from_index(
    web: Web, matrix: Matrix, url: str, version: str, *, patterns: Sequence[str] | None, platform: str
) -> AvailableVersion:
    """Look a version up on another index, whose builds are distinguished by the labels of its wheels."""
    if urlsplit(url).scheme not in {"http", "https", "file"}:
        raise UsageError(f"--index: not a URL: {url!r}; example: https://example.org/whl/cpu")
    wheels = listings.wheels(web, url)
    last = urlsplit(url).path.rstrip("/").rpartition("/")[2]
    by_build = _by_build(wheels, unlabelled=last if last in matrix.builds else DEFAULT_BUILD)
    if any(wheel.release == version for wheel in wheels):
        by_build = {build: of for build, of in by_build.items() if any(wheel.release == version for wheel in of)}
    chosen = _matching(by_build, patterns)
    several = len({wheel.label for wheel in wheels}) > 1
    names = {build: f"{INDEX_BUILDS}.{build}" for build in chosen}
    builds = {
        names[build]: Build(releases=">=0", index=url, label=(of[0].label or "") if several else None)
        for build, of in chosen.items()
    }
    matrix = matrix.model_copy(update={"builds": {**matrix.builds, **builds}})
    return _available(
        matrix, "index", version, listing=chosen, names=names, platform=platform, where=shown(url), option="--index"
    )


def from_wheels(
    matrix: Matrix, given: Sequence[Path], version: str | None, *, patterns: Sequence[str] | None, platform: str
) -> AvailableVersion:
    """Look a version up among local wheels; the installer gets an index that lists only them, with their hashes."""
    wheels = {path: _local_wheel(path) for path in _wheel_paths(given)}
    versions = sorted({wheel.release for wheel in wheels.values()})
    if version is None and len(versions) > 1:
        raise UsageError(f"--wheel: wheels of several versions ({', '.join(versions)}); name the candidate too")
    version = version or versions[0]
    if version not in versions:
        raise UsageError(f"--wheel: no wheel of {version}; there are wheels of {', '.join(versions)}")
    wheels = {path: wheel for path, wheel in wheels.items() if wheel.release == version}
    chosen = _matching(_by_build(wheels.values(), unlabelled=DEFAULT_BUILD), patterns)
    names = {build: f"{WHEEL_BUILDS}.{build}" for build in chosen}
    builds = {
        names[build]: Build(releases=">=0", index=_write_index(of), companions=_usual_index(matrix, build))
        for build, of in chosen.items()
    }
    matrix = matrix.model_copy(update={"builds": {**matrix.builds, **builds}})
    where = ", ".join(sorted({str(path.parent) for path in wheels}))
    found = _available(matrix, "wheels", version, listing=chosen, names=names, platform=platform, where=where)
    return dataclasses.replace(found, files={path: wheel.sha256 or "" for path, wheel in wheels.items()})


# --- local wheels -------------------------------------------------------------------------------------------------


def _wheel_paths(given: Iterable[Path]) -> list[Path]:
    """Return the given files, and the torch wheels of the given folders, as absolute paths."""
    files = []
    for path in given:
        if path.is_dir():
            inside = sorted(path.glob("torch-*.whl"))
            if not inside:
                raise UsageError(f"--wheel: no torch-*.whl in the directory {path}")
            files += inside
        elif path.is_file():
            files.append(path)
        else:
            raise UsageError(f"--wheel: no such file or directory: {path}")
    return [path.resolve() for path in dict.fromkeys(files)]


def _local_wheel(path: Path) -> WheelFile:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    wheel = WheelFile(filename=path.name, url=urls.of_path(path), sha256=sha256, size=path.stat().st_size)
    try:
        _ = wheel.parsed
    except InvalidWheelFilename as error:
        raise UsageError(f"--wheel: not a valid wheel name: {path.name}: {error}") from None
    name = path.name.split("-")[0]
    if name.lower() != "torch":
        raise UsageError(f"--wheel: {path.name} is a wheel of {name}, not of torch")
    return wheel


def _write_index(wheels: Sequence[WheelFile]) -> str:
    """Write an index of some wheels to a folder, and return its URL; other wheels get another URL."""
    links = [
        f'<a href="{html.escape(wheel.url)}#sha256={wheel.sha256}">{html.escape(wheel.filename)}</a><br/>'
        for wheel in sorted(wheels, key=lambda wheel: wheel.filename)
    ]
    text = "\n".join(["<!DOCTYPE html>", "<html><body>", *links, "</body></html>", ""])
    folder = paths.WHEELS / "local" / hashlib.sha256(text.encode()).hexdigest()[:16]
    write_atomically(folder / "torch" / "index.html", text)
    return urls.of_path(folder)


def _usual_index(matrix: Matrix, build: str) -> str:
    """Return the index that serves torch's companions for a local wheel: that of its build."""
    usual = matrix.builds.get(build)
    return (usual.index if usual else None) or DEFAULT_BUILD


# --- listings -----------------------------------------------------------------------------------------------------


def _by_build(wheels: Iterable[WheelFile], *, unlabelled: str) -> dict[str, list[WheelFile]]:
    """Group wheels by their label; those without belong to the build ``unlabelled``."""
    by_build: dict[str, list[WheelFile]] = {}
    for wheel in wheels:
        by_build.setdefault(wheel.label or unlabelled, []).append(wheel)
    return by_build


def _matching(by_build: Mapping[str, list[WheelFile]], patterns: Sequence[str] | None) -> dict[str, list[WheelFile]]:
    """Return the builds that match a pattern; all without patterns."""
    if patterns is None:
        return dict(by_build)
    chosen = {b: w for b, w in by_build.items() if any(fnmatch.fnmatchcase(b, pattern) for pattern in patterns)}
    if not chosen:
        raise UsageError(f"--build: no wheel of {' or '.join(patterns)}; there are {', '.join(sorted(by_build))}")
    return chosen


def _usual_listing(web: Web, matrix: Matrix, build: str) -> list[WheelFile] | None:
    """Return the wheels of the index that serves a build here, which may be its fallback's; None if unreadable."""
    try:
        source = sources.choose(build, matrix.builds)
    except sources.NoSourceError:
        return None
    return _read_listing(web, source.index or listings.default_index(), source.build)


def _read_listing(web: Web, index: str, build: str) -> list[WheelFile] | None:
    try:
        return wheel_files.of_build(listings.wheels(web, index), build)
    except WebError:
        return None


def _available(
    matrix: Matrix,
    channel: Channel,
    version: str,
    *,
    listing: Listing,
    names: Mapping[str, str],
    platform: str,
    where: str,
    option: str = "CANDIDATE",
) -> AvailableVersion:
    """Return the version that ``version`` names in a listing. Raises `UsageError`, naming ``option``, if none does."""
    wheels = [wheel for of_build in listing.values() for wheel in of_build or ()]
    version = _resolve(version, wheels, option)
    pythons = {
        build: None if of is None else _pythons(w for w in of if w.release == version and w.fits(platform))
        for build, of in listing.items()
    }
    return AvailableVersion(
        version=version,
        channel=channel,
        where=where,
        matrix=matrix,
        builds=names,
        pythons=pythons,
        stable_releases=tuple(wheel.release for wheel in wheel_files.stable(wheels)),
        notes=tuple(_notes(matrix, pythons, listing)),
    )


def _resolve(version: str, wheels: Iterable[WheelFile], option: str) -> str:
    """Return the full version; an abbreviated one, such as a nightly's date, is looked up among the wheels."""
    known = sorted({wheel.release for wheel in wheels}, key=versions.version)
    if known:
        return known[channels.position(known, option, version)]
    try:
        versions.version(version)
    except InvalidVersion:
        raise UsageError(f"{option}: not a version: {version!r}, and no index could be read to look it up") from None
    return version


def _pythons(wheels: Iterable[WheelFile]) -> frozenset[str] | None:
    """Return the Pythons of some wheels; None if one of them works with any."""
    sets = [wheel.pythons for wheel in wheels]
    return frozenset().union(*sets) if all(sets) else None


def _notes(matrix: Matrix, pythons: Mapping[str, frozenset[str] | None], listing: Listing) -> list[str]:
    notes = [
        f"the index of {build} could not be read; using the Pythons of matrix.toml"
        for build, wheels in listing.items()
        if wheels is None
    ]
    unknown = {name for names in pythons.values() for name in names or ()} - set(matrix.pythons)
    if unknown:
        listed = ", ".join(sorted(unknown, key=versions.python_key))
        notes.append(f"not tested, as matrix.toml does not list it: Python {listed}")
    return notes
