"""Releases on the default index that matrix.toml lacks, and the edit that adds them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from scripts.config import edits, matrix_toml
from scripts.config.edits import News
from scripts.config.model import Matrix
from scripts.config.versions import python_key, version
from scripts.core import paths
from scripts.core.errors import MatrixError
from scripts.index import listings, wheel_files
from scripts.index.http import Web
from scripts.index.wheel_files import WheelFile


def find(matrix: Matrix) -> News:
    """Return the releases and Pythons with wheels on the default index that the matrix lacks."""
    with Web() as web:
        wheels = wheel_files.stable(listings.wheels(web, listings.default_index()))
    releases = edits.missing(matrix.releases, (wheel.release for wheel in wheels))
    return News(releases=tuple(releases), pythons=tuple(_new_pythons(matrix, wheels)))


def _new_pythons(matrix: Matrix, wheels: Iterable[WheelFile]) -> list[str]:
    """Return the Pythons of the newest release's wheels that the matrix lacks, without free-threaded ones."""
    wheels = list(wheels)
    newest = max((wheel.release for wheel in wheels), key=version, default=None)
    offered = {python for wheel in wheels if wheel.release == newest for python in wheel.pythons}
    return sorted((p for p in offered - matrix.pythons.keys() if not p.endswith("t")), key=python_key)


class MatrixEdit:
    """The edit of matrix.toml that adds releases.

    The constructor raises `MatrixError` where they cannot be added, and `ConfigError` where the edited file is invalid.
    """

    def __init__(self, releases: Sequence[str]) -> None:
        self.before = paths.MATRIX_TOML.read_text("utf-8")
        try:
            self.after = edits.added(self.before, releases)
        except ValueError as error:
            raise MatrixError(f"{paths.MATRIX_TOML.name}: {error}") from error
        matrix_toml.parse(self.after)

    @property
    def diff(self) -> str:
        """The edit as a unified diff; empty if nothing changes."""
        name = paths.MATRIX_TOML.name
        before, after = (text.splitlines(keepends=True) for text in (self.before, self.after))
        return "".join(difflib.unified_diff(before, after, f"a/{name}", f"b/{name}"))
