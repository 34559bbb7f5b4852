"""Wheels of what has none: built once from its sources, kept by their digest, and shared by cells and runs.

Building runs foreign code: in a copy of the sources, a closed environment with a HOME of its own, and a time limit.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Final

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from scripts.core import environment as closed
from scripts.core import processes, urls
from scripts.core.locking import locked
from scripts.index import settings
from scripts.run import failures, source
from scripts.run.failures import CellError
from scripts.run.interpreters import uv_bin
from scripts.run.source import Archive, Commit, Folder, Source, Tools

#: The time of every file in a built wheel, the oldest that a zip can tell: the same sources make the same wheel.
_EPOCH: Final = "315532800"
#: Where a wheel lies that every Python can have.
_PURE: Final = "any"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """The Python that a wheel is for, and the log and time limit of getting it."""

    python: str  # 3.11, 3.13t
    interpreter: Path
    log: Path
    timeout: float
    exclude_newer: str | None = None  # timestamp from which files of an index are left out


class WheelBuilder:
    """Builds wheels into a folder, for all cells of a run. What failed once is not tried again in the run."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder, self.cache = folder, cache
        self._sources: dict[str, Source] = {}
        self._failures: dict[Path, CellError] = {}
        self._guard = threading.Lock()

    def identity(self, line: str) -> str:
        """Return a requirement for a digest of inputs: in place of a path on this machine, what is there.

        What lies behind another URL is not looked up: like an index, it counts as unchanged until ``--upgrade``.
        """
        needed = Requirement(line)
        if needed.url is None or not urls.is_file(needed.url):
            return line
        try:
            content = self._source(needed.url, None).key
        except OSError as error:
            content = f"missing: {error.strerror}"
        needed.url = f"{content}{_subdirectory(needed.url)}"
        return str(needed)

    def with_wheel(self, line: str, target: Target) -> str:
        """Return a requirement with the wheel of what it names, which is built if there is none.

        Raises:
            CellError: it can't be fetched or built.
        """
        needed = Requirement(line)
        if needed.url is None or _is_wheel(needed.url) or not _applies(needed, target):
            return line
        url = needed.url
        with self._guard:  # once for all cells: each would download the same
            found = self._source_now(url, target)
        wheel = self._wheel(found, source.fragment(url, "subdirectory"), target)
        name = parse_wheel_filename(wheel.name)[0]
        if name != canonicalize_name(needed.name):
            raise CellError("build", "build failed", f"{urls.shown(url)} is {name!r}, not {needed.name!r}")
        needed.url = urls.of_path(wheel)
        return str(needed)

    def _source_now(self, url: str, target: Target) -> Source:
        try:
            return self._source(url, target)
        except OSError as error:
            raise source.unreachable(str(error)) from error

    def _source(self, url: str, target: Target | None) -> Source:
        """Return the sources behind a URL, as they were when the run first asked for them."""
        if url not in self._sources:
            self._sources[url] = self._found(url, target)
        return self._sources[url]

    def _found(self, url: str, target: Target | None) -> Source:
        if urls.is_file(url):
            path = urls.to_path(url)
            return Folder.of(path) if path.is_dir() else _checked(Archive.of(path), url)
        assert target is not None, "only files are looked at without a target"
        tools = Tools(env=_git_environment(), log=target.log, timeout=target.timeout)
        if url.startswith("git+"):
            place, revision = source.repository(url)
            return Commit(place, tools.commit(place, revision), tools)
        with tempfile.TemporaryDirectory(prefix="cell-build-", ignore_cleanup_errors=True) as scratch:
            found = _checked(Archive.of(tools.download(url, Path(scratch))), url)
            kept = self.folder / "archives" / found.key / found.path.name
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(found.path, kept)
        return dataclasses.replace(found, path=kept)

    def _wheel(self, sources: Source, subdirectory: str | None, target: Target) -> Path:
        """Return the wheel of some sources, kept or built. Raise `CellError`."""
        asked = "\0".join([sources.key, subdirectory or "", target.exclude_newer or ""])
        folder = self.folder / hashlib.sha256(asked.encode()).hexdigest()
        place = folder / f"py{target.python}"
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / ".lock"):
            if (kept := _only_wheel(folder / _PURE) or _only_wheel(place)) is not None:
                return kept
            if place in self._failures:
                raise self._failures[place]
            try:
                return self._build(sources, subdirectory, folder, target)
            except CellError as error:
                self._failures[place] = error
                raise

    def _build(self, sources: Source, subdirectory: str | None, folder: Path, target: Target) -> Path:
        with tempfile.TemporaryDirectory(prefix="cell-build-", ignore_cleanup_errors=True) as name:
            scratch = Path(name).resolve()
            tree, output = scratch / "source", scratch / "wheel"
            sources.unpack(tree)
            project = (tree / (subdirectory or "")).resolve()
            if not project.is_relative_to(tree) or not project.is_dir():
                raise CellError("build", "build failed", f"the sources have no folder {subdirectory!r}")
            self._run_uv(project, output, scratch, target)
            wheel = _only_wheel(output)
            if wheel is None:
                raise CellError("build", "build failed", "the build made no wheel, or not one alone")
            pure = wheel.name.endswith("-none-any.whl") and any(
                tag.interpreter == "py3" for tag in parse_wheel_filename(wheel.name)[3]
            )
            return _put(wheel, folder / (_PURE if pure else f"py{target.python}"))

    def _run_uv(self, project: Path, output: Path, scratch: Path, target: Target) -> None:
        command: list[str | Path] = [
            *(uv_bin(), "build", "--wheel", project, "--out-dir", output, "--python", target.interpreter),
            *("--no-python-downloads", "--no-sources", "--no-create-gitignore", "--color", "never"),
            *("--cache-dir", self.cache, *(("--exclude-newer", target.exclude_newer) if target.exclude_newer else ())),
        ]
        env = environment(scratch, target.interpreter)
        done = processes.run(command, log=target.log, env=env, timeout=target.timeout, cwd=scratch)
        if done.timed_out:
            raise CellError("build", "timed out", f"building took longer than {target.timeout:g} s")
        if not done.ok:
            raise failures.of_building(done.output.replace(str(scratch), "…"))


def environment(scratch: Path, interpreter: Path) -> dict[str, str]:
    """Return the environment of a build: as a cell's, with the user's tools and where packages come from."""
    home = scratch / "home"
    home.mkdir(exist_ok=True)
    return {
        **closed.cell(interpreter, home, gpu=False, declared={"PATH": os.environ.get("PATH", "")}),
        **settings.read().variables,
        "UV_NO_CONFIG": "1",
        "SOURCE_DATE_EPOCH": _EPOCH,
        "GIT_OPTIONAL_LOCKS": "0",  # git must not write to the repository that a copy belongs to
        "GIT_CEILING_DIRECTORIES": str(scratch),
    }


def _git_environment() -> dict[str, str]:
    """The environment of git, which needs the user's credentials and runs nothing of the repository."""
    return settings.uv_environment()


def _checked(archive: Archive, url: str) -> Archive:
    """Return an archive whose digest is the one in its URL, if that has one."""
    expected = source.fragment(url, "sha256")
    if expected not in {None, archive.key}:
        raise CellError("build", "hash mismatch", f"{urls.shown(url)}: sha256 {archive.key}, expected {expected}")
    return archive


def _put(wheel: Path, folder: Path) -> Path:
    """Move a wheel into a folder that appears with it."""
    with tempfile.TemporaryDirectory(prefix=".", dir=folder.parent) as scratch:
        part = Path(scratch, "part")
        part.mkdir()
        shutil.move(wheel, part / wheel.name)
        part.rename(folder)
    return folder / wheel.name


def _only_wheel(folder: Path) -> Path | None:
    found = list(folder.glob("*.whl"))
    try:
        _ = [parse_wheel_filename(path.name) for path in found]
    except InvalidWheelFilename:
        return None
    return found[0] if len(found) == 1 else None


def _is_wheel(url: str) -> bool:
    return not url.startswith("git+") and urls.filename(url).endswith(".whl")


def _applies(needed: Requirement, target: Target) -> bool:
    """Return whether a requirement's marker asks for it on a Python."""
    version = target.python.removesuffix("t")
    try:
        return needed.marker is None or needed.marker.evaluate({"python_version": version, "extra": ""})
    except (UndefinedComparison, UndefinedEnvironmentName):
        return True


def _subdirectory(url: str) -> str:
    inside = source.fragment(url, "subdirectory")
    return f"#subdirectory={inside}" if inside else ""
