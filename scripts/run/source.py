"""Sources of a package without a wheel: a folder, an archive or a git repository, unpacked to build from."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import parse_qs, urldefrag, urlsplit

from scripts.core import environment, processes, urls
from scripts.index.errors import WebError
from scripts.index.http import Web
from scripts.run import source_tree
from scripts.run.failures import CellError

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/@\s]+@")
#: Seconds in which git says which commit is checked out.
_GIT: Final = 30.0


class Source(Protocol):
    """Sources that are to be built. ``key`` names exactly these sources, whichever machine they are on."""

    @property
    def key(self) -> str:
        """A digest of the content."""

    def unpack(self, target: Path) -> None:
        """Put the sources into a folder that does not exist. Raise `CellError`."""


def without_credentials(text: str) -> str:
    """Return a text without the names and passwords of its URLs."""
    return _CREDENTIALS.sub("", text)


def unreachable(what: str) -> CellError:
    """Return the failure to get sources."""
    return CellError("build", "source unreachable", without_credentials(what))


@dataclasses.dataclass(frozen=True)
class Folder:
    """A folder on this machine, as it was when its digest was taken."""

    path: Path
    digest: str
    commit: str | None  # where the version comes from git

    @classmethod
    def of(cls, path: Path) -> Folder:
        """Return a folder as it is now."""
        return cls(path, source_tree.digest(path), _commit(path) if source_tree.version_is_from_git(path) else None)

    @property
    def key(self) -> str:
        """The files are the content, and the commit if the version comes from it."""
        return self.digest if self.commit is None else _digest("folder", self.digest, self.commit)

    def unpack(self, target: Path) -> None:
        """Copy the folder."""
        source_tree.copy(self.path, target)
        if source_tree.digest(target) != self.digest:
            raise CellError("build", "source changed", f"{self.path} was changed during the run; run again")
        if self.commit is not None:
            # With this alone git sees the repository; it must not write to it, see `scripts.run.wheel_builder`.
            (target / ".git").write_text(f"gitdir: {source_tree.git_folder(self.path)}\n", encoding="utf-8")


@dataclasses.dataclass(frozen=True)
class Archive:
    """An sdist or another archive of sources on this machine."""

    path: Path
    key: str

    @classmethod
    def of(cls, path: Path) -> Archive:
        """Return an archive as it is now."""
        with path.open("rb") as file:
            return cls(path, hashlib.file_digest(file, "sha256").hexdigest())

    def unpack(self, target: Path) -> None:
        """Unpack the archive; the folder that all of it lies in is left out."""
        scratch = target.with_name(f"{target.name}.unpacked")
        scratch.mkdir()
        try:
            if self.path.name.endswith(".zip"):
                with zipfile.ZipFile(self.path) as packed:
                    packed.extractall(scratch)  # noqa: S202 - it keeps inside the folder
            else:
                with tarfile.open(self.path) as tar:
                    tar.extractall(scratch, filter="data")
        except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
            raise CellError("build", "build failed", f"{self.path.name} can't be unpacked: {error}") from error
        inside = list(scratch.iterdir())
        (inside[0] if len(inside) == 1 and inside[0].is_dir() else scratch).rename(target)


@dataclasses.dataclass(frozen=True)
class Commit:
    """A commit of a git repository. ``url`` is git's own, or a path."""

    url: str
    commit: str
    tools: Tools

    @property
    def key(self) -> str:
        """The commit is the content."""
        return _digest("git", self.commit)

    def unpack(self, target: Path) -> None:
        """Clone the repository and check the commit out, with its submodules."""
        self.tools.clone(self.url, target)
        self.tools.git("-C", target, "checkout", "--quiet", "--detach", self.commit)
        self.tools.git("-C", target, "submodule", "--quiet", "update", "--init", "--recursive")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tools:
    """What sources are fetched with: git and HTTP, under a time limit and with a log."""

    env: dict[str, str]
    log: Path
    timeout: float

    def git(self, *arguments: str | Path) -> str:
        """Run git and return its output. Raise `CellError` where it fails."""
        env = {**self.env, "GIT_TERMINAL_PROMPT": "0"}
        try:
            done = processes.run(["git", *arguments], log=self.log, env=env, timeout=self.timeout)
        except FileNotFoundError:
            raise unreachable("git is not installed; a repository can't be fetched without it") from None
        if done.timed_out:
            raise CellError("build", "timed out", f"git took longer than {self.timeout:g} s")
        if not done.ok:
            raise unreachable(f"git: {' '.join(done.output.split())[-400:]}")
        return done.output

    def clone(self, url: str, target: Path) -> None:
        """Clone a repository without checking anything out. ``--no-local``: nothing is shared with one on this disk."""
        self.git("clone", "--quiet", "--no-local", "--no-checkout", "--", url, target)

    def download(self, url: str, folder: Path) -> Path:
        """Download a file under its name into a new folder. Raise `CellError`."""
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / urls.filename(url)
        try:
            with Web() as web:
                web.save(url, target)
        except WebError as error:
            raise unreachable(str(error)) from error
        return target

    def commit(self, url: str, revision: str | None) -> str:
        """Return the commit that a branch, tag or abbreviation stands for now; of the default branch if none is given.

        Raises:
            CellError: the repository is unreachable or has no such revision.
        """
        if revision and _COMMIT.fullmatch(revision):
            return revision
        with tempfile.TemporaryDirectory(prefix="cell-git-", ignore_cleanup_errors=True) as scratch:
            repository = Path(scratch, "repository")
            self.clone(url, repository)
            if revision and revision.startswith("refs/"):
                self.git("-C", repository, "fetch", "--quiet", "origin", f"{revision}:{revision}")
            names = [f"origin/{revision}", revision] if revision else ["HEAD"]
            return self._first(repository, [name for name in names if name], revision)

    def _first(self, repository: Path, names: Sequence[str], revision: str | None) -> str:
        for name in names:
            try:
                output = self.git("-C", repository, "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
            except CellError as error:
                if error.reason.kind == "timed out":
                    raise
                continue
            if found := _COMMIT.search(output):
                return found[0]
        raise unreachable(f"the repository has no revision {revision!r}")


def repository(url: str) -> tuple[str, str | None]:
    """Return git's own URL, or a path, and the revision of a ``git+…`` URL."""
    parts = urlsplit(urldefrag(url)[0].removeprefix("git+"))
    path, at, revision = parts.path.rpartition("@")
    plain = parts._replace(path=path if at else parts.path).geturl()
    return (str(urls.to_path(plain)) if urls.is_file(plain) else plain), (revision if at else None) or None


def fragment(url: str, name: str) -> str | None:
    """Return a value of a URL's fragment, such as ``subdirectory``."""
    values = parse_qs(urldefrag(url)[1]).get(name)
    return values[0] if values else None


def _commit(folder: Path) -> str:
    """Return the commit that a folder has checked out; none where git can't tell."""
    git = shutil.which("git")
    if git is None:
        return ""
    with tempfile.TemporaryDirectory(prefix="cell-git-", ignore_cleanup_errors=True) as scratch:
        env = environment.tool(GIT_OPTIONAL_LOCKS="0")
        command: list[str | Path] = [git, "-C", folder, "rev-parse", "HEAD"]
        done = processes.run(command, log=Path(scratch, "log"), env=env, timeout=_GIT)
        return done.output.strip() if done.ok else ""


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
