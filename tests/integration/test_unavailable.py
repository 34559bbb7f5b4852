"""Unavailable cells: each has a stage, a kind of failure, and a message that names the cause."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import uv

from tests.integration.conftest import MakeProject
from tests.support.index import Fault, LocalIndex
from tests.support.matrices import PYTHON, cell
from tests.support.project import Project
from tests.support.torches import build_torch
from tests.support.wheels import truncated


def reason(copy: Project, id: str, *, status: str = "unavailable") -> tuple[str, str, str]:  # noqa: A002
    """Stage, kind and message of a cell that was run and wasn't recorded."""
    copy.nox("-s", "matrix")
    record = copy.records()[id]
    assert record["status"] == status
    assert record["observations"] == {}
    why = record["reason"]
    return why["stage"], why["kind"], why["message"]


# --- resolving ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wheel",
    [{"tag": "cp36-cp36m-linux_x86_64"}, {"tag": "cp311-cp311-win_arm64"}, {"requires_python": ">=3.99"}],
    ids=["Python", "platform", "requires-python"],
)
def test_no_wheel_for_this_python_or_platform(index: LocalIndex, project: MakeProject, wheel: dict[str, Any]) -> None:
    index.add(build_torch("2.5.1", label=None, **wheel))
    stage, kind, message = reason(project("2.5.1", builds={}), cell("2.5.1", "default"))
    assert (stage, kind) == ("resolve", "no wheel")
    assert "torch==2.5.1" in message


@pytest.mark.parametrize("channel", ["cpu", "default"])
def test_no_such_release(index: LocalIndex, project: MakeProject, channel: str) -> None:
    index.add(build_torch("2.5.0", label=None if channel == "default" else channel), channel=channel)
    copy = project("2.5.1", builds={} if channel == "default" else {"cpu": "default"})
    stage, kind, message = reason(copy, cell("2.5.1", channel))
    assert (stage, kind) == ("resolve", "no such release")
    assert "no version of torch==2.5.1" in message


PINS = """
[[pins]]
require = "pluggy<1"
reason = "for this test"
[[pins]]
require = "{}"
reason = "for this test"
"""


def test_a_conflict_among_pins(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    copy = project("2.5.1", extra=PINS.format("pluggy>=1"))
    stage, kind, message = reason(copy, cell("2.5.1"), status="error")
    assert (stage, kind) == ("resolve", "conflict among pins")
    assert "pluggy<1" in message
    assert "pluggy>=1" in message


def test_a_missing_requirement_is_not_a_missing_release(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    copy = project("2.5.1", extra='[[pins]]\nrequire = "nmupy<2"\nreason = "for this test"\n')
    stage, kind, message = reason(copy, cell("2.5.1"))
    assert (stage, kind) == ("resolve", "no such requirement")
    assert "nmupy was not found" in message


def test_an_index_that_never_answers(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1", label=None))
    index.fail("default", Fault.hang())
    copy = project("2.5.1", builds={}, limits={"resolve": 1})
    stage, kind, message = reason(copy, cell("2.5.1", "default"), status="timed-out")
    assert (stage, kind) == ("resolve", "timed out")
    assert "longer than 1 s" in message


# --- interpreters -----------------------------------------------------------------------------------------------------


def test_no_interpreter(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    stage, kind, message = reason(project("2.5.1", pythons=["3.99"]), cell("2.5.1", python="3.99"))
    assert (stage, kind) == ("interpreter", "no interpreter")
    assert message == "no Python 3.99 on this machine, and downloads are switched off"
    assert index.requests == []


def test_an_inactive_interpreter_of_pyenv_is_found(index: LocalIndex, project: MakeProject, tmp_path: Path) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    copy = project("2.5.1")
    # nox alone is on the PATH: the Python that has it is one of an environment, which doesn't count.
    tools = tmp_path / "tools"
    tools.mkdir()
    shutil.copy2(uv.find_uv_bin(), tools)
    root = tmp_path / "pyenv"
    nowhere = {"PATH": str(tools), "UV_PYTHON_INSTALL_DIR": str(tmp_path / "none"), "PYENV_ROOT": str(root)}
    copy.env.update(nowhere)
    assert reason(copy, cell("2.5.1"))[:2] == ("interpreter", "no interpreter")

    installed = root / "versions" / f"{PYTHON}.0" / "bin"
    installed.mkdir(parents=True)
    (installed / f"python{PYTHON}").symlink_to(Path(sys.base_prefix) / "bin" / f"python{PYTHON}")
    done = copy.nox("-s", "matrix")
    assert copy.records()[cell("2.5.1")]["status"] == "recorded", done.output


# --- downloading and installing ---------------------------------------------------------------------------------------


def test_a_hash_mismatch(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1"), channel="cpu", sha256="0" * 64)
    stage, kind, message = reason(project("2.5.1"), cell("2.5.1"), status="error")
    assert (stage, kind) == ("download", "hash mismatch")
    assert "torch==2.5.1" in message


@pytest.mark.parametrize("fault", [Fault.cut(5000), Fault.drop(), Fault.status(503)], ids=lambda fault: fault.do)
def test_an_interrupted_download_and_the_next_run(index: LocalIndex, project: MakeProject, fault: Fault) -> None:
    index.add(build_torch("2.5.1", size=100_000), channel="cpu")
    index.fail("*/torch-*.whl", fault)
    copy = project("2.5.1")
    stage, kind, message = reason(copy, cell("2.5.1"))
    assert (stage, kind) == ("download", "download broken off")
    assert "torch==2.5.1" in message
    index.heal()
    assert copy.nox("-s", "matrix").code == 0
    assert copy.records()[cell("2.5.1")]["status"] == "recorded"


def test_a_broken_wheel(index: LocalIndex, project: MakeProject) -> None:
    index.add(truncated(build_torch("2.5.1", size=100_000)), channel="cpu")
    stage, kind, _ = reason(project("2.5.1"), cell("2.5.1"), status="error")
    assert (stage, kind) == ("download", "broken wheel")


@pytest.mark.parametrize("build", ["default", "cpu"])  # whose index tells no sizes
def test_a_small_disk_budget_affects_only_cells_that_do_not_fit(
    index: LocalIndex, project: MakeProject, build: str
) -> None:
    sizes = {"2.4.1": 0, "2.5.0": 40_000_000, "2.5.1": 0}
    index.add(*(build_torch(release, label=None, size=size) for release, size in sizes.items()))
    index.add(*(build_torch(release, size=size) for release, size in sizes.items()), channel="cpu")
    builds = {} if build == "default" else {"cpu": None}
    copy = project(*sizes, builds=builds, extra='[budget]\ndisk = "60 MB"\njobs = 2\n')
    stage, kind, message = reason(copy, cell("2.5.0", build))
    assert (stage, kind) == ("install", "over the disk budget")
    need, free = message.removeprefix("needs ").removesuffix(" free").split(", ")
    assert 80 < float(need.removesuffix("MB")) < 100  # the wheel, and what unpacking it takes
    assert free.endswith("MB")
    assert not index.downloads("*torch-2.5.0*")
    for release in ("2.4.1", "2.5.1"):
        assert copy.records()[cell(release, build)]["status"] == "recorded"


def test_an_unavailable_cell_does_not_replace_a_record(index: LocalIndex, project: MakeProject) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    copy = project("2.5.1", builds={"cpu": None})
    assert copy.nox("-s", "matrix").code == 0
    before = copy.records()
    log = (copy.root / before[cell("2.5.1")]["run"]["log"]).read_text()
    with index.down():
        done = copy.nox("-s", "matrix", "--", "--fresh")
    assert "index unreachable" in done.output
    assert copy.records() == before
    assert (copy.root / before[cell("2.5.1")]["run"]["log"]).read_text() == log
