"""Find a browser of the Chromium family for the tests of pages, or install one.

``python -m tests.support.find_browser [PYTEST ARGUMENT …]`` is what ``nox -s tests`` runs before the tests: it makes
sure that a browser is there if one of these tests needs one. Exit code 1, with the remedy, if none can be installed.
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

#: Names the program to use, before all others.
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

#: Seconds: until a program must have told its version, and until a way to install one is given up.
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
    """No browser is there, and none could be installed; the message has the remedy."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Way:
    """A way to install a browser: commands that run one after the other."""

    name: str
    commands: tuple[tuple[str, ...], ...]


def find(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> str | None:
    """Return the first program that is there and starts.

    Raises:
        NoBrowserError: the one that the environment names does not start.
    """
    if named := environment.get(VARIABLE):
        if not shutil.which(named) or not _starts(named, platform):
            raise NoBrowserError(f"{VARIABLE}: not a browser that starts: {named!r}")
        return named
    return next((path for path in candidates(environment, platform) if _starts(path, platform)), None)


def executable() -> str:
    """Return the program for a test. Raises `NoBrowserError`, with the remedy: such a test is never skipped."""
    if found := find():
        return found
    raise NoBrowserError(REMEDY)


def candidates(environment: Mapping[str, str], platform: str) -> Iterator[str]:
    """Return the programs that are there: on the PATH, where the platform has applications, Playwright's own."""
    for name in _ON_PATH:
        if found := shutil.which(name, path=environment.get("PATH", "")):
            yield found
    home = Path(environment.get("HOME") or environment.get("USERPROFILE") or Path.home())
    for path in [*_applications(environment, platform, home), *_downloaded(environment, platform, home)]:
        if path.is_file():
            yield str(path)


def _applications(environment: Mapping[str, str], platform: str, home: Path) -> list[Path]:
    """Return where installers put browsers."""
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
    """Whether a program tells its version: Ubuntu's needs a snap, and Playwright's needs libraries of the system."""
    if platform in {"darwin", "win32"}:  # there it would open a window, and needs nothing else
        return True
    command = [program, "--version"]
    try:
        return subprocess.run(command, capture_output=True, timeout=_START, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def ways(environment: Mapping[str, str], *, root: bool) -> list[Way]:
    """Return the ways to install a browser here, in the order to try them."""
    playwright = (sys.executable, "-m", "playwright")
    found = [Way(name="Playwright's headless shell", commands=((*playwright, "install", "--only-shell", "chromium"),))]
    if root and (apt := shutil.which("apt-get", path=environment.get("PATH", ""))):
        quiet = (apt, "-qq", "-o", "DPkg::Lock::Timeout=60")
        add = (*quiet, "install", "--yes", "--no-install-recommends", "chromium")
        found.append(Way(name="the system's Chromium", commands=((*quiet, "update"), add)))
    return found


def _say(text: str) -> None:
    print(text, flush=True)  # before what the commands print


def install(found: Sequence[Way], environment: Mapping[str, str], *, say: Callable[[str], object] = _say) -> str:
    """Return a browser's program, after installing one in the first way that works if there is none.

    Raises:
        NoBrowserError: no way worked; with what each said, and the remedy.
    """
    if program := find(environment):
        return program
    failures = []
    for way in found:
        say(f"No browser is here for the tests that need one; installing {way.name} …")
        problem = _try(way, environment)
        if problem is None and (program := find(environment)):
            return program
        failures.append(f"{way.name}: {problem or 'it was installed, but does not start'}")
        say(failures[-1])
    raise NoBrowserError("\n".join([REMEDY, "What was tried:", *(f"- {failure}" for failure in failures)]))


def _try(way: Way, environment: Mapping[str, str]) -> str | None:
    """Run a way's commands. Return what went wrong, if anything did."""
    # Playwright makes several attempts of half a minute each where its host is unreachable.
    limits = {"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "10000", "DEBIAN_FRONTEND": "noninteractive"}
    for command in way.commands:
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
            return f"not done after {_INSTALL} s"
        if done.returncode:
            return _reason(done.stdout.decode("utf-8", "replace")) or f"exit code {done.returncode}"
    return None


def _reason(output: str) -> str:
    """Return the line of a failed command's output that says why."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("Error:", "E:"))]
    return (errors or lines or [""])[0]


class _Collected:
    """A plugin of pytest that notes whether a test needs a browser."""

    needs_browser = False

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.needs_browser = any(FIXTURE in getattr(item, "fixturenames", ()) for item in session.items)


def needed(arguments: Sequence[str]) -> bool:
    """Whether one of the tests that these arguments of pytest choose needs a browser."""
    collected = _Collected()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        pytest.main([*arguments, "--collect-only", "-q", "-n0"], plugins=[collected])
    return collected.needs_browser


def main(arguments: Sequence[str]) -> int:
    """Make sure that a browser is there if these arguments of pytest choose a test that needs one."""
    with contextlib.suppress(NoBrowserError):
        if find():
            return 0
    if not needed(arguments):
        return 0
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    try:
        _say(f"Using {install(ways(os.environ, root=root), os.environ)}")
    except NoBrowserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
