"""Finding a browser for the tests of pages, and installing one before the first test."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support import find_browser
from tests.support.find_browser import VARIABLE, NoBrowserError
from tests.support.project import ROOT

posix = pytest.mark.skipif(sys.platform == "win32", reason="the fake browsers and apt are shell scripts")

_STARTS, _FAILS = "echo Chromium 1.0", "echo this needs the snap >&2; exit 1"


def program(path: Path, body: str = _STARTS) -> Path:
    """Write a shell script in place of a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


PATHS: Final = [
    ("linux", "bin/chromium"),
    ("linux", "bin/chromium-browser"),
    ("linux", "bin/google-chrome"),
    ("linux", "bin/google-chrome-stable"),
    ("linux", "bin/microsoft-edge"),
    ("linux", "home/.cache/ms-playwright/chromium_headless_shell-1255/chrome-linux/headless_shell"),
    (
        "linux",
        "home/.cache/ms-playwright/chromium_headless_shell-1255/chrome-headless-shell-linux64/chrome-headless-shell",
    ),
    ("linux", "home/.cache/ms-playwright/chromium-1255/chrome-linux/chrome"),
    ("darwin", "Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    ("darwin", "home/Applications/Chromium.app/Contents/MacOS/Chromium"),
    ("darwin", "Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge"),
    (
        "darwin",
        "home/Library/Caches/ms-playwright/chromium_headless_shell-9/chrome-headless-shell-mac-arm64/chrome-headless-shell",
    ),
    ("darwin", "home/Library/Caches/ms-playwright/chromium-9/chrome-mac/Chromium.app/Contents/MacOS/Chromium"),
    ("win32", "Program Files/Google/Chrome/Application/chrome.exe"),
    ("win32", "Program Files (x86)/Microsoft/Edge/Application/msedge.exe"),
    ("win32", "Local/Chromium/Application/chrome.exe"),
    (
        "win32",
        "Local/ms-playwright/chromium_headless_shell-9/chrome-headless-shell-win64/chrome-headless-shell.exe",
    ),
]


def machine(folder: Path, **more: str) -> dict[str, str]:
    """Return the environment of a machine whose programs are all in a folder."""
    return {
        "PATH": str(folder / "bin"),
        "HOME": str(folder / "home"),
        "APPLICATIONS": str(folder / "Applications"),
        "PROGRAMFILES": str(folder / "Program Files"),
        "PROGRAMFILES(X86)": str(folder / "Program Files (x86)"),
        "LOCALAPPDATA": str(folder / "Local"),
        "PLAYWRIGHT_DOWNLOAD_HOST": f"http://127.0.0.1:{_closed_port()}",
        **more,
    }


def _closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@posix
@pytest.mark.parametrize(("platform", "path"), PATHS)
def test_a_browser_is_found_in_every_known_location(tmp_path: Path, platform: str, path: str) -> None:
    environment = machine(tmp_path)
    assert find_browser.find(environment, platform) is None
    installed = program(tmp_path / path)
    assert find_browser.find(environment, platform) == str(installed)


@posix
def test_the_variable_has_precedence(tmp_path: Path) -> None:
    program(tmp_path / "bin/chromium")
    named = program(tmp_path / "elsewhere/brave")
    assert find_browser.find(machine(tmp_path, **{VARIABLE: str(named)}), "linux") == str(named)


@posix
@pytest.mark.parametrize("body", [None, _FAILS], ids=["missing", "does not start"])
def test_the_error_for_an_invalid_variable_names_it(tmp_path: Path, body: str | None) -> None:
    program(tmp_path / "bin/chromium")
    named = tmp_path / "brave"
    if body:
        program(named, body)
    with pytest.raises(NoBrowserError, match=f"{VARIABLE}: not a browser that starts: '.*brave'"):
        find_browser.find(machine(tmp_path, **{VARIABLE: str(named)}), "linux")


@posix
def test_a_browser_that_does_not_start_is_skipped(tmp_path: Path) -> None:
    program(tmp_path / "bin/chromium-browser", _FAILS)  # as Ubuntu's, without its snap
    chrome = program(tmp_path / "bin/google-chrome")
    assert find_browser.find(machine(tmp_path), "linux") == str(chrome)


def test_the_newest_browser_in_playwright_s_folder_is_preferred(tmp_path: Path) -> None:
    environment = machine(tmp_path, PLAYWRIGHT_BROWSERS_PATH=str(tmp_path / "browsers"))
    old, new = (
        program(tmp_path / f"browsers/chromium_headless_shell-{number}/chrome-linux/headless_shell")
        for number in (1194, 1255)
    )
    assert list(find_browser.candidates(environment, "linux")) == [str(new), str(old)]


# --- installing -------------------------------------------------------------------------------------------------


def apt(folder: Path, body: str) -> Path:
    """Write an ``apt-get`` that logs its arguments and runs ``body``; return the log."""
    program(folder / "bin/apt-get", f'echo "$@" >>{folder}/apt.log\n{body}')
    return folder / "apt.log"


def installing(folder: Path) -> str:
    """Return the body of an ``apt-get`` that installs a browser."""
    chromium = folder / "bin/chromium"
    script = f"printf '#!/bin/sh\\necho 1.0\\n' >{chromium}; /bin/chmod +x {chromium}"
    return f'case "$*" in *install*chromium*) {script};; esac'


@posix
def test_playwright_is_tried_first_and_then_apt(tmp_path: Path) -> None:
    log, messages = apt(tmp_path, installing(tmp_path)), list[str]()
    environment = machine(tmp_path)
    found = find_browser.install(
        find_browser.installation_methods(environment, root=True), environment, say=messages.append
    )
    assert found == str(tmp_path / "bin/chromium")
    assert [line.split()[3] for line in log.read_text().splitlines()] == ["update", "install"]
    assert messages[0] == "No browser found for the tests that need one; installing Playwright's headless shell …"
    assert "ECONNREFUSED" in messages[1]
    assert messages[2].endswith("installing the system's Chromium …")


@posix
@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("echo 'E: Unable to locate package chromium' >&2; exit 100", "E: Unable to locate package chromium"),
        ("exit 7", "exit code 7"),
        (":", "installed, but does not start"),
    ],
)
def test_the_error_has_the_attempts_and_the_remedy(tmp_path: Path, body: str, error: str) -> None:
    apt(tmp_path, body)
    environment = machine(tmp_path)
    [_, system] = find_browser.installation_methods(environment, root=True)
    with pytest.raises(NoBrowserError) as raised:
        find_browser.install([system], environment, say=lambda text: None)
    assert str(raised.value).endswith(f"Attempts:\n- the system's Chromium: {error}")
    for remedy in ("apt-get install chromium", " -m playwright install", f"set {VARIABLE} to the program"):
        assert remedy in str(raised.value)


@posix
def test_apt_is_used_by_root_only(tmp_path: Path) -> None:
    apt(tmp_path, ":")
    assert len(find_browser.installation_methods(machine(tmp_path), root=False)) == 1


# --- before the tests -------------------------------------------------------------------------------------------

_TESTS: Final = {
    "test_pages.py": "import pytest\n\n@pytest.fixture\ndef browser(): ...\n\n"
    "@pytest.fixture\ndef page(browser): ...\n\ndef test_page(page): ...\n\ndef test_other(): ...\n",
    "test_plain.py": "def test_plain(): ...\n",
    "test_broken.py": "import nothing_of_this_name\n",
}


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Return a folder with tests."""
    for name, text in _TESTS.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def run(suite: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the folder, on a machine without a browser and without apt."""
    inherited = {name: os.environ[name] for name in ("SYSTEMROOT", "TEMP") if name in os.environ}
    environment = {**inherited, **machine(suite), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *command], cwd=suite, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["test_pages.py", "-n", "2"], True),
        (["test_pages.py::test_page", "test_plain.py"], True),
        (["test_pages.py", "-k", "other"], False),
        (["test_broken.py", "test_plain.py"], False),
        (["--no-such-option"], False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_only_tests_that_use_the_fixture_need_a_browser(suite: Path, arguments: list[str], expected: bool) -> None:
    code = "import sys; from tests.support.find_browser import needed; print(needed(sys.argv[1:]))"
    assert run(suite, "-c", code, *arguments).stdout == f"{expected}\n"


def test_tests_without_the_fixture_need_no_browser(suite: Path) -> None:
    done = run(suite, "-m", "tests.support.find_browser", "test_plain.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_missing_browser_is_an_error_before_the_first_test(suite: Path) -> None:
    done = run(suite, "-m", "tests.support.find_browser", "test_pages.py")
    assert done.returncode == 1
    assert done.stderr.startswith("error: Some of these tests open pages in a browser")
    assert f"set {VARIABLE} to the program" in done.stderr
    assert "- Playwright's headless shell: Error: " in done.stderr
