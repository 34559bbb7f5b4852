"""What the wheels hold and no probe opens isn't unpacked; and no record shows it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from scripts.run.unpack import store
from tests.integration.conftest import MakeProject
from tests.support.index import Fault, LocalIndex
from tests.support.matrices import cell
from tests.support.project import Project
from tests.support.torches import build_torch
from tests.support.wheels import Wheel, tampered

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere than on Linux, all is uv's")

CELL = cell("2.5.1")
LIBRARY = "torch/lib/libtorch_cuda_linalg.so"
CONTENT = b"\x7fELF" * 100_000
BACK = '[[held]]\nfiles = ["torch/lib/*.so"]\nreason = "for GPUs"\n'

#: A probe that finds a library, and one that looks into it.
FINDS = """
import os, torch
def test_library(observe):
    with observe("library"):
        library = os.path.join(os.path.dirname(torch.__file__), "lib", "libtorch_cuda_linalg.so")
        assert os.path.getsize(library) == 400000
"""
LOOKS = """
import os, torch
def test_library(observe):
    with observe("library"):
        with open(os.path.join(os.path.dirname(torch.__file__), "lib", "libtorch_cuda_linalg.so"), "rb") as library:
            assert library.read(4) == b"\\x7fELF"
"""


@pytest.fixture
def big() -> Wheel:
    """A torch that is big, with a library for GPUs."""
    return tampered(build_torch("2.5.1", size=store.BIG), {LIBRARY: CONTENT})


def with_probe(copy: Project, text: str) -> Project:
    (copy.root / "tests" / "cells" / "test_library.py").write_text(text)
    return copy


def record(copy: Project) -> Mapping[str, object]:
    """The record without what belongs to the run."""
    return {key: value for key, value in copy.records()[CELL].items() if key != "run"}


def on_shelf(copy: Project) -> list[Path]:
    return list((copy.root / ".matrix" / "cache" / "unpacked").glob("torch/*/files/torch/lib/*.so"))


def test_what_no_probe_opens_is_not_unpacked_and_the_record_is_the_same(
    index: LocalIndex, project: MakeProject, big: Wheel
) -> None:
    index.add(big, channel="cpu")
    copy = with_probe(project("2.5.1", extra=BACK), FINDS)
    assert copy.nox("-s", "matrix").code == 0
    assert on_shelf(copy) == []
    assert "1 files of 400,000 bytes held back" in (copy.root / ".matrix" / "logs" / f"{CELL}.log").read_text()
    held = record(copy)
    copy.write_matrix((copy.root / "matrix.toml").read_text().replace(BACK, ""))
    assert copy.nox("-s", "matrix", "--", "--fresh").code == 0
    assert len(on_shelf(copy)) == 1
    assert record(copy) == held


def test_a_probe_that_opens_it_gets_it_and_it_is_said(index: LocalIndex, project: MakeProject, big: Wheel) -> None:
    index.add(big, channel="cpu")
    copy = with_probe(project("2.5.1", extra=BACK), LOOKS)
    first = copy.nox("-s", "matrix")
    assert first.code == 0
    assert f"{CELL} ran twice, since it opened what matrix.toml holds back: {LIBRARY}" in first.output
    fresh = copy.records()[CELL]
    assert fresh["observations"]["library"]["outcome"] == "returned"
    assert fresh["run"]["opened"] == [LIBRARY]
    again = copy.nox("-s", "matrix", "--", "--fresh")  # it is whole by now
    assert "ran twice" not in again.output
    assert "opened" not in copy.records()[CELL]["run"]
    assert len(index.downloads("*/torch-*")) == 2


def test_an_environment_that_is_kept_is_whole(index: LocalIndex, project: MakeProject, big: Wheel) -> None:
    index.add(big, channel="cpu")
    copy = with_probe(project("2.5.1", extra=BACK), LOOKS)
    assert copy.nox("-s", "matrix", "--", "--keep").code == 0
    (library,) = (copy.root / ".matrix" / "envs").rglob("libtorch_cuda_linalg.so")
    assert library.read_bytes() == CONTENT


def test_a_command_of_bisect_finds_all(index: LocalIndex, project: MakeProject, big: Wheel) -> None:
    other = tampered(build_torch("2.6.0", size=store.BIG), {LIBRARY: b"other" * 100_000})
    index.add(big, other, channel="cpu")
    copy = project("2.5.1", "2.6.0", extra=BACK)
    code = "import sysconfig; assert open(sysconfig.get_path('purelib') + '/" + LIBRARY + "', 'rb').read(4) != b'othe'"
    command = f'{{python}} -c "{code}"'
    found = copy.scripts("bisect", "--command", command, "--good", "2.5.1", "--bad", "2.6.0", timeout=120)
    assert "between torch 2.5.1 and 2.6.0" in found.output


def test_a_server_without_ranges_is_served_by_uv(index: LocalIndex, project: MakeProject, big: Wheel) -> None:
    index.add(big, channel="cpu")
    index.configure("cpu", ranges=False)
    copy = with_probe(project("2.5.1", extra=BACK), LOOKS)
    for options in ([], ["--fresh"]):
        assert copy.nox("-s", "matrix", "--", *options).code == 0
    assert on_shelf(copy) == []
    assert "ran twice" not in (copy.root / ".matrix" / "logs" / f"{CELL}.log").read_text()
    assert len(index.downloads("*/torch-*")) == 1


def test_a_download_that_breaks_goes_on_where_it_broke(index: LocalIndex, project: MakeProject, big: Wheel) -> None:
    index.add(big, channel="cpu")
    copy = project("2.5.1", extra=BACK)
    assert copy.nox("-s", "plan").code == 0
    index.fail("/whl/cpu/torch-2.5.1*.whl", Fault.cut(store.BIG // 2), times=3)
    assert copy.nox("-s", "matrix").code == 0
    assert copy.records()[CELL]["status"] == "recorded"
    assert index.sent("/whl/cpu/torch-2.5.1*.whl") < 1.2 * len(big.content)


@pytest.mark.parametrize("name", ["../../../../matrix.toml", "../../../evil", "python"])
def test_a_script_that_leads_elsewhere_is_refused_and_nothing_is_written(
    index: LocalIndex, project: MakeProject, name: str
) -> None:
    points = f"[console_scripts]\n{name} = os:getcwd\n".encode()
    odd = tampered(build_torch("2.5.1", size=store.BIG), {"torch-2.5.1+cpu.dist-info/entry_points.txt": points})
    index.add(odd, channel="cpu")
    copy = project("2.5.1")
    before = (copy.root / "matrix.toml").read_text()
    assert copy.scripts("run").code == 3
    assert copy.records()[CELL]["status"] == "error"
    assert (copy.root / "matrix.toml").read_text() == before
    assert [path for path in copy.root.rglob("evil") if path.is_file()] == []
