"""Sources of a package without a wheel: a folder, an archive or a git repository."""

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
#: Timeout of ``git rev-parse`` in seconds.
_GIT_TIMEOUT: Final = 30.0


class Source(Protocol):
    """Sources of a build. ``key`` identifies their content, on every machine."""

    @property
    def key(self) -> str:
        """Digest of the content."""

    def unpack(self, target: Path) -> None:
        """Write the sources to a new folder. Raise `CellError` on failure."""


def without_credentials(text: str) -> str:
    """Return a text without the user names and passwords in its URLs."""
    return _CREDENTIALS.sub("", text)


def unreachable(problem: str) -> CellError:
    """Return the error of sources that cannot be fetched."""
    return CellError("build", "source unreachable", without_credentials(problem))


@dataclasses.dataclass(frozen=True)
class Folder:
    """A folder on this machine, with its digest."""

    path: Path
    digest: str
    commit: str | None  # only if the version comes from git

    @classmethod
    def of(cls, path: Path) -> Folder:
        """Return a folder with its present digest."""
        return cls(path, source_tree.digest(path), _commit(path) if source_tree.version_is_from_git(path) else None)

    @property
    def key(self) -> str:
        """Digest of the files, and of the commit if the version comes from git."""
        return self.digest if self.commit is None else _digest("folder", self.digest, self.commit)

    def unpack(self, target: Path) -> None:
        """Copy the folder."""
        source_tree.copy(self.path, target)
        if source_tree.digest(target) != self.digest:
            raise CellError("build", "source changed", f"{self.path} was changed during the run; run again")
        if self.commit is not None:
            # The copy refers to the repository. git must not write to it: see `scripts.run.wheel_builder.environment`.
            (target / ".git").write_text(f"gitdir: {source_tree.git_folder(self.path)}\n", encoding="utf-8")


@dataclasses.dataclass(frozen=True)
class Archive:
    """An sdist or another archive of sources on this machine."""

    path: Path
    key: str

    @classmethod
    def of(cls, path: Path) -> Archive:
        """Return an archive with its present digest."""
        with path.open("rb") as file:
            return cls(path, hashlib.file_digest(file, "sha256").hexdigest())

    def unpack(self, target: Path) -> None:
        """Unpack the archive, without its top folder if it has a single one."""
        scratch = target.with_name(f"{target.name}.unpacked")
        scratch.mkdir()
        try:
            if self.path.name.endswith(".zip"):
                with zipfile.ZipFile(self.path) as packed:
                    packed.extractall(scratch)  # noqa: S202 - zipfile does not leave the folder
            else:
                with tarfile.open(self.path) as tar:
                    tar.extractall(scratch, filter="data")
        except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
            raise CellError("build", "build failed", f"{self.path.name} cannot be unpacked: {error}") from error
        entries = list(scratch.iterdir())
        (entries[0] if len(entries) == 1 and entries[0].is_dir() else scratch).rename(target)


@dataclasses.dataclass(frozen=True)
class Commit:
    """A commit of a git repository. ``url`` is one that git understands, or a path."""

    url: str
    commit: str
    tools: Tools

    @property
    def key(self) -> str:
        """Digest of the commit id."""
        return _digest("git", self.commit)

    def unpack(self, target: Path) -> None:
        """Clone the repository and check out the commit with its submodules."""
        self.tools.clone(self.url, target)
        self.tools.git("-C", target, "checkout", "--quiet", "--detach", self.commit)
        self.tools.git("-C", target, "submodule", "--quiet", "update", "--init", "--recursive")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tools:
    """git and HTTP, with a timeout and a log."""

    env: dict[str, str]
    log: Path
    timeout: float

    def git(self, *arguments: str | Path) -> str:
        """Run git and return its output. Raise `CellError` on failure."""
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
        """Clone a repository without checking it out. ``--no-local``: share no files with a repository on this disk."""
        self.git("clone", "--quiet", "--no-local", "--no-checkout", "--", url, target)

    def download(self, url: str, folder: Path) -> Path:
        """Download a file into a new folder, and return its path. Raise `CellError` on failure."""
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / urls.filename(url)
        try:
            with Web() as web:
                web.save(url, target)
        except WebError as error:
            raise unreachable(str(error)) from error
        return target

    def commit(self, url: str, revision: str | None) -> str:
        """Return the present commit of a branch, tag or abbreviated commit; by default of the default branch.

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
            return self._first_commit(repository, [name for name in names if name], revision)

    def _first_commit(self, repository: Path, names: Sequence[str], revision: str | None) -> str:
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
    """Return the URL for git, or a path, and the revision of a ``git+…`` URL."""
    parts = urlsplit(urldefrag(url)[0].removeprefix("git+"))
    path, at, revision = parts.path.rpartition("@")
    plain = parts._replace(path=path if at else parts.path).geturl()
    return (str(urls.to_path(plain)) if urls.is_file(plain) else plain), (revision if at else None) or None


def fragment(url: str, name: str) -> str | None:
    """Return a value in a URL's fragment, such as that of ``subdirectory``, or None."""
    values = parse_qs(urldefrag(url)[1]).get(name)
    return values[0] if values else None


def _commit(folder: Path) -> str:
    """Return the checked-out commit of a folder; empty if git fails."""
    git = shutil.which("git")
    if git is None:
        return ""
    with tempfile.TemporaryDirectory(prefix="cell-git-", ignore_cleanup_errors=True) as scratch:
        env = environment.tool(GIT_OPTIONAL_LOCKS="0")
        command: list[str | Path] = [git, "-C", folder, "rev-parse", "HEAD"]
        done = processes.run(command, log=Path(scratch, "log"), env=env, timeout=_GIT_TIMEOUT)
        return done.output.strip() if done.ok else ""


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
