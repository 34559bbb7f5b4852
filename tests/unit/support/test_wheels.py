"""The synthetic wheels and the local index, with the real uv."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uv

from tests.support.index import Fault, LocalIndex
from tests.support.project import environment
from tests.support.torches import build_torch
from tests.support.wheels import build_package, installed, tampered, truncated

Uv = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def index() -> Iterator[LocalIndex]:
    with LocalIndex() as index:
        yield index


@pytest.fixture
def run_uv(tmp_path: Path, index: LocalIndex) -> Uv:
    """A function that runs uv with a separate cache."""

    def run(*arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [uv.find_uv_bin(), *arguments],
            env={**environment(tmp_path, index), **env},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return run


@pytest.fixture
def install(tmp_path: Path, run_uv: Uv) -> Uv:
    """A function that runs ``uv pip install`` into an empty folder."""

    def run(*arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        return run_uv("pip", "install", "--target", tmp_path / "installed", "--no-cache", *arguments, **env)

    return run


# --- wheels -----------------------------------------------------------------------------------------------------------


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert build_torch("2.5.1", size=1000) == build_torch("2.5.1", size=1000)
    assert build_torch("2.5.1").sha256 != build_torch("2.5.1", git_version="f" * 40).sha256


def test_padding_makes_a_wheel_big() -> None:
    assert len(build_torch("2.5.1", size=1_000_000).content) > 1_000_000


def test_a_whole_environment_is_installed(index: LocalIndex, install: Uv, tmp_path: Path) -> None:
    index.add(build_package("numpy", "1.26.4", requires_python=">=3.9"), build_package("numpy", "2.1.0"))
    index.add(build_torch("1.12.1", requires=["numpy"]), channel="cpu")
    done = install("torch", "numpy<2", "--index", index.url("cpu"))
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "installed").glob("*.dist-info")) == [
        "numpy-1.26.4.dist-info",
        "torch-1.12.1+cpu.dist-info",
    ]


def test_the_pytest_of_the_tests_can_be_packed_and_installed(index: LocalIndex, install: Uv, tmp_path: Path) -> None:
    index.add(*installed("pytest"))
    assert install("pytest").returncode == 0
    assert (tmp_path / "installed" / "bin" / "pytest").exists()
    with pytest.raises(ValueError, match="not pure Python"):
        installed("pydantic-core")


@pytest.mark.parametrize(
    ("tag", "code"), [("py3-none-any", 0), ("cp38-cp38-manylinux1_x86_64", 1), ("py3-none-win_arm64", 1)]
)
def test_tags_decide_whether_a_wheel_is_compatible(index: LocalIndex, install: Uv, tag: str, code: int) -> None:
    index.add(build_torch("2.5.1", tag=tag))
    assert install("torch").returncode == code


def test_a_higher_build_tag_is_preferred(index: LocalIndex, install: Uv, tmp_path: Path) -> None:
    for build_tag in ("", "1"):
        index.add(build_torch("2.0.0", build_tag=build_tag, git_version=(build_tag or "0") * 40))
    assert install("torch").returncode == 0
    assert "1" * 40 in (tmp_path / "installed" / "torch" / "version.py").read_text()


# --- hashes -----------------------------------------------------------------------------------------------------------


def test_hashed_requirement_lines(index: LocalIndex, install: Uv, tmp_path: Path) -> None:
    wheel = build_torch("2.5.1")
    index.add(wheel, channel="cpu")
    lines = tmp_path / "requirements.txt"
    lines.write_text(f"torch==2.5.1+cpu --hash=sha256:{wheel.sha256}\n")
    hashed = ["--require-hashes", "--no-deps", "-r", lines, "--index", index.url("cpu"), "--reinstall"]
    assert install(*hashed).returncode == 0
    lines.write_text(f"torch==2.5.1+cpu --hash=sha256:{'0' * 64}\n")
    assert "Hash mismatch" in install(*hashed).stderr


def test_a_wrong_hash_on_the_index(index: LocalIndex, install: Uv) -> None:
    index.add(build_torch("2.5.1"), channel="cpu", sha256="0" * 64)
    assert "Hash mismatch" in install("torch", "--index", index.url("cpu")).stderr


def test_a_lock_has_the_sizes_and_times_of_the_index(index: LocalIndex, run_uv: Uv, tmp_path: Path) -> None:
    wheel = build_torch("2.5.1", label=None, cuda="12.4")
    index.add(wheel)
    (tmp_path / "requirements.in").write_text("torch")
    done = run_uv("pip", "compile", "--format", "pylock.toml", "-o", "pylock.toml", "requirements.in")
    assert done.returncode == 0, done.stderr
    (package,) = tomllib.loads((tmp_path / "pylock.toml").read_text())["packages"]
    assert package["wheels"][0]["hashes"] == {"sha256": wheel.sha256}
    assert package["wheels"][0]["size"] == len(wheel.content)
    assert package["wheels"][0]["upload-time"] == wheel.upload_time


def test_uv_downloads_a_nightly_to_lock_it_since_its_index_has_no_hash(
    index: LocalIndex, run_uv: Uv, tmp_path: Path
) -> None:
    wheel = build_torch("2.16.0.dev20261110")
    index.add(wheel, channel="nightly/cpu")
    (tmp_path / "requirements.in").write_text("torch==2.16.0.dev20261110")
    arguments = ["--format", "pylock.toml", "-o", "pylock.toml", "requirements.in"]
    done = run_uv("pip", "compile", *arguments, "--index", index.url("nightly/cpu"))
    assert done.returncode == 0, done.stderr
    (package,) = tomllib.loads((tmp_path / "pylock.toml").read_text())["packages"]
    assert "%2Bcpu" in package["wheels"][0]["url"]
    assert package["wheels"][0]["hashes"] == {"sha256": wheel.sha256}
    assert index.downloads()


# --- broken wheels ----------------------------------------------------------------------------------------------------


def test_a_truncated_wheel_is_refused(index: LocalIndex, install: Uv) -> None:
    index.add(truncated(build_torch("2.5.1")))
    assert "Failed to extract" in install("torch").stderr


def test_a_wheel_without_record_is_refused(index: LocalIndex, install: Uv) -> None:
    index.add(tampered(build_torch("2.5.1"), {"torch-2.5.1+cpu.dist-info/RECORD": None}))
    assert "RECORD" in install("torch").stderr


def test_uv_does_not_compare_a_wheel_with_its_record(index: LocalIndex, install: Uv, tmp_path: Path) -> None:
    index.add(tampered(build_torch("2.5.1"), {"torch/cuda/__init__.py": None, "torch/more.py": b""}))
    assert install("torch").returncode == 0
    assert not (tmp_path / "installed" / "torch" / "cuda").exists()


# --- failures of the index --------------------------------------------------------------------------------------------


def test_one_download_for_each_wheel(index: LocalIndex, run_uv: Uv, tmp_path: Path) -> None:
    index.add(build_torch("2.5.1", size=100_000), channel="cpu")
    for target in ("first", "second"):
        run_uv("pip", "install", "--target", tmp_path / target, "torch", "--index", index.url("cpu"))
    (download,) = index.downloads()
    assert (download.status, download.path) == (200, "/whl/cpu/torch-2.5.1+cpu-py3-none-any.whl")
    assert 100_000 < index.sent("*.whl") < 120_000
    index.forget()
    assert index.requests == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.status(404), "404"),
        (Fault.status(500), "500"),
        (Fault.drop(), "connection closed"),
        (Fault.cut(after=1000), "end of file before message length reached"),
    ],
)
def test_a_download_that_fails(index: LocalIndex, install: Uv, fault: Fault, error: str) -> None:
    index.add(build_torch("2.5.1"), channel="cpu")
    index.fail("/whl/cpu/*.whl", fault)
    assert error in install("torch", "--index", index.url("cpu")).stderr
    index.heal()
    assert install("torch", "--index", index.url("cpu")).returncode == 0


def test_a_download_that_hangs(index: LocalIndex, install: Uv) -> None:
    index.add(build_torch("2.5.1"))
    index.fail("*.whl", Fault.hang())
    assert "timed out" in install("torch", UV_HTTP_TIMEOUT="1").stderr


def test_an_index_that_is_unreachable_for_a_while(index: LocalIndex, install: Uv) -> None:
    index.add(build_torch("2.5.1"))
    with index.down():
        assert "Connection refused" in install("torch").stderr
    assert install("torch").returncode == 0


def test_a_yanked_wheel_is_not_installed(index: LocalIndex, install: Uv, tmp_path: Path) -> None:
    index.add(build_torch("2.5.0"))
    index.add(build_torch("2.5.1"), yanked="broken")
    assert install("torch").returncode == 0
    assert (tmp_path / "installed" / "torch-2.5.0+cpu.dist-info").exists()


@pytest.mark.parametrize(("ranges", "downloads"), [(True, 1), (False, 2)])
def test_metadata_without_a_separate_file_is_read_from_the_wheel(
    index: LocalIndex, install: Uv, ranges: bool, downloads: int
) -> None:
    index.add(build_torch("2.5.1", size=100_000), channel="cpu")
    index.configure("cpu", metadata=False, ranges=ranges)
    assert install("torch", "--index", index.url("cpu")).returncode == 0
    assert len(index.downloads()) == downloads
