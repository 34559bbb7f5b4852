"""Faulty indexes: a glitch changes nothing, an outage moves the whole run to the fallback, errors are reported."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.conftest import MakeProject
from tests.support.index import Fault, LocalIndex
from tests.support.matrices import cell
from tests.support.project import Project
from tests.support.torches import build_torch

PORTAL = "<html><head><title>Log in</title></head><body><form action='/in'>Wi-Fi</form></body></html>"
EMPTY = "<!DOCTYPE html><html><body><h1>Links for torch</h1></body></html>"

#: What passes when it is asked again.
GLITCHES = [Fault.status(503), Fault.status(429, retry_after="1"), Fault.reset(), Fault.drop(), Fault.cut(20)]
#: What an index can answer, and the kind of failure that a cell then has.
ANSWERS = [
    (Fault.status(404), "no such release", "HTTP 404"),
    (Fault.status(410), "no such release", "HTTP 410"),
    (Fault.status(401), "access denied", "HTTP 401"),
    (Fault.status(403), "access denied", "HTTP 403"),
    (Fault.page(PORTAL), "not an index page", "titled 'Log in'"),
    (Fault.page(EMPTY), "empty index page", "lists no files"),
    (Fault.redirect("/whl/cpu/torch/"), "redirect loop", "redirect loop"),
]


def name_of(value: object) -> str:
    """The name of a fault among the parameters of a test."""
    return f"{value.do}{value.number or ''}{len(value.body) or ''}" if isinstance(value, Fault) else ""


def both(index: LocalIndex, *releases: str) -> None:
    """Put releases on the index of ``cpu``, and on the default one that is its fallback."""
    for release in releases:
        index.add(build_torch(release), channel="cpu")
        index.add(build_torch(release, label=None, cuda="12.4"))


def builds(copy: Project) -> dict[str, str]:
    return {name.split("-")[0]: record["wheel"]["index"] for name, record in copy.records().items()}


def reason(copy: Project, build: str = "cpu", release: str = "2.5.1") -> tuple[str, str]:
    record: dict[str, Any] = copy.records()[cell(release, build)]
    assert record["status"] == "unavailable"
    return record["reason"]["kind"], record["reason"]["message"]


@pytest.mark.parametrize("fault", GLITCHES, ids=name_of)
def test_a_glitch_does_not_move_a_run_to_the_fallback(index: LocalIndex, project: MakeProject, fault: Fault) -> None:
    both(index, "2.5.1")
    index.fail("cpu", fault, times=1)
    copy = project("2.5.1")
    done = copy.nox("-s", "matrix")
    assert done.code == 0, done.output
    assert builds(copy) == {"2.5.1": "cpu"}
    assert "fallback" not in copy.records()[cell("2.5.1")]["run"]


@pytest.mark.parametrize("fault", [Fault.status(503), Fault.status(429), Fault.reset()], ids=name_of)
def test_a_glitch_during_resolution_is_retried(index: LocalIndex, project: MakeProject, fault: Fault) -> None:
    index.add(build_torch("2.5.1", label=None))
    index.fail("default", fault)
    copy = project("2.5.1", builds={})
    copy.nox("-s", "matrix")
    assert reason(copy, "default")[0] == "index unreachable"
    index.heal()
    index.fail("/default/simple/torch/", fault, times=1)
    assert copy.nox("-s", "matrix", env={"UV_HTTP_RETRIES": "3"}).code == 0
    assert builds(copy) == {"2.5.1": "default"}


@pytest.mark.parametrize(("fault", "kind", "message"), ANSWERS, ids=name_of)
def test_an_error_of_the_index_is_reported_and_causes_no_fallback(
    index: LocalIndex, project: MakeProject, fault: Fault, kind: str, message: str
) -> None:
    both(index, "2.5.1")
    index.fail("cpu", fault)
    copy = project("2.5.1")
    assert copy.nox("-s", "matrix").code != 0
    found = reason(copy)
    assert found[0] == kind
    assert found[1].startswith("index 'cpu': ")
    assert message in found[1]
    assert index.downloads() == []


@pytest.mark.parametrize(("fault", "kind", "message"), ANSWERS[:-1], ids=name_of)
def test_an_error_of_the_default_index_is_reported(
    index: LocalIndex, project: MakeProject, fault: Fault, kind: str, message: str
) -> None:
    index.add(build_torch("2.5.1", label=None))
    index.fail("/default/simple/torch/", fault)
    copy = project("2.5.1", builds={})
    copy.nox("-s", "matrix")
    found = reason(copy, "default")
    assert found[0] == kind
    assert message in found[1]


def test_a_yanked_release_has_the_reason_from_the_index(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1"), channel="cpu", yanked="broken on [Windows]")
    index.add(build_torch("2.5.0"), channel="cpu")
    copy = project("2.5.0", "2.5.1")
    copy.nox("-s", "matrix")
    kind, message = reason(copy)
    assert kind == "yanked"
    assert "2.5.1 is yanked: broken on [Windows]" in message
    assert copy.records()[cell("2.5.0")]["status"] == "recorded"


# --- fallbacks --------------------------------------------------------------------------------------------------------


def test_an_index_that_recovers_during_a_run_does_not_change_it(index: LocalIndex, project: MakeProject) -> None:
    both(index, "2.4.1", "2.5.0", "2.5.1")
    index.fail("cpu", Fault.status(503), times=4)  # as many as a check has attempts
    copy = project("2.4.1", "2.5.0", "2.5.1")
    assert copy.nox("-s", "matrix").code == 0
    assert set(builds(copy).values()) == {"default"}


def test_the_record_of_a_fallback_is_out_of_date_once_the_index_answers(
    index: LocalIndex, project: MakeProject
) -> None:
    both(index, "2.4.1", "2.5.1")
    copy = project("2.4.1", "2.5.1")
    index.fail("cpu", Fault.status(503))
    assert copy.nox("-s", "matrix").code == 0
    before = copy.records()
    assert builds(copy) == {"2.4.1": "default", "2.5.1": "default"}

    index.forget()  # still down: nothing to do, and one request to see that
    assert copy.nox("-s", "matrix").code == 0
    assert copy.records() == before
    assert len(index.requests) == 1

    index.heal()
    assert copy.nox("-s", "matrix").code == 0
    assert builds(copy) == {"2.4.1": "cpu", "2.5.1": "cpu"}
    index.forget()
    assert copy.nox("-s", "matrix").code == 0
    assert index.requests == []


def test_a_run_never_mixes_index_and_fallback(index: LocalIndex, project: MakeProject) -> None:
    both(index, "2.4.1", "2.5.1")
    copy = project("2.4.1")
    matrix = (copy.root / "matrix.toml").read_text()
    index.fail("cpu", Fault.status(503))
    assert copy.nox("-s", "matrix").code == 0
    assert builds(copy) == {"2.4.1": "default"}
    # The look whether the index is back meets a glitch; the cell that is new has it asked with retries.
    index.heal()
    index.fail("cpu", Fault.status(503), times=1)
    copy.write_matrix(matrix.replace('["2.4.1"]', '["2.4.1", "2.5.1"]'))
    assert copy.nox("-s", "matrix").code == 0
    assert builds(copy) == {"2.4.1": "cpu", "2.5.1": "cpu"}


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks5://127.0.0.1:9"])
@pytest.mark.parametrize("build", ["cpu", "default"])  # asked by ourselves, and by uv alone
def test_a_failing_proxy_is_named(index: LocalIndex, project: MakeProject, build: str, proxy: str) -> None:
    index.add(build_torch("2.5.1", label=None if build == "default" else build), channel=build)
    copy = project("2.5.1", builds={} if build == "default" else {"cpu": None})
    done = copy.nox("-s", "matrix", env={"ALL_PROXY": proxy, "NO_PROXY": None})
    assert "Traceback" not in done.output
    kind, message = reason(copy, build)
    assert kind == "index unreachable"
    assert f"through the proxy {proxy}" in message


# --- scan and doctor --------------------------------------------------------------------------------------------------


def test_scan_reads_and_marks_yanked_releases(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.0", label=None))
    index.add(build_torch("2.5.1", label=None), yanked="broken")
    copy = project("2.5.0")
    done = copy.scripts("scan", "torch/version.py")
    assert done.code == 0, done.output
    assert "2.5.1 (yanked)" in done.stdout
    assert "yanked  2.5.1: broken" in done.stdout


def test_doctor_reports_each_index(index: LocalIndex, project: MakeProject) -> None:
    both(index, "2.5.1")
    index.add(build_torch("2.5.1", label="cu124"), channel="cu124")
    index.fail("/whl/cpu/torch/", Fault.status(403))
    index.fail("/whl/cu124/*.whl", Fault.status(404))
    copy = project("2.5.1", builds={"cpu": "default", "cu124": "default"}, cells=[cell("2.5.1", "cu124")])
    said = copy.scripts("doctor").stdout
    assert "/whl/cpu (http" in said
    assert "HTTP 403 (Forbidden)" in said
    assert "its files on 127.0.0.1 cannot be downloaded" in said
    assert "1 unavailable: index 'cpu': " in said
