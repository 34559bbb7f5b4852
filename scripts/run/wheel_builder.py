"""Build wheels from sources, once for each content, shared by cells and runs.

A build runs untrusted code: in a copy of the sources, in a closed environment with a separate HOME, with a timeout.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import Final

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from scripts.config import exclusions
from scripts.config.exclusions import Metadata
from scripts.core import environment as closed
from scripts.core import paths, processes, urls
from scripts.core.locking import locked
from scripts.index import settings
from scripts.run import failures, source
from scripts.run.failures import CellError
from scripts.run.interpreters import uv_bin
from scripts.run.source import Archive, Commit, Folder, Source, Tools

#: Modification time of all files in a wheel, for reproducible builds: the earliest that a zip file can store.
_EPOCH: Final = "315532800"
#: Folder of a wheel for every Python.
_PURE: Final = "any"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """Target Python of a build, with its log and timeout."""

    python: str  # 3.11, 3.13t
    interpreter: Path
    log: Path
    timeout: float
    exclude_newer: str | None = None  # timestamp: later files of an index are ignored


class WheelBuilder:
    """Builds wheels into a folder, for all cells of a run. A failed build is not repeated in the run."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder, self.cache = folder, cache
        self._sources: dict[str, Source] = {}
        self._failures: dict[Path, CellError] = {}
        self._guard = threading.Lock()

    def identity(self, line: str) -> str:
        """Return a requirement for the fingerprint, with the digest of the content in place of a local path.

        Other URLs are not fetched: like an index, they count as unchanged until ``--upgrade``.
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
        """Return a requirement with the URL of a wheel, which is built from sources if necessary.

        Raises:
            CellError: the sources cannot be fetched or built.
        """
        needed = Requirement(line)
        if needed.url is None or _is_wheel(needed.url) or not _applies(needed, target):
            return line
        url = needed.url
        with self._guard:  # otherwise every cell would download the same file
            found = self._reachable_source(url, target)
        wheel = self._wheel(found, source.fragment(url, "subdirectory"), target)
        name = parse_wheel_filename(wheel.name)[0]
        if name != canonicalize_name(needed.name):
            raise CellError("build", "build failed", f"{urls.shown(url)} is {name!r}, not {needed.name!r}")
        needed.url = urls.of_path(wheel)
        return str(needed)

    def metadata(self, line: str, target: Target) -> Metadata:
        """Return the metadata of a package at a URL, which is built from sources if necessary. Raise `CellError`."""
        url = Requirement(self.with_wheel(line, target)).url
        assert url is not None, "only a wheel with a URL can be read"
        with zipfile.ZipFile(urls.to_path(url)) as wheel:
            name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
            return exclusions.of_wheel(wheel.read(name).decode("utf-8", "replace"))

    def _reachable_source(self, url: str, target: Target) -> Source:
        try:
            return self._source(url, target)
        except OSError as error:
            raise source.unreachable(str(error)) from error

    def _source(self, url: str, target: Target | None) -> Source:
        """Return the sources of a URL; the first result is kept for the run."""
        if url not in self._sources:
            self._sources[url] = self._find_source(url, target)
        return self._sources[url]

    def _find_source(self, url: str, target: Target | None) -> Source:
        if urls.is_file(url):
            path = urls.to_path(url)
            return Folder.of(path) if path.is_dir() else _checked(Archive.of(path), url)
        assert target is not None, "without a target, only local files are supported"
        tools = Tools(env=_git_environment(), log=target.log, timeout=target.timeout)
        if url.startswith("git+"):
            repository, revision = source.repository(url)
            return Commit(repository, tools.commit(repository, revision), tools)
        with tempfile.TemporaryDirectory(prefix="cell-build-", ignore_cleanup_errors=True) as scratch:
            archive = _checked(Archive.of(tools.download(url, Path(scratch))), url)
            path = self.folder / "archives" / archive.key / archive.path.name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(archive.path, path)
        return dataclasses.replace(archive, path=path)

    def _wheel(self, sources: Source, subdirectory: str | None, target: Target) -> Path:
        """Return the wheel of some sources, an existing or a new one. Raise `CellError` if the build fails."""
        inputs = "\0".join([sources.key, subdirectory or "", target.exclude_newer or ""])
        folder = self.folder / hashlib.sha256(inputs.encode()).hexdigest()
        python_folder = folder / f"py{target.python}"
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / ".lock"):
            if (wheel := _only_wheel(folder / _PURE) or _only_wheel(python_folder)) is not None:
                return wheel
            if python_folder in self._failures:
                raise self._failures[python_folder]
            try:
                return self._build(sources, subdirectory, folder, target)
            except CellError as error:
                self._failures[python_folder] = error
                raise

    def _build(self, sources: Source, subdirectory: str | None, folder: Path, target: Target) -> Path:
        with tempfile.TemporaryDirectory(prefix="cell-build-", ignore_cleanup_errors=True) as name:
            scratch = Path(name).resolve()
            tree, output = scratch / "source", scratch / "wheel"
            sources.unpack(tree)
            project = (tree / (subdirectory or "")).resolve()
            if not project.is_relative_to(tree) or not project.is_dir():
                raise CellError("build", "build failed", f"the sources have no folder {subdirectory!r}")
            self._run_uv(project, output, scratch, target, folder / f"build-py{target.python}.log")
            wheel = _only_wheel(output)
            if wheel is None:
                raise CellError("build", "build failed", "the build did not create exactly one wheel")
            pure = wheel.name.endswith("-none-any.whl") and any(
                tag.interpreter == "py3" for tag in parse_wheel_filename(wheel.name)[3]
            )
            return _move_atomically(wheel, folder / (_PURE if pure else f"py{target.python}"))

    def _run_uv(self, project: Path, output: Path, scratch: Path, target: Target, log: Path) -> None:
        """Build a project. The output goes to the log of the cell that needs it first, and to the build's own."""
        command: list[str | Path] = [
            *(uv_bin(), "build", "--wheel", project, "--out-dir", output, "--python", target.interpreter),
            *("--no-python-downloads", "--no-sources", "--no-create-gitignore", "--color", "never"),
            *("--cache-dir", self.cache, *(("--exclude-newer", target.exclude_newer) if target.exclude_newer else ())),
        ]
        env = environment(scratch, target.interpreter)
        done = processes.run(command, log=target.log, env=env, timeout=target.timeout, cwd=scratch)
        log.write_text(done.output, encoding="utf-8", errors="replace")
        if done.timed_out:
            raise CellError("build", "timed out", f"building took longer than {target.timeout:g} s")
        if not done.ok:
            error = failures.of_building(done.output.replace(str(scratch), "…"))
            shown = log.relative_to(paths.ROOT) if log.is_relative_to(paths.ROOT) else log
            raise CellError(error.reason.stage, error.reason.kind, f"{error.reason.message}; log: {shown.as_posix()}")


def environment(scratch: Path, interpreter: Path) -> dict[str, str]:
    """Return the environment of a build: that of a cell, with the user's PATH and package index settings."""
    home = scratch / "home"
    home.mkdir(exist_ok=True)
    return {
        **closed.cell(interpreter, home, gpu=False, declared={"PATH": os.environ.get("PATH", "")}),
        **settings.read().variables,
        "UV_NO_CONFIG": "1",
        "SOURCE_DATE_EPOCH": _EPOCH,
        "GIT_OPTIONAL_LOCKS": "0",  # git must not write to the repository of a copy
        "GIT_CEILING_DIRECTORIES": str(scratch),
    }


def _git_environment() -> dict[str, str]:
    """Return the environment of git, with the user's credentials: git runs no code of the repository."""
    return settings.uv_environment()


def _checked(archive: Archive, url: str) -> Archive:
    """Return the archive. Raise `CellError` if its digest is not the one in its URL."""
    expected = source.fragment(url, "sha256")
    if expected not in {None, archive.key}:
        raise CellError("build", "hash mismatch", f"{urls.shown(url)}: sha256 {archive.key}, expected {expected}")
    return archive


def _move_atomically(wheel: Path, folder: Path) -> Path:
    """Move a wheel into a new folder, which never exists without it."""
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
    """Return whether the marker of a requirement applies to the target's Python."""
    version = target.python.removesuffix("t")
    try:
        return needed.marker is None or needed.marker.evaluate({"python_version": version, "extra": ""})
    except (UndefinedComparison, UndefinedEnvironmentName):
        return True


def _subdirectory(url: str) -> str:
    subdirectory = source.fragment(url, "subdirectory")
    return f"#subdirectory={subdirectory}" if subdirectory else ""
