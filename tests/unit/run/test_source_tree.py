"""Source files of a folder, and their digest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.run import source_tree

SOURCES = ("pyproject.toml", "src/mylib/__init__.py", "src/mylib/build/data.txt", "build/tool.py", "ignored.txt")
MADE = (
    *(".git/HEAD", "src/mylib/__pycache__/x.pyc", "src/mylib.egg-info/PKG-INFO", "env/pyvenv.cfg", "env/lib/x.py"),
    *("dist/mylib-1.0.tar.gz", ".venv/x", "node_modules/x", ".tox/x"),
)


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def found(folder: Path) -> list[str]:
    return [path.as_posix() for path in source_tree.files(folder)]


def test_generated_files_are_ignored(tmp_path: Path) -> None:
    write(tmp_path, ".gitignore", *SOURCES)
    before = source_tree.digest(tmp_path)
    write(tmp_path, *MADE)
    assert found(tmp_path) == sorted([".gitignore", *SOURCES])
    assert source_tree.digest(tmp_path) == before


def test_the_build_folder_of_setuptools_is_ignored(tmp_path: Path) -> None:
    write(tmp_path, "setup.py", "build/lib/stale.py", "build/bdist.linux-x86_64/x")
    assert found(tmp_path) == ["setup.py"]


def test_the_digest_depends_on_names_and_contents(tmp_path: Path) -> None:
    write(tmp_path, "a", "b")
    first = source_tree.digest(tmp_path)
    os.utime(tmp_path / "a", (1, 1))
    (tmp_path / "a").chmod(0o600)
    assert source_tree.digest(tmp_path) == first
    (tmp_path / "a").write_text("b")
    second = source_tree.digest(tmp_path)
    (tmp_path / "a").rename(tmp_path / "c")
    assert len({first, second, source_tree.digest(tmp_path)}) == 3


def test_a_copy_has_the_same_digest(tmp_path: Path) -> None:
    write(tmp_path / "from", *SOURCES, *MADE)
    source_tree.copy(tmp_path / "from", tmp_path / "to")
    assert found(tmp_path / "to") == found(tmp_path / "from")
    assert source_tree.digest(tmp_path / "to") == source_tree.digest(tmp_path / "from")


def test_links_are_followed_once_and_special_files_are_ignored(tmp_path: Path) -> None:
    write(tmp_path / "outside", "shared.py")
    write(tmp_path / "lib", "a.py")
    (tmp_path / "lib" / "linked").symlink_to(tmp_path / "outside")
    (tmp_path / "lib" / "loop").symlink_to(tmp_path / "lib")
    (tmp_path / "lib" / "nowhere").symlink_to("none")
    os.mkfifo(tmp_path / "lib" / "pipe")
    assert found(tmp_path / "lib") == ["a.py", "linked/shared.py"]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("pyproject.toml", '[build-system]\nrequires = ["setuptools", "setuptools-scm>=8"]', True),
        ("pyproject.toml", '[build-system]\nrequires = ["hatchling", "hatch-vcs"]', True),
        ("pyproject.toml", '[build-system]\nrequires = ["setuptools"]', False),
        ("pyproject.toml", "[build-system]\nrequires = 1", False),
        ("pyproject.toml", "= =", False),
        ("setup.py", "setup(use_scm_version=True)", True),
        ("setup.py", "setup()", False),
    ],
)
def test_versions_from_git(tmp_path: Path, name: str, text: str, expected: bool) -> None:
    (tmp_path / name).write_text(text)
    assert not source_tree.version_is_from_git(tmp_path)
    (tmp_path / ".git").mkdir()
    assert source_tree.version_is_from_git(tmp_path) is expected


def test_the_repository_of_a_worktree(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / ".git").write_text("gitdir: ../main/.git/worktrees/here\n")
    assert source_tree.git_folder(tmp_path / "here") == tmp_path / "main" / ".git" / "worktrees" / "here"
