"""How pytest is started on a folder of tests so that it is recorded: the project's own probes, or anybody's.

The project's folder brings its recorder and its settings along. Any other folder gets both from here, and nothing
else of the project: the recorder lies alone in a folder of its own on the path.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from pathlib import Path
from typing import Final

from scripts import paths

_RECORDER: Final = "recorder"

#: The settings of a folder that has none. A marker that isn't registered is no error: what registers it stayed behind.
_SETTINGS: Final = """\
[pytest]
addopts = --continue-on-collection-errors -s --tb=short
filterwarnings = always
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Harness:
    """What pytest needs for one folder of tests."""

    folder: Path
    settings: Path
    options: tuple[str, ...] = ()
    path: Path | None = None  # what has to be on PYTHONPATH

    @property
    def arguments(self) -> list[str | Path]:
        """What stands behind ``python -m pytest``."""
        where = ("-c", self.settings, "--rootdir", self.folder)
        return [*where, "-p", "no:cacheprovider", *self.options, self.folder]

    @property
    def environment(self) -> dict[str, str]:
        """What the environment needs besides."""
        return {"PYTHONPATH": str(self.path)} if self.path else {}


def brings_recorder(folder: Path) -> bool:
    """Whether a folder of tests has a recorder of its own, as the project's has."""
    return (folder / _RECORDER / "__init__.py").is_file()


def prepare(folder: Path, scratch: Path) -> Harness:
    """The harness for a folder of tests; what it lacks is put into ``scratch``."""
    if brings_recorder(folder):
        return Harness(folder=folder, settings=folder / "pytest.ini")
    plugins = scratch / "plugins"
    shutil.copytree(
        paths.PROBES / _RECORDER, plugins / _RECORDER, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
    )
    settings = folder / "pytest.ini"
    if not settings.is_file():
        settings = scratch / "pytest.ini"
        settings.write_text(_SETTINGS, encoding="utf-8")
    options = ("-p", _RECORDER, "--continue-on-collection-errors", "-s")
    return Harness(folder=folder, settings=settings, options=options, path=plugins)


def digest(folder: Path) -> str:
    """A digest over all files of the probes and the recorder: others make other records."""
    if brings_recorder(folder):
        return _digest(folder)
    both = f"{_digest(folder)} {_digest(paths.PROBES / _RECORDER)}"
    return hashlib.sha256(both.encode()).hexdigest()


def _digest(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
            total.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
            total.update(path.read_bytes())
    return total.hexdigest()
