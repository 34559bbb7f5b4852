"""Prepare pytest for a folder of tests: add the recorder and settings where the folder has none.

Of the project, other folders see only the recorder, which is alone in its folder on the path.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Final

from scripts.core import paths
from scripts.run.suite import Suite

_RECORDER: Final = "recorder"

#: Settings for a folder without any. Unknown markers are allowed: the file that registers them may be outside.
_SETTINGS: Final = """\
[pytest]
addopts = --continue-on-collection-errors -s --tb=short
filterwarnings = always
"""


#: Files with pytest's settings, in pytest's order, and the table in each.
_FILES: Final = {
    "pytest.ini": "",
    ".pytest.ini": "",
    "pyproject.toml": "[tool.pytest",
    "tox.ini": "[pytest]",
    "setup.cfg": "[tool:pytest]",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Harness:
    """Arguments of pytest for one folder of tests: see `tests/cells/recorder/__main__.py`."""

    folder: Path
    recorder: Path
    settings: str | Path
    options: tuple[str, ...] = ()
    builtin: bool = True

    def command(self, python: Path, scratch: Path) -> list[str | Path]:
        """Return the command: pytest starts in ``folder``, and the tests run in ``scratch``."""
        location = ("-c", self.settings, "--rootdir", ".", "--confcutdir", ".")
        return [python, self.recorder, scratch, *location, *self.options, "."]


def brings_recorder(folder: Path) -> bool:
    """Return whether a folder of tests contains a recorder, as the built-in suites do."""
    return (folder / _RECORDER / "__init__.py").is_file()


def prepare(folder: Path, scratch: Path) -> Harness:
    """Return the harness of a folder of tests; a missing recorder or settings file is created in ``scratch``."""
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
    cache = f"cache_dir={scratch / 'cache'}"  # not disabled: the settings may contain its options
    options = ("-p", _RECORDER, "--continue-on-collection-errors", "-s", "-o", cache)
    return Harness(folder=folder, recorder=recorder, settings=settings, options=options, builtin=False)


def _settings_of(folder: Path) -> str | None:
    """Return the name of the file with pytest's settings in a folder, or None."""
    for name, table in _FILES.items():
        path = folder / name
        if path.is_file() and table in path.read_text(encoding="utf-8", errors="replace"):
            return name
    return None


def suite(folder: Path) -> Suite:
    """Return the suite of a folder: its files and the recorder's, which both determine the records."""
    recorder = {} if brings_recorder(folder) else {_RECORDER: paths.PROBES / _RECORDER}
    return Suite({"suite": folder, **recorder})
