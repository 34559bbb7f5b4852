"""Scans over HTTP: the bytes that are read, the cache, and errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.index import Fault
from tests.support.release_project import ReleaseProject, make
from tests.support.torches import build_nightlies, build_torch
from tests.support.wheels import truncated

__all__ = ["make"]

Make = Callable[..., ReleaseProject]

PATH = "torch/nn/utils/parametrize.py"
RELEASES = ("1.9.1", "1.10.0", "1.12.1", "1.13.0", "2.0.0")
NEEDLE = "Cannot trace a model while caching"
#: Bytes of each wheel that must not be read.
PADDING = 2_000_000


@pytest.fixture
def here(make: Make) -> ReleaseProject:
    """A project with releases on the default index, in wheels that begin with padding."""
    made = make("1.9.1")
    for release in RELEASES:
        made.index.add(build_torch(release, label=None, cuda="10.2", size=PADDING))
    return made


def scanned(here: ReleaseProject, *arguments: str, code: int = 0, **options: Any) -> dict[str, Any]:
    done = here.scan(*arguments, "--format", "json", **options)
    assert done.code == code, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def states(found: dict[str, Any], path: str = PATH) -> dict[str, str]:
    return {release["release"]: release["files"][path]["state"] for release in found["releases"]}


def test_the_history_of_a_file_needs_few_bytes_of_each_wheel(here: ReleaseProject) -> None:
    done = here.project.nox("-s", "scan", "--", PATH, "--grep", NEEDLE, env={"COLUMNS": "80"})
    assert done.code == 0, done.output
    lines = [line.split() for line in done.stdout.splitlines() if line and "→" not in line]
    rows = {words[0]: words for words in lines}
    assert [rows[release][-2:] for release in ("1.9.1", "1.12.1")] == [["first", "-"], ["changed", "61"]]
    assert here.index.downloads() == []
    assert 0 < here.index.sent("*.whl") < 20_000 * len(RELEASES)
    assert "5 wheels (0 from the cache)" in done.stderr


def test_a_second_scan_requests_only_the_page(here: ReleaseProject) -> None:
    first = scanned(here, PATH, "--grep", NEEDLE)
    here.forget()
    assert scanned(here, PATH, "--grep", NEEDLE) == first
    assert {request.path for request in here.index.requests} == {"/default/simple/torch/"}


def test_without_network_a_second_scan_uses_the_cache(here: ReleaseProject) -> None:
    first = scanned(here, PATH)
    with here.index.down():
        done = here.scan(PATH, "--format", "json")
        assert done.code == 0, done.output
        assert json.loads(done.stdout) == first
        assert "using the cached page" in done.stderr
        version_files = scanned(here, "torch/version.py", PATH)
        assert set(states(version_files, "torch/version.py").values()) == {"first", "changed"}
        unread = here.scan("torch/jit/_trace.py")
        assert unread.code == 4
        assert "not read" in unread.stdout


def test_a_first_scan_without_network_is_an_error(here: ReleaseProject) -> None:
    with here.index.down():
        done = here.scan(PATH)
    assert (done.code, done.stdout) == (3, "")
    assert "/default/simple/torch/" in done.stderr
    assert "Traceback" not in done.stderr


def test_several_paths_and_patterns(here: ReleaseProject) -> None:
    found = scanned(here, "torch/none.py", "torch/nn/utils/*.py", "--torch", ">=1.13")
    assert [release["release"] for release in found["releases"]] == ["1.13.0", "2.0.0"]
    assert set(found["releases"][0]["files"]) == {"torch/none.py", "torch/nn/utils/__init__.py", PATH}
    assert set(states(found, "torch/none.py").values()) == {"absent"}


def test_the_difference_of_two_releases(here: ReleaseProject) -> None:
    done = here.scan(PATH, "--diff", "1.12.1", "1.13.0")
    assert done.code == 0, done.output
    assert done.stdout.startswith(f"--- torch 1.12.1  {PATH}\n+++ torch 1.13.0  {PATH}\n@@ ")
    assert '+            raise RuntimeError("Parametrization is not working with scripting.")\n' in done.stdout
    assert here.scan(PATH, "--diff", "1.12.1", "1.12.1").stdout == ""


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--diff", "1.12.1", "1.13"], "did you mean '1.13.0'"),
        (["--build", "cqu"], "did you mean 'cpu'"),
        (["--torch", ">=9"], "no wheel of torch >=9"),
        (["--platform", "plan9-mips", "--build", "cpu"], "no wheel of torch"),
        (["--nightly", "--build", "default"], "no nightly or test channel"),
    ],
)
def test_bad_usage_names_the_remedy(here: ReleaseProject, arguments: list[str], error: str) -> None:
    if arguments[0] == "--platform":
        here.index.remove(build_torch("1.9.1"), channel="cpu")  # which fits any platform
        here.index.add(build_torch("2.0.0", tag="cp311-cp311-linux_x86_64"), channel="cpu")
    done = here.scan(PATH, *arguments)
    assert done.code == 2, done.output
    assert error in done.stderr


# --- servers that aren't what they should be ---------------------------------------------------------------------


def test_without_range_requests_the_error_suggests_whole_downloads(here: ReleaseProject) -> None:
    expected = states(scanned(here, PATH, "--index", here.index.url()))
    here.index.configure("default", ranges=False)
    done = here.scan("torch/jit/_trace.py")
    assert (done.code, done.stdout) == (3, "")
    assert "this server does not support range requests; --download fetches the whole wheel" in done.stderr
    whole = scanned(here, PATH, "torch/jit/_trace.py", "--download")
    assert states(whole) == expected
    assert len(here.index.downloads()) >= len(RELEASES)
    here.forget()
    scanned(here, PATH, "torch/jit/_trace.py")
    assert here.index.requests_to("*.whl") == []


@pytest.mark.parametrize("fault", [Fault.status(503), Fault.status(429), Fault.drop(), Fault.cut(10)])
def test_transient_faults_are_retried(here: ReleaseProject, fault: Fault) -> None:
    here.index.fail("*.whl", fault, times=2)
    here.index.fail("/default/simple/torch/", fault, times=1)
    assert list(states(scanned(here, PATH)).values()) == ["first", "changed", "changed", "changed", "changed"]


def test_files_of_an_unreadable_wheel_are_unknown_not_absent(here: ReleaseProject) -> None:
    here.index.fail("*/torch-1.12.1-*", Fault.status(403))
    broken = truncated(build_torch("2.1.0", label=None, size=PADDING))
    here.index.add(broken)
    done = here.scan(PATH)
    assert done.code == 0, done.output
    assert "1.12.1: " in done.stdout
    assert "403" in done.stdout
    assert "not a valid wheel" in done.stdout
    found = scanned(here, PATH)
    assert {r: s for r, s in states(found).items() if s == "unknown"} == {"1.12.1": "unknown", "2.1.0": "unknown"}
    assert [(change["before"], change["after"]) for change in found["changes"][PATH]][1:3] == [
        ("1.10.0", "1.13.0"),
        ("1.13.0", "2.0.0"),
    ]


def test_a_download_with_another_hash_is_refused(here: ReleaseProject) -> None:
    here.index.add(build_torch("2.1.0", label=None, cuda="12.1"), sha256="0" * 64)
    done = here.scan(PATH, "--download", "--torch", "==2.1.0")
    assert done.code == 4
    assert "expected 0000" in done.stdout


# --- channels ----------------------------------------------------------------------------------------------------


def test_nightlies_without_hashes_are_cached(here: ReleaseProject) -> None:
    here.index.add(*build_nightlies(5), channel="nightly/cpu")
    first = scanned(here, "torch/version.py", "--nightly")
    assert [release["wheel"]["sha256"] for release in first["releases"]] == [None] * 5
    assert [release["release"] for release in first["releases"]][-1] == "2.16.0.dev20261110"
    assert len({release["torch"]["git_version"] for release in first["releases"]}) == 5
    here.forget()
    assert scanned(here, "torch/version.py", "--nightly") == first
    assert {request.method for request in here.index.requests_to("*.whl")} == {"HEAD"}


def test_the_test_channel(here: ReleaseProject) -> None:
    here.index.add(build_torch("2.16.0"), channel="test/cpu")
    found = scanned(here, PATH, "--pre")
    assert [release["release"] for release in found["releases"]] == ["2.16.0"]
    assert found["index"].endswith("/whl/test/cpu")
