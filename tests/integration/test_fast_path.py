"""The fast path for big wheels changes no record: with placeholders, and without the fast path."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from scripts.run.unpack import store
from tests.integration.conftest import MakeProject
from tests.support import no_fast_path
from tests.support.index import Fault, LocalIndex
from tests.support.matrices import cell
from tests.support.project import Project
from tests.support.torches import build_torch
from tests.support.wheels import Wheel, tampered

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="on other platforms uv installs everything")

CELL = cell("2.5.1")
LIBRARY = "torch/lib/libtorch_cuda_linalg.so"
CONTENT = b"\x7fELF" * 100_000
HELD = '[[held]]\nfiles = ["torch/lib/*.so"]\nreason = "for GPUs"\n'

#: A test that finds a library, and one that opens it.
FINDS = """
import os, torch
def test_library(observe):
    with observe("library"):
        library = os.path.join(os.path.dirname(torch.__file__), "lib", "libtorch_cuda_linalg.so")
        assert os.path.getsize(library) == 400000
"""
OPENS = """
import os, torch
def test_library(observe):
    with observe("library"):
        with open(os.path.join(os.path.dirname(torch.__file__), "lib", "libtorch_cuda_linalg.so"), "rb") as library:
            assert library.read(4) == b"\\x7fELF"
"""


@pytest.fixture
def big() -> Wheel:
    """A big torch wheel with a library for GPUs."""
    return tampered(build_torch("2.5.1", size=store.BIG), {LIBRARY: CONTENT})


def with_test(copy: Project, text: str) -> Project:
    (copy.suite / "test_library.py").write_text(text)
    return copy


def record(copy: Project) -> Mapping[str, object]:
    """Return the record without the run's own data."""
    return {key: value for key, value in copy.records()[CELL].items() if key != "run"}


def stored_libraries(copy: Project) -> list[Path]:
    return list((copy.root / ".matrix" / "cache" / "unpacked").glob("torch/*/files/torch/lib/*.so"))


def test_files_that_no_test_opens_are_not_unpacked_and_the_record_is_the_same(
    index: LocalIndex, project: MakeProject, big: Wheel
) -> None:
    index.add(big, channel="cpu")
    copy = with_test(project("2.5.1", extra=HELD), FINDS)
    assert copy.nox("-s", "matrix").code == 0
    assert stored_libraries(copy) == []
    assert "1 placeholders for 400,000 bytes" in (copy.state / "logs" / f"{CELL}.log").read_text()
    with_placeholder = record(copy)
    copy.write_matrix((copy.root / "matrix.toml").read_text().replace(HELD, ""))
    assert copy.nox("-s", "matrix", "--", "--fresh").code == 0
    assert len(stored_libraries(copy)) == 1
    assert record(copy) == with_placeholder


def test_records_are_the_same_without_the_fast_path(index: LocalIndex, project: MakeProject, big: Wheel) -> None:
    index.add(big, channel="cpu")
    copy = with_test(project("2.5.1", extra=HELD), FINDS)
    assert copy.nox("-s", "matrix").code == 0
    with_fast_path = record(copy)
    for folder in (copy.root / "scripts" / "run" / "unpack", copy.root / ".matrix" / "cache"):
        shutil.rmtree(folder)
    stub = copy.root / "scripts" / "run" / "unpack" / "fast_path.py"
    stub.parent.mkdir()
    shutil.copy(no_fast_path.__file__, stub)
    (stub.parent / "__init__.py").touch()
    again = copy.nox("-s", "matrix", "--", "--fresh")
    assert again.code == 0, again.output
    assert record(copy) == with_fast_path
    cache = copy.root / ".matrix" / "cache"
    assert not [name for name in ("unpacked", "bytecode") if (cache / name).exists()]


def test_an_opened_placeholder_is_extracted_and_the_cell_runs_again(
    index: LocalIndex, project: MakeProject, big: Wheel
) -> None:
    index.add(big, channel="cpu")
    copy = with_test(project("2.5.1", extra=HELD), OPENS)
    first = copy.nox("-s", "matrix")
    assert first.code == 0
    assert f"{CELL} ran twice: its tests opened placeholders: {LIBRARY}" in first.output
    fresh = copy.records()[CELL]
    assert fresh["observations"]["library"]["outcome"] == "returned"
    assert fresh["run"]["opened"] == [LIBRARY]
    again = copy.nox("-s", "matrix", "--", "--fresh")  # it is whole by now
    assert "ran twice" not in again.output
    assert "opened" not in copy.records()[CELL]["run"]
    assert len(index.downloads("*/torch-*")) == 2


def test_a_kept_environment_has_no_placeholders(index: LocalIndex, project: MakeProject, big: Wheel) -> None:
    index.add(big, channel="cpu")
    copy = with_test(project("2.5.1", extra=HELD), OPENS)
    assert copy.nox("-s", "matrix", "--", "--keep").code == 0
    (library,) = (copy.state / "envs").rglob("libtorch_cuda_linalg.so")
    assert library.read_bytes() == CONTENT


def test_a_bisect_command_finds_all_files(index: LocalIndex, project: MakeProject, big: Wheel) -> None:
    newer = tampered(build_torch("2.6.0", size=store.BIG), {LIBRARY: b"other" * 100_000})
    index.add(big, newer, channel="cpu")
    copy = project("2.5.1", "2.6.0", extra=HELD)
    code = "import sysconfig; assert open(sysconfig.get_path('purelib') + '/" + LIBRARY + "', 'rb').read(4) != b'othe'"
    command = f'{{python}} -c "{code}"'
    found = copy.scripts("bisect", "--command", command, "--good", "2.5.1", "--bad", "2.6.0", timeout=120)
    assert "between torch 2.5.1 and 2.6.0" in found.output


def test_wheels_of_a_server_without_ranges_are_left_to_uv(index: LocalIndex, project: MakeProject, big: Wheel) -> None:
    index.add(big, channel="cpu")
    index.configure("cpu", ranges=False)
    copy = with_test(project("2.5.1", extra=HELD), OPENS)
    for options in ([], ["--fresh"]):
        assert copy.nox("-s", "matrix", "--", *options).code == 0
    assert stored_libraries(copy) == []
    assert "ran twice" not in (copy.state / "logs" / f"{CELL}.log").read_text()
    assert len(index.downloads("*/torch-*")) == 1


def test_an_interrupted_download_is_resumed(index: LocalIndex, project: MakeProject, big: Wheel) -> None:
    index.add(big, channel="cpu")
    copy = project("2.5.1", extra=HELD)
    assert copy.nox("-s", "plan").code == 0
    index.fail("/whl/cpu/torch-2.5.1*.whl", Fault.cut(store.BIG // 2), times=3)
    assert copy.nox("-s", "matrix").code == 0
    assert copy.records()[CELL]["status"] == "recorded"
    assert index.sent("/whl/cpu/torch-2.5.1*.whl") < 1.2 * len(big.content)


@pytest.mark.parametrize("name", ["../../../../matrix.toml", "../../../evil", "python"])
def test_a_script_outside_the_environment_is_refused_and_not_written(
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
