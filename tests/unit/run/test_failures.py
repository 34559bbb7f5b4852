"""Failures of uv and of the system, by stage and kind."""

from __future__ import annotations

import errno
import re
import time

import pytest

from scripts.index import listings
from scripts.run import failures, installation

PAGE = "http://127.0.0.1:1/whl/cpu/torch/"
#: How uv 0.13 tells of a page that they could not read, generated with a local index and its faults.
FETCH = f"error: Failed to fetch: `{PAGE}`\n  Caused by:"
UNREACHABLE = (
    "client error (429 Too Many Requests)",
    "server error (500 Internal Server Error)",
    "server error (503 Service Unavailable)",
)


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ("Because there is no version of torch==2.99 and cell depends on torch==2.99, …", "no such release"),
        ("Because there are no versions of torch==2.5.1+cu124 and …", "no such release"),
        ("Because torch==2.5.1 has no wheels with a matching Python ABI tag (e.g., `cp314`) and …", "no wheel"),
        (
            "Because torch==1.9.1+cpu has no wheels with a matching platform tag and there is no version of …",
            "no wheel",
        ),
        ("Because the current Python version (3.8.18) does not satisfy Python>=3.9 and torch==2.5.1 …", "no wheel"),
        ("Because numpy==1.26.4 has no wheels with a matching Python ABI tag (e.g., `cp314`) …", "no wheel"),
        ("Because torch was not found in the package registry and cell depends on …", "no such release"),
        ("Because nmupy was not found in the package registry and cell depends on …", "no such requirement"),
        ("Because there are no versions of torchvision and cell depends on …", "no such requirement"),
        (
            "No solution found when resolving dependencies:\n  Because cell depends on\n numpy<2 and numpy>=2",
            "conflict among pins",
        ),
        ("Failed to fetch: `https://x/` Caused by: error sending request for url", "index unreachable"),
        ("Failed to fetch … HTTP status server error (503 Service Unavailable)", "index unreachable"),
        *((f"{FETCH} HTTP status {status} for url ({PAGE})", "index unreachable") for status in UNREACHABLE),
        (f"{FETCH} error sending request for url ({PAGE})\n  Caused by: operation timed out", "index unreachable"),
        (
            f"{FETCH} connection closed before message completed",
            "index unreachable",
        ),
        (
            "Because torch==2.5.1+cpu was yanked (reason: x) and there is no version of torch",
            "no such release",
        ),
        ("Failed to write to cache: No space left on device (os error 28)", "disk full"),
        ("error: something that nobody has seen before", "resolving failed"),
    ],
)
def test_failures_of_resolving(output: str, kind: str) -> None:
    reason = failures.of_resolving(output).reason
    assert (reason.stage, reason.kind) == ("resolve", kind)


@pytest.mark.parametrize(
    ("output", "stage", "kind"),
    [
        (
            "Failed to download `torch==2.5.1`\n Caused by: Hash mismatch for `torch==2.5.1`",
            "download",
            "hash mismatch",
        ),
        ("Failed to download … error decoding response body", "download", "download broken off"),
        ("Failed to fetch … connection closed before message completed", "download", "download broken off"),
        ("Failed to extract archive … invalid Zip archive", "download", "broken wheel"),
        ("failed to write … No space left on device (os error 28)", "install", "disk full"),
        ("error: something that nobody has seen before", "install", "installing failed"),
    ],
)
def test_failures_of_installing(output: str, stage: str, kind: str) -> None:
    reason = failures.of_installing(output).reason
    assert (reason.stage, reason.kind) == (stage, kind)


def test_a_broken_download_names_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    output = "error: Failed to fetch: `http://files.example/torch-2.5.1.whl`\n  Caused by: connection closed"
    monkeypatch.setenv("http_proxy", "http://user:secret@proxy.example:3128")
    message = failures.of_installing(output).reason.message
    assert message.endswith("(through the proxy http://proxy.example:3128)")
    monkeypatch.setenv("no_proxy", "files.example")
    assert "proxy" not in failures.of_installing(output).reason.message


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        *((kind, "unavailable") for kind in sorted(failures.UNAVAILABLE)),
        ("timed out", "timed-out"),
        ("crashed by SIGSEGV", "crashed"),
        ("conflict among pins", "error"),
        ("hash mismatch", "error"),
    ],
)
def test_a_kind_of_failure_determines_the_status(kind: str, status: str) -> None:
    assert failures.CellError("install", kind, "…").status == status


def test_system_errors() -> None:
    assert failures.of_exception(OSError(errno.ENOSPC, "No space left on device")).reason.kind == "disk full"
    assert failures.of_exception(PermissionError(errno.EACCES, "no")).reason.kind == "system error"


def test_messages_are_one_line_without_colour_and_hints() -> None:
    output = "\x1b[1merror\x1b[0m: No solution\n  found\n\n  hint: try something else" + "x" * 2000
    assert failures.of_resolving(output).reason.message == "No solution found"
    assert len(failures.of_resolving("x" * 5000).reason.message) == 600


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("Resolved 3 packages in 12ms\nPrepared 3 packages in 11.52s\nInstalled 3 packages in 40ms\n", 11.52),
        ("Prepared 1 package in 450ms\n", 0.45),
        ("Prepared 14 packages in 1m 02s\n", 62),
        ("Prepared 14 packages in 2m\n", 120),
        ("Installed 3 packages in 40ms\n", 0),
    ],
)
def test_the_download_time_is_parsed_from_uv(said: str, seconds: float) -> None:
    assert installation.prepared_seconds(said) == seconds


@pytest.mark.parametrize(
    ("output", "project"),
    [
        ("Because there is no version of torch==2.99 and cell depends on …", "torch"),
        ("Because there are no versions of ruamel.yaml and cell\n depends on …", "ruamel.yaml"),
        ("Because nmupy was not found in the package registry and …", "nmupy"),
        ("error: Failed to fetch: `http://127.0.0.1:1/torch/`", None),
    ],
)
def test_the_project_without_versions_is_parsed_from_uv(output: str, project: str | None) -> None:
    assert failures.missing_project(output) == project


@pytest.mark.parametrize(
    "unit", ["\n", " \n", "torch", "no torch", "a", "a.", "\x1b[", "\nhint", "error: ", "there is no version of a"]
)
def test_untrusted_output_is_classified_in_linear_time(unit: str) -> None:
    output = unit * (200_000 // len(unit))  # as much as is kept of a program's output
    before = time.thread_time()
    failures.of_resolving(output)
    failures.of_installing(output)
    failures.of_building(output)
    failures.without_wheel(output)
    failures.missing_project(output)
    assert time.thread_time() - before < 1


@pytest.mark.parametrize("unit", ["<meta ", "<title", "<title>", "<title> ", "<", " "])
def test_invalid_pages_are_recognised_in_linear_time(unit: str) -> None:
    body = unit * (1_000_000 // len(unit))
    before = time.thread_time()
    for pattern in (listings._FOREIGN, listings._TITLE):
        assert isinstance(pattern, re.Pattern)
        pattern.search(body)
    assert time.thread_time() - before < 1
