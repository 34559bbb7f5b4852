"""A copy of a library's source tree, to run its tests from.

A test may write into the copy, and Python may import the library from it: pytest puts the root of a flat layout, and of
tests inside a package, first on ``sys.path``. So the copy is completed from the wheel: packages in it have exactly the
modules of the wheel, compiled ones and generated ones included. Whichever is imported, it is what the wheel contains.
"""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from scripts.config.project import Project
from scripts.run import source_tree

#: Folders of a source tree that packages lie in.
_ROOTS: Final = ("", "src", "lib", "python")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProjectTree:
    """A copy of a source tree. ``path`` has the folders that tests inside a package are imported from."""

    folder: Path
    path: tuple[Path, ...] = ()


def files(project: Project) -> Iterator[Path]:
    """Yield the files that determine the wheel and the tests: all source files but the accepted records."""
    for path in source_tree.files(project.folder):
        if not (project.folder / path).is_relative_to(project.results):
            yield project.folder / path


def copy(project: Project, wheel: Path, target: Path) -> ProjectTree:
    """Copy a source tree into a folder, and complete it from the wheel."""
    source_tree.copy(project.folder, target)
    path: dict[Path, None] = {}
    with zipfile.ZipFile(wheel) as archive:
        shipped = _shipped(archive)
        for root, name in _packages(target, shipped):
            tests = [target / text for text in project.tests if (target / text).is_relative_to(root / name)]
            if tests:
                path[root] = None
            _remove_unshipped(root, name, shipped, tests)
            for file in (file for file in shipped if file.parts[0] == name):
                (root / file).parent.mkdir(parents=True, exist_ok=True)
                (root / file).write_bytes(archive.read(shipped[file]))
    return ProjectTree(folder=target, path=tuple(path))


def _shipped(archive: zipfile.ZipFile) -> dict[PurePosixPath, str]:
    """Return the files that a wheel installs into site-packages, each with its name in the wheel."""
    found: dict[PurePosixPath, str] = {}
    for member in archive.namelist():
        parts = PurePosixPath(member).parts
        if parts and parts[0].endswith(".data"):
            parts = parts[2:] if parts[1:2] in {("purelib",), ("platlib",)} else ()
        if parts and not member.endswith("/") and not parts[0].endswith(".dist-info") and ".." not in parts:
            found[PurePosixPath(*parts)] = member
    return found


def _packages(target: Path, shipped: dict[PurePosixPath, str]) -> Iterator[tuple[Path, str]]:
    """Yield the packages and modules of a wheel that are in a tree: the folder they lie in, and their name."""
    for name in dict.fromkeys(path.parts[0] for path in shipped):
        for root in (target / root for root in _ROOTS):
            if (root / name).exists():
                yield root, name


def _remove_unshipped(root: Path, name: str, shipped: dict[PurePosixPath, str], tests: list[Path]) -> None:
    """Remove the modules of a package that its wheel lacks, except tests: users can't import them either."""
    for path in sorted((root / name).rglob("*.py")):
        is_test = path.name.startswith(("test_", "conftest")) or path.name.endswith("_test.py")
        if (
            PurePosixPath(path.relative_to(root).as_posix()) not in shipped
            and not is_test
            and not any(path.is_relative_to(folder) for folder in tests if folder != root / name)
            and not {"tests", "test"} & set(path.relative_to(root).parts)
        ):
            path.unlink()
