"""Find a browser of the Chromium family for the tests of pages, or install one.

``nox -s tests`` runs ``python -m tests.support.find_browser [PYTEST ARGUMENT …]`` before the tests: it installs a
browser if the tests need one and there is none. Exit code 1, with the remedy, if none can be installed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Final

import pytest

#: Environment variable: the program to use.
VARIABLE: Final = "CHROME_BIN"
#: The fixture whose users need a browser.
FIXTURE: Final = "browser"

_ON_PATH: Final = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    *("microsoft-edge", "microsoft-edge-stable", "msedge"),
)
_MAC: Final = ("Google Chrome", "Chromium", "Microsoft Edge")
_WINDOWS: Final = (
    "Google/Chrome/Application/chrome.exe",
    "Chromium/Application/chrome.exe",
    "Microsoft/Edge/Application/msedge.exe",
)
#: In the folder where Playwright keeps its browsers; the names of the inner folders depend on platform and version.
_PLAYWRIGHT: Final = tuple(
    f"{browser}-*/*/{program}{suffix}"
    for browser, program in (
        ("chromium_headless_shell", "chrome-headless-shell"),
        ("chromium_headless_shell", "headless_shell"),
        ("chromium", "chrome"),
        ("chromium", "*.app/Contents/MacOS/*"),
    )
    for suffix in ("", ".exe")
)

#: Timeouts in seconds, for a program to print its version and for a command that installs one.
_START: Final = 30
_INSTALL: Final = 600

REMEDY: Final = f"""\
Some of these tests open pages in a browser, and no Chromium, Chrome or Edge was found. Install one:
  Debian                 apt-get install chromium
  Ubuntu, Fedora, …      {sys.executable} -m playwright install --with-deps --only-shell chromium
  macOS                  brew install --cask chromium
  Windows                winget install Google.Chrome
or set {VARIABLE} to the program. Tests that need no browser run without: `nox -s tests -- tests/unit`."""


class NoBrowserError(Exception):
    """There is no browser, and none could be installed; the message has the remedy."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Method:
    """A method of installing a browser: commands to run in order."""

    name: str
    commands: tuple[tuple[str, ...], ...]


def find(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> str | None:
    """Return the first installed browser that starts.

    Raises:
        NoBrowserError: the browser that the environment names does not start.
    """
    if named := environment.get(VARIABLE):
        if not shutil.which(named) or not _starts(named, platform):
            raise NoBrowserError(f"{VARIABLE}: not a browser that starts: {named!r}")
        return named
    return next((path for path in candidates(environment, platform) if _starts(path, platform)), None)


def executable() -> str:
    """Return the program for a test. Raises `NoBrowserError` with the remedy: such a test is never skipped."""
    if found := find():
        return found
    raise NoBrowserError(REMEDY)


def candidates(environment: Mapping[str, str], platform: str) -> Iterator[str]:
    """Yield installed programs: on the ``PATH``, in the platform's application folders, from Playwright."""
    for name in _ON_PATH:
        if found := shutil.which(name, path=environment.get("PATH", "")):
            yield found
    home = Path(environment.get("HOME") or environment.get("USERPROFILE") or Path.home())
    for path in [*_applications(environment, platform, home), *_downloaded(environment, platform, home)]:
        if path.is_file():
            yield str(path)


def _applications(environment: Mapping[str, str], platform: str, home: Path) -> list[Path]:
    """Return the paths where installers place browsers."""
    if platform == "darwin":
        folders = (Path(environment.get("APPLICATIONS", "/Applications")), home / "Applications")
        return [folder / f"{name}.app/Contents/MacOS/{name}" for name, folder in product(_MAC, folders)]
    if platform == "win32":
        roots = [environment.get(name) for name in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")]
        return [Path(root) / name for name, root in product(_WINDOWS, filter(None, roots))]
    return []


def _downloaded(environment: Mapping[str, str], platform: str, home: Path) -> list[Path]:
    """Return the browsers that Playwright downloaded, the newest first."""
    caches = {"darwin": home / "Library/Caches", "win32": Path(environment.get("LOCALAPPDATA") or home)}
    own = caches.get(platform) or Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    folder = Path(environment.get("PLAYWRIGHT_BROWSERS_PATH") or own / "ms-playwright")
    return [path for pattern in _PLAYWRIGHT for path in sorted(folder.glob(pattern), reverse=True)]


def _starts(program: str, platform: str) -> bool:
    """Return whether a program starts: Ubuntu's needs a snap, and Playwright's needs system libraries."""
    if platform in {"darwin", "win32"}:  # there it would open a window, and has no further requirements
        return True
    command = [program, "--version"]
    try:
        return subprocess.run(command, capture_output=True, timeout=_START, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def installation_methods(environment: Mapping[str, str], *, root: bool) -> list[Method]:
    """Return the methods of installing a browser here, in the order to try them."""
    playwright = (sys.executable, "-m", "playwright")
    found = [
        Method(name="Playwright's headless shell", commands=((*playwright, "install", "--only-shell", "chromium"),))
    ]
    if root and (apt := shutil.which("apt-get", path=environment.get("PATH", ""))):
        quiet = (apt, "-qq", "-o", "DPkg::Lock::Timeout=60")
        add = (*quiet, "install", "--yes", "--no-install-recommends", "chromium")
        found.append(Method(name="the system's Chromium", commands=((*quiet, "update"), add)))
    return found


def _say(text: str) -> None:
    print(text, flush=True)  # before what the commands print


def install(methods: Sequence[Method], environment: Mapping[str, str], *, say: Callable[[str], object] = _say) -> str:
    """Return a browser's program; if there is none, install one with the first method that works.

    Raises:
        NoBrowserError: no method worked; the message has their errors and the remedy.
    """
    if program := find(environment):
        return program
    failures = []
    for method in methods:
        say(f"No browser found for the tests that need one; installing {method.name} …")
        problem = _run(method, environment)
        if problem is None and (program := find(environment)):
            return program
        failures.append(f"{method.name}: {problem or 'installed, but does not start'}")
        say(failures[-1])
    raise NoBrowserError("\n".join([REMEDY, "Attempts:", *(f"- {failure}" for failure in failures)]))


def _run(method: Method, environment: Mapping[str, str]) -> str | None:
    """Run the commands of a method. Return the error, if there is one."""
    # Playwright makes several attempts of half a minute each if its host is unreachable.
    limits = {"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "10000", "DEBIAN_FRONTEND": "noninteractive"}
    for command in method.commands:
        try:
            done = subprocess.run(
                command,
                env={**limits, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_INSTALL,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"timed out after {_INSTALL} s"
        if done.returncode:
            return _reason(done.stdout.decode("utf-8", "replace")) or f"exit code {done.returncode}"
    return None


def _reason(output: str) -> str:
    """Return the line of a failed command's output that has the error."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("Error:", "E:"))]
    return (errors or lines or [""])[0]


class _Collected:
    """A pytest plugin that checks whether a collected test needs a browser."""

    needs_browser = False

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.needs_browser = any(FIXTURE in getattr(item, "fixturenames", ()) for item in session.items)


def needed(arguments: Sequence[str]) -> bool:
    """Return whether one of the tests that pytest's arguments select needs a browser."""
    collected = _Collected()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        pytest.main([*arguments, "--collect-only", "-q", "-n0"], plugins=[collected])
    return collected.needs_browser


def main(arguments: Sequence[str]) -> int:
    """Install a browser if pytest's arguments select a test that needs one and there is none; return the exit code."""
    with contextlib.suppress(NoBrowserError):
        if find():
            return 0
    if not needed(arguments):
        return 0
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    try:
        _say(f"Using {install(installation_methods(os.environ, root=root), os.environ)}")
    except NoBrowserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
