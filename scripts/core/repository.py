"""What git knows: files as they were, and whether they changed since."""

from __future__ import annotations

from pathlib import Path

from scripts.core import paths, processes
from scripts.core.errors import UsageError


def checked(ref: str, root: Path = paths.ROOT) -> str:
    """The commit that ``ref`` names. Raises `UsageError` where git knows none."""
    # "--end-of-options": a ref that starts with a dash must not be taken for an option.
    done = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if done.returncode:
        raise UsageError(
            f"--since: git knows no commit {ref!r} here; in a shallow clone, get it first: `git fetch origin {ref}`"
        )
    return done.stdout.strip()


def text_at(commit: str, path: Path, root: Path = paths.ROOT) -> str | None:
    """A file's text at a commit, or None where it wasn't there."""
    done = _git(root, "show", f"{commit}:./{path.relative_to(root).as_posix()}")
    return done.stdout if done.returncode == 0 else None


def changed(commit: str, folder: Path, root: Path = paths.ROOT) -> bool:
    """Whether anything below a folder differs from a commit, new files included."""
    name = folder.relative_to(root).as_posix()
    differs = _git(root, "diff", "--quiet", commit, "--", name).returncode != 0
    return differs or bool(_git(root, "ls-files", "--others", "--exclude-standard", "--", name).stdout)


def _git(root: Path, *arguments: str) -> processes.Captured:
    try:
        return processes.capture(["git", *arguments], cwd=root)
    except OSError as error:
        raise UsageError(f"git can't be run, which is needed here: {error.strerror}") from error
