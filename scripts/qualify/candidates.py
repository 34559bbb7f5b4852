"""Where a candidate is and what it consists of: an index, a channel of one, or local files."""

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

from scripts import paths
from scripts.bisecting import candidates
from scripts.bisecting.candidates import channel_build
from scripts.core.urls import shown
from scripts.errors import UsageError
from scripts.index import checks, pages
from scripts.index.errors import WebError
from scripts.index.http import Web
from scripts.matrix import cells
from scripts.matrix.cells import DEFAULT_BUILD
from scripts.matrix.config import Build, Matrix
from scripts.qualify.model import Channel
from scripts.results.records import write_atomically
from scripts.sources import wheelfiles
from scripts.sources.wheelfiles import WheelFile

#: Builds of a candidate that has an index of its own: ``index.cpu``, ``wheel.cpu``.
GIVEN, LOCAL = "index", "wheel"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Offer:
    """One version of torch, and what there is of it, by build."""

    version: str
    channel: Channel
    where: str  # for people
    matrix: Matrix  # with the builds that serve it
    builds: Mapping[str, str]  # the build's name in that matrix, by build
    pythons: Mapping[str, frozenset[str] | None]  # by build; None: any, or not known
    before: tuple[str, ...] = ()  # releases that the index has besides
    files: Mapping[Path, str] = dataclasses.field(default_factory=dict)  # local wheels, with their sha256
    notes: tuple[str, ...] = ()


def wanted_builds(matrix: Matrix, patterns: Sequence[str], version: str | None) -> list[str]:
    """The builds of some patterns, of those that were published for a version."""
    return [
        name
        for pattern in patterns
        for name, build in matrix.builds.items()
        if fnmatch.fnmatchcase(name, pattern) and (version is None or cells.matches(version, build.releases))
    ]


def released(web: Web, matrix: Matrix, version: str, *, builds: Sequence[str], platform: str) -> Offer:
    """A release, or whatever the usual index of each build has by that name."""
    listed = {build: _usual(web, matrix, build) for build in builds}
    return _offer(
        matrix,
        "release",
        version,
        listed=listed,
        names={build: build for build in builds},
        platform=platform,
        where="the usual index",
    )


def of_channel(
    web: Web, matrix: Matrix, channel: Channel, version: str, *, builds: Sequence[str], platform: str
) -> Offer:
    """A release candidate of the test channel, or a nightly by version or date."""
    names = {build: channel_build(channel, build) for build in builds}
    matrix = candidates.with_channels(matrix)
    lacking = [build for build, name in names.items() if name not in matrix.builds]
    if lacking:
        raise UsageError(f"--build: {lacking[0]} has no index of its own, so no {channel} channel; take cpu")
    listed = {build: _listed(web, matrix.builds[name].index or "", build) for build, name in names.items()}
    where = ", ".join(shown(matrix.builds[name].index or "") for name in names.values())
    return _offer(matrix, channel, version, listed=listed, names=names, platform=platform, where=where)


def of_index(
    web: Web, matrix: Matrix, url: str, version: str, *, patterns: Sequence[str] | None, platform: str
) -> Offer:
    """A version on an index of its own; its builds are told apart by the labels of its wheels."""
    if urlsplit(url).scheme not in {"http", "https", "file"}:
        raise UsageError(f"--index: {url!r} is no URL; one looks like https://example.org/whl/cpu")
    found = pages.wheels(web, url)
    last = urlsplit(url).path.rstrip("/").rpartition("/")[2]
    unlabelled = last if last in matrix.builds else DEFAULT_BUILD
    by_build: dict[str, list[WheelFile]] = {}
    for wheel in found:
        by_build.setdefault(wheel.label or unlabelled, []).append(wheel)
    known = {wheel.release for wheel in found}
    by_build = {b: ws for b, ws in by_build.items() if version not in known or version in {w.release for w in ws}}
    chosen = _chosen(by_build, patterns)
    several = len({wheel.label for wheel in found}) > 1
    builds = {
        f"{GIVEN}.{build}": Build(releases=">=0", index=url, label=(wheels[0].label or "") if several else None)
        for build, wheels in chosen.items()
    }
    matrix = matrix.model_copy(update={"builds": {**matrix.builds, **builds}})
    names = {build: f"{GIVEN}.{build}" for build in chosen}
    listed: dict[str, list[WheelFile] | None] = dict(chosen)
    return _offer(
        matrix, "index", version, listed=listed, names=names, platform=platform, where=shown(url), option="--index"
    )


def of_wheels(
    matrix: Matrix, given: Sequence[Path], version: str | None, *, patterns: Sequence[str] | None, platform: str
) -> Offer:
    """Local wheels, by files and folders; served to the installer as an index that lists just them, with hashes."""
    files = _files(given)
    wheels = {path: _local(path) for path in files}
    versions = sorted({wheel.release for wheel in wheels.values()})
    if version is None and len(versions) > 1:
        raise UsageError(f"--wheel: wheels of several versions ({', '.join(versions)}); name the candidate too")
    version = version or versions[0]
    if version not in versions:
        raise UsageError(f"--wheel: no wheel of {version}; there are wheels of {', '.join(versions)}")
    kept = {path: wheel for path, wheel in wheels.items() if wheel.release == version}
    by_build: dict[str, list[WheelFile]] = {}
    for wheel in kept.values():
        by_build.setdefault(wheel.label or DEFAULT_BUILD, []).append(wheel)
    chosen = _chosen(by_build, patterns)
    names = {build: f"{LOCAL}.{build}" for build in chosen}
    builds = {names[build]: Build(releases=">=0", index=_staged(found)) for build, found in chosen.items()}
    matrix = matrix.model_copy(update={"builds": {**matrix.builds, **builds}})
    where = ", ".join(sorted({str(path.parent) for path in kept}))
    listed: dict[str, list[WheelFile] | None] = dict(chosen)
    offer = _offer(matrix, "wheels", version, listed=listed, names=names, platform=platform, where=where)
    return dataclasses.replace(offer, files={path: wheel.sha256 or "" for path, wheel in kept.items()})


def _files(given: Iterable[Path]) -> list[Path]:
    files = []
    for path in given:
        if path.is_dir():
            inside = sorted(path.glob("torch-*.whl"))
            if not inside:
                raise UsageError(f"--wheel: no torch-*.whl in the folder {path}")
            files += inside
        elif path.is_file():
            files.append(path)
        else:
            raise UsageError(f"--wheel: {path} is not there")
    return [path.resolve() for path in dict.fromkeys(files)]


def _local(path: Path) -> WheelFile:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    wheel = WheelFile(filename=path.name, url=path.as_uri(), sha256=sha256, size=path.stat().st_size)
    try:
        name = path.name.split("-")[0]
        _ = wheel.parsed
    except InvalidWheelFilename as error:
        raise UsageError(f"--wheel: {path.name} is not named like a wheel: {error}") from None
    if name.lower() != "torch":
        raise UsageError(f"--wheel: {path.name} is a wheel of {name}, not of torch")
    return wheel


def _staged(wheels: Sequence[WheelFile]) -> str:
    """An index of these wheels alone, in a folder; its name tells what is in it, so that other wheels are another."""
    links = [
        f'<a href="{html.escape(wheel.url)}#sha256={wheel.sha256}">{html.escape(wheel.filename)}</a><br/>'
        for wheel in sorted(wheels, key=lambda wheel: wheel.filename)
    ]
    text = "\n".join(["<!DOCTYPE html>", "<html><body>", *links, "</body></html>", ""])
    folder = paths.QUALIFY / "wheels" / hashlib.sha256(text.encode()).hexdigest()[:16]
    write_atomically(folder / "torch" / "index.html", text)
    return folder.as_uri()


def _chosen(by_build: Mapping[str, list[WheelFile]], patterns: Sequence[str] | None) -> dict[str, list[WheelFile]]:
    if patterns is None:
        return dict(by_build)
    chosen = {b: w for b, w in by_build.items() if any(fnmatch.fnmatchcase(b, pattern) for pattern in patterns)}
    if not chosen:
        raise UsageError(f"--build: no wheel of {' or '.join(patterns)}; there are {', '.join(sorted(by_build))}")
    return chosen


def _usual(web: Web, matrix: Matrix, build: str) -> list[WheelFile] | None:
    """The wheels of the index that serves a build here, which can be its fallback's; None if it can't be read."""
    try:
        source = checks.source(build, matrix.builds)
    except checks.NoSourceError:
        return None
    return _listed(web, source.index or pages.default_index(), source.build)


def _listed(web: Web, index: str, build: str) -> list[WheelFile] | None:
    try:
        return wheelfiles.of_build(pages.wheels(web, index), build)
    except WebError:
        return None


def _offer(
    matrix: Matrix,
    channel: Channel,
    version: str,
    *,
    listed: Mapping[str, list[WheelFile] | None],
    names: Mapping[str, str],
    platform: str,
    where: str,
    option: str = "CANDIDATE",
) -> Offer:
    """What there is of a version in each build; where no index can be read, that isn't known."""
    every = [wheel for wheels in listed.values() for wheel in wheels or ()]
    versions = sorted({wheel.release for wheel in every}, key=cells.version)
    if versions:
        version = versions[candidates.place(versions, option, version)]
    elif not _is_version(version):
        raise UsageError(f"{option}: {version!r} is no version, and no index could be read to look it up")
    here = {
        build: None if wheels is None else [w for w in wheels if w.release == version and w.fits(platform)]
        for build, wheels in listed.items()
    }
    pythons = {build: None if wheels is None else _pythons(wheels) for build, wheels in here.items()}
    unread = [build for build, wheels in listed.items() if wheels is None]
    notes = [f"the index of {build} could not be read, so the Pythons are those of matrix.toml" for build in unread]
    other = {p for found in pythons.values() for p in found or ()} - set(matrix.pythons)
    if other:
        listing = ", ".join(sorted(other, key=cells.python_key))
        notes.append(f"not looked at, since matrix.toml does not have them: Python {listing}")
    return Offer(
        version=version,
        channel=channel,
        where=where,
        matrix=matrix,
        builds=names,
        pythons=pythons,
        before=tuple(w.release for w in wheelfiles.stable(every)),
        notes=tuple(notes),
    )


def _is_version(text: str) -> bool:
    try:
        cells.version(text)
    except InvalidVersion:
        return False
    return True


def _pythons(wheels: Iterable[WheelFile]) -> frozenset[str] | None:
    """The Pythons of some wheels; None if one is for any."""
    found: set[str] = set()
    for wheel in wheels:
        if not wheel.pythons:
            return None
        found |= wheel.pythons
    return frozenset(found)
