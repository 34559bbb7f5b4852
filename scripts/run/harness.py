"""Prepare pytest for a folder of tests: add the recorder, and settings where the folder has none.

Of the project, the tests see only the recorder, which is alone in its folder on the path.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Final

from scripts.core import paths
from scripts.run.suite import SuiteFiles

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

    def command(self, python: Path, scratch: Path) -> list[str | Path]:
        """Return the command: pytest starts in ``folder``, and the tests run in ``scratch``."""
        location = ("-c", self.settings, "--rootdir", ".", "--confcutdir", ".")
        return [python, self.recorder, scratch, *location, *self.options, "."]


def prepare(folder: Path, scratch: Path) -> Harness:
    """Return the harness of a folder of tests: the recorder, and settings if there are none, are put in ``scratch``."""
    recorder = scratch / "plugins" / paths.RECORDER.name
    shutil.copytree(paths.RECORDER, recorder, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    settings: str | Path | None = _settings_of(folder)
    if settings is None:
        settings = scratch / "pytest.ini"
        settings.write_text(_SETTINGS, encoding="utf-8")
    cache = f"cache_dir={scratch / 'cache'}"  # not disabled: the settings may contain its options
    options = ("-p", paths.RECORDER.name, "--continue-on-collection-errors", "-s", "-o", cache)
    return Harness(folder=folder, recorder=recorder, settings=settings, options=options)


def _settings_of(folder: Path) -> str | None:
    """Return the name of the file with pytest's settings in a folder, or None."""
    for name, table in _FILES.items():
        path = folder / name
        if path.is_file() and table in path.read_text(encoding="utf-8", errors="replace"):
            return name
    return None


def suite_files(folder: Path) -> SuiteFiles:
    """Return the files of a suite and of the recorder, which both determine the records."""
    return SuiteFiles({"suite": folder, paths.RECORDER.name: paths.RECORDER})
