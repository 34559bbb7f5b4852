"""How pytest is started on a folder of tests so that it is recorded: the project's own probes, or anybody's.

The project's folder brings its recorder and its settings along. Any other folder gets both from here, and nothing
else of the project: the recorder lies alone in a folder of its own on the path.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Final

from scripts.core import paths
from scripts.run.suite import Suite

_RECORDER: Final = "recorder"

#: The settings of a folder that has none. A marker that isn't registered is no error: what registers it stayed behind.
_SETTINGS: Final = """\
[pytest]
addopts = --continue-on-collection-errors -s --tb=short
filterwarnings = always
"""


#: Files that can hold pytest's settings, in pytest's order, and the table that they do it in.
_FILES: Final = {
    "pytest.ini": "",
    ".pytest.ini": "",
    "pyproject.toml": "[tool.pytest",
    "tox.ini": "[pytest]",
    "setup.cfg": "[tool:pytest]",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Harness:
    """What pytest needs for one folder of tests, in which it is started: see `tests/cells/recorder/__main__.py`."""

    folder: Path
    recorder: Path
    settings: str | Path
    options: tuple[str, ...] = ()
    builtin: bool = True

    def command(self, python: Path, work: Path) -> list[str | Path]:
        """Start pytest with ``folder`` as the working directory, and run the tests in ``work``."""
        where = ("-c", self.settings, "--rootdir", ".", "--confcutdir", ".")
        return [python, self.recorder, work, *where, *self.options, "."]


def brings_recorder(folder: Path) -> bool:
    """Whether a folder of tests has a recorder of its own, as the project's has."""
    return (folder / _RECORDER / "__init__.py").is_file()


def prepare(folder: Path, scratch: Path) -> Harness:
    """The harness for a folder of tests; what it lacks is put into ``scratch``."""
    if brings_recorder(folder):
        return Harness(folder=folder, recorder=folder / _RECORDER, settings="pytest.ini")
    recorder = scratch / "plugins" / _RECORDER
    shutil.copytree(
        paths.PROBES / _RECORDER, recorder, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
    )
    settings: str | Path | None = _settings_of(folder)
    if settings is None:
        settings = scratch / "pytest.ini"
        settings.write_text(_SETTINGS, encoding="utf-8")
    cache = f"cache_dir={scratch / 'cache'}"  # not switched off, since settings may hold its options
    options = ("-p", _RECORDER, "--continue-on-collection-errors", "-s", "-o", cache)
    return Harness(folder=folder, recorder=recorder, settings=settings, options=options, builtin=False)


def _settings_of(folder: Path) -> str | None:
    """The name of the file in a folder that holds pytest's settings."""
    for name, table in _FILES.items():
        path = folder / name
        if path.is_file() and table in path.read_text(encoding="utf-8", errors="replace"):
            return name
    return None


def suite(folder: Path) -> Suite:
    """Return all files of a folder of tests and of the recorder: others make other records."""
    recorder = {} if brings_recorder(folder) else {_RECORDER: paths.PROBES / _RECORDER}
    return Suite({"suite": folder, **recorder})
