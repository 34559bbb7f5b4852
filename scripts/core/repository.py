"""Ask git about a commit: files as they were, and whether they changed since."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path

from scripts.core import paths, processes
from scripts.core.errors import UsageError


def commit_of(ref: str, root: Path = paths.ROOT, *, option: str = "--since") -> str:
    """Return the hash of the commit that ``ref``, the value of an option, names.

    Raises:
        UsageError: the repository has no such commit.
    """
    # --end-of-options: a ref that starts with a dash must not be parsed as an option.
    done = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if done.returncode:
        raise UsageError(
            f"{option}: no commit {ref!r} in this repository; in a shallow clone, run `git fetch origin {ref}` first"
        )
    return done.stdout.strip()


def text_at(commit: str, path: Path, root: Path = paths.ROOT) -> str | None:
    """Return a file's text at a commit, or None if it did not exist."""
    done = _git(root, "show", f"{commit}:./{path.relative_to(root).as_posix()}")
    return done.stdout if done.returncode == 0 else None


def export(commit: str, names: Sequence[str], folder: Path, root: Path = paths.ROOT) -> None:
    """Write the files and folders that a commit has under some names to a new folder.

    Raises:
        UsageError: the commit has none of them.
    """
    folder.mkdir(parents=True)
    archive = folder / ".tar"
    known = _git(root, "ls-tree", "-r", "--name-only", "-z", commit, "--", *names).stdout.split("\0")
    done = _git(root, "archive", "--format=tar", f"--output={archive}", commit, "--", *filter(None, known))
    if done.returncode or not any(known):
        raise UsageError(f"commit {commit[:12]} has none of {', '.join(names)}: {done.stderr.strip()}")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    archive.unlink()


def changed(commit: str, folder: Path, root: Path = paths.ROOT) -> bool:
    """Return whether a file below a folder differs from a commit or is new."""
    name = folder.relative_to(root).as_posix()
    differs = _git(root, "diff", "--quiet", commit, "--", name).returncode != 0
    return differs or bool(_git(root, "ls-files", "--others", "--exclude-standard", "--", name).stdout)


def _git(root: Path, *arguments: str) -> processes.Captured:
    try:
        return processes.capture(["git", *arguments], cwd=root)
    except OSError as error:
        raise UsageError(f"cannot run git, which knows the commits: {error.strerror}") from error
