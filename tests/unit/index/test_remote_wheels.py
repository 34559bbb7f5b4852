"""Files in remote wheels, index pages and wheel names, with a real server and its failures."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from scripts.core import urls
from scripts.index import listings, wheel_files
from scripts.index.errors import MissingError, NoRangesError, UnreachableError, WebError
from scripts.index.remote_wheels import Member, Reader
from scripts.index.wheel_files import WheelFile
from tests.support.server import Fault
from tests.support.static import QUICK, Static

STATIC = Static()
BASE = f"{STATIC.url}/whl/cpu"
URL = f"{BASE}/torch-2.5.1-cp311-cp311-linux_x86_64.whl"


def wheel_bytes(files: Mapping[str, bytes], padding: int = 100_000) -> bytes:
    """Return a wheel that starts with a large file, which must never be read."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("torch/lib/libtorch_cpu.so", b"\0" * padding)
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


FILES = {"torch/version.py": b"__version__ = '2.5.1'\n", "torch/nn/utils/parametrize.py": b"x = 1\n" * 2000}
WHEEL = wheel_bytes(FILES)


def listed(*, sha256: str | None = "", size: int | None = None) -> WheelFile:
    known = hashlib.sha256(WHEEL).hexdigest() if sha256 == "" else sha256
    return WheelFile(filename=URL.rpartition("/")[2], url=URL, sha256=known, size=size)


@pytest.fixture(autouse=True, scope="module")
def _serve() -> Iterator[None]:
    with STATIC.running():
        yield


# --- reading -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [None, len(WHEEL)])
def test_a_file_is_read_without_the_rest_of_the_wheel(tmp_path: Path, size: int | None) -> None:
    with STATIC.web({URL: WHEEL}) as client:
        reader = Reader(client, folder=tmp_path)
        found = reader.read(listed(size=size), ["torch/version.py", "torch/none.py"])
    assert found == {"torch/version.py": FILES["torch/version.py"], "torch/none.py": None}
    assert client.bytes < 6000 < len(WHEEL)


def test_a_known_size_avoids_ranges_from_the_end(tmp_path: Path) -> None:
    with STATIC.web({URL: WHEEL}, suffix=False) as client:
        assert Reader(client, folder=tmp_path).read(listed(size=len(WHEEL)), FILES) == FILES
        with pytest.raises(WebError, match="501"):
            Reader(client, folder=tmp_path / "other").read(listed(), FILES)


def test_cached_files_need_no_network(tmp_path: Path) -> None:
    with STATIC.web({URL: WHEEL}) as client:
        Reader(client, folder=tmp_path).read(listed(), [*FILES, "torch/none.py"])
    with STATIC.web({}) as nothing:
        reader = Reader(nothing, folder=tmp_path)
        assert reader.read(listed(), [*FILES, "torch/none.py"]) == {**FILES, "torch/none.py": None}
        assert set(reader.contents(listed())) == {*FILES, "torch/lib/libtorch_cpu.so"}
        assert (nothing.requests, reader.cached) == (0, 1)


def test_a_further_file_needs_one_request(tmp_path: Path) -> None:
    with STATIC.web({URL: WHEEL}) as client:
        reader = Reader(client, folder=tmp_path)
        reader.read(listed(), ["torch/version.py"])
        before = client.requests
        reader.read(listed(), FILES)
        assert client.requests - before == 1


def test_the_table_of_contents_has_size_and_crc(tmp_path: Path) -> None:
    with STATIC.web({URL: WHEEL}) as client:
        contents = Reader(client, folder=tmp_path).contents(listed())
    expected = zipfile.ZipFile(io.BytesIO(WHEEL)).getinfo("torch/version.py")
    assert contents["torch/version.py"] == Member(size=expected.file_size, crc=expected.CRC)


def test_a_table_of_contents_larger_than_the_first_read(tmp_path: Path) -> None:
    many = {f"torch/nn/modules/number_{i}.py": b"%d" % i for i in range(500)}
    content = wheel_bytes(many)
    with STATIC.web({URL: content}) as client:
        reader = Reader(client, folder=tmp_path)
        wheel = listed(sha256="a" * 64)
        assert reader.read(wheel, ["torch/nn/modules/number_7.py"]) == {"torch/nn/modules/number_7.py": b"7"}
        assert len(reader.contents(wheel)) == 501
        assert reader.read(wheel, ["torch/nn/modules/number_8.py"]) == {"torch/nn/modules/number_8.py": b"8"}


def test_without_ranges_the_error_names_the_remedy_and_nothing_is_read(tmp_path: Path) -> None:
    with STATIC.web({URL: WHEEL}, ranges=False) as client:
        with pytest.raises(NoRangesError, match="--download"):
            Reader(client, folder=tmp_path).read(listed(), FILES)
        assert client.bytes < len(WHEEL)


@pytest.mark.parametrize("ranges", [True, False])
def test_downloading_reads_the_same(tmp_path: Path, ranges: bool) -> None:
    with STATIC.web({URL: WHEEL}, ranges=ranges) as client:
        assert Reader(client, folder=tmp_path, download=True).read(listed(), FILES) == FILES
    assert not list(tmp_path.glob(".download-*"))


def test_a_download_must_have_the_listed_hash(tmp_path: Path) -> None:
    with STATIC.web({URL: WHEEL}) as client, pytest.raises(WebError, match="sha256"):
        Reader(client, folder=tmp_path, download=True).read(listed(sha256="0" * 64), FILES)


def test_a_wheel_without_a_hash_is_identified_by_its_headers(tmp_path: Path) -> None:
    other = wheel_bytes({"torch/version.py": b"another\n"})
    with STATIC.web({URL: WHEEL}) as client:
        reader = Reader(client, folder=tmp_path)
        assert reader.read(listed(sha256=None), ["torch/version.py"]) != {"torch/version.py": b"another\n"}
        reader.read(listed(sha256=None), ["torch/version.py"])
        assert reader.cached == 1
    with STATIC.web({URL: other}) as client:  # uploaded again under the same name
        found = Reader(client, folder=tmp_path).read(listed(sha256=None), ["torch/version.py"])
    assert found == {"torch/version.py": b"another\n"}


def test_transient_failures_are_retried(tmp_path: Path) -> None:
    with STATIC.web({URL: WHEEL}) as client:
        STATIC.fail([Fault.status(503), Fault.drop(), Fault.status(429)])
        assert Reader(client, folder=tmp_path).read(listed(), FILES) == FILES


def test_persistent_failures_name_the_file(tmp_path: Path) -> None:
    with STATIC.web({URL: WHEEL}) as client:
        STATIC.fail([Fault.status(503)] * 10)
        with pytest.raises(UnreachableError, match=r"torch-2\.5\.1.*503"):
            Reader(client, folder=tmp_path).read(listed(), FILES)


@pytest.mark.parametrize("content", [b"not a zip file" * 1000, WHEEL[:-300], b""])
def test_an_invalid_wheel_is_an_error(tmp_path: Path, content: bytes) -> None:
    with STATIC.web({URL: content}) as client, pytest.raises(WebError):
        Reader(client, folder=tmp_path).read(listed(), FILES)


def test_hostile_names_stay_within_the_cache(tmp_path: Path) -> None:
    names = ["../../../escape.py", "/etc/escape", "..", "torch/" + "x" * 300 + ".py"]
    with STATIC.web({URL: wheel_bytes(dict.fromkeys(names, b"!"))}) as client:
        found = Reader(client, folder=tmp_path / "cache").read(listed(), names)
    assert found == dict.fromkeys(names, b"!")
    assert {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")} == {"cache"}


def test_a_password_is_never_shown() -> None:
    assert urls.shown("https://me:secret@index.example/simple/") == "https://index.example/simple/"


# --- pages -------------------------------------------------------------------------------------------------------

FIRST = "torch-2.5.1+cpu-cp311-cp311-linux_x86_64.whl"
NIGHTLY = "torch-2.6.0.dev20241101%2Bcpu-cp313-cp313t-manylinux_2_28_x86_64.whl"
YANKED = "torch-2.5.1-cp311-none-macosx_11_0_arm64.whl"
HTML = f"""<!DOCTYPE html><html><body><h1>Links for torch</h1>
<a href="/whl/cpu/{FIRST.replace("+", "%2B")}#sha256=abc">{FIRST}</a>
<a href="{NIGHTLY}">{NIGHTLY}</a>
<a href="{YANKED}" data-yanked="broken">{YANKED}</a>
<a href="torch-0.1.tar.gz">torch-0.1.tar.gz</a>
<a href="torch-bad.whl">torch-bad.whl</a>
</body></html>""".encode()


def test_a_page_in_html_with_relative_links_and_without_hashes(tmp_path: Path) -> None:
    with STATIC.web({f"{BASE}/torch/": HTML}) as client:
        first, second = listings.wheels(client, BASE, cache=tmp_path)
    assert (first.release, first.label, first.sha256) == ("2.5.1", "cpu", "abc")
    assert first.url == f"{BASE}/torch-2.5.1%2Bcpu-cp311-cp311-linux_x86_64.whl"
    assert (second.release, set(second.pythons), second.sha256) == ("2.6.0.dev20241101", {"3.13t"}, None)
    assert second.url.startswith(f"{BASE}/torch/torch-2.6.0.dev20241101%2Bcpu")


def test_a_page_in_json(tmp_path: Path) -> None:
    file = {"filename": "torch-2.5.1-cp311-cp311-win_amd64.whl", "url": "../f.whl", "hashes": {"sha256": "abc"}}
    page = {"meta": {"api-version": "1.1"}, "name": "torch", "versions": ["2.5.1"]}
    body = json.dumps({**page, "files": [{**file, "size": 7, "yanked": False}]}).encode()
    with STATIC.web({f"{BASE}/torch/": body}) as client:
        (wheel,) = listings.wheels(client, BASE + "/", cache=tmp_path)
    assert (wheel.sha256, wheel.size, set(wheel.platforms)) == ("abc", 7, {"windows-x86_64"})


def test_an_unchanged_page_is_not_sent_again(tmp_path: Path) -> None:
    with STATIC.web({f"{BASE}/torch/": HTML}) as client:
        first = listings.wheels(client, BASE, cache=tmp_path)
        sent = client.bytes
        assert listings.wheels(client, BASE, cache=tmp_path) == first
        assert client.bytes == sent


def test_the_cached_page_is_used_for_an_unreachable_index(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with STATIC.web({f"{BASE}/torch/": HTML}) as client:
        first = listings.wheels(client, BASE, cache=tmp_path)
        STATIC.fail([Fault.drop()] * QUICK.attempts)
        assert listings.wheels(client, BASE, cache=tmp_path) == first
        assert "using the cached page" in caplog.text
        STATIC.fail([Fault.drop()] * QUICK.attempts)
        with pytest.raises(WebError, match="closed connection"):
            listings.wheels(client, BASE, cache=tmp_path / "empty")


def test_a_missing_project_does_not_count_as_unreachable(tmp_path: Path) -> None:
    with STATIC.web({}) as client, pytest.raises(MissingError, match="404"):
        listings.wheels(client, BASE, cache=tmp_path)


# --- names -------------------------------------------------------------------------------------------------------


def named(filename: str) -> WheelFile:
    return WheelFile(filename=filename, url=f"{BASE}/{filename}")


@pytest.mark.parametrize(
    ("filename", "pythons", "platforms"),
    [
        ("torch-1.9.1-cp37-cp37m-manylinux1_x86_64.whl", {"3.7"}, {"linux-x86_64"}),
        ("torch-2.5.1-cp313-cp313t-manylinux_2_28_aarch64.whl", {"3.13t"}, {"linux-aarch64"}),
        ("torch-2.5.1-cp311-none-macosx_11_0_arm64.whl", {"3.11"}, {"macos-aarch64"}),
        ("torch-2.5.1-cp311-none-macosx_11_0_universal2.whl", {"3.11"}, {"macos-aarch64", "macos-x86_64"}),
        ("torch-2.5.1-cp311-cp311-win_amd64.whl", {"3.11"}, {"windows-x86_64"}),
        ("torch-2.5.1-py3-none-any.whl", set(), set()),
        ("torch-2.9.0-1-cp310-cp310-manylinux2014_aarch64.manylinux_2_28_aarch64.whl", {"3.10"}, {"linux-aarch64"}),
    ],
)
def test_pythons_and_platforms_of_a_wheel_name(filename: str, pythons: set[str], platforms: set[str]) -> None:
    wheel = named(filename)
    assert (set(wheel.pythons), set(wheel.platforms)) == (pythons, platforms)


def test_one_wheel_per_release_for_the_newest_python_from_the_latest_upload() -> None:
    names = [
        "torch-2.10.0-cp312-cp312-manylinux_2_28_x86_64.whl",
        "torch-2.10.0-3-cp313-cp313-manylinux_2_28_x86_64.whl",
        "torch-2.10.0-cp313-cp313-manylinux_2_28_x86_64.whl",
        "torch-2.10.0-cp314-cp314t-manylinux_2_28_x86_64.whl",
        "torch-2.10.0-cp314-cp314-win_amd64.whl",
        "torch-2.9.1-cp39-cp39-manylinux_2_28_x86_64.whl",
    ]
    for order in (names, names[::-1]):
        chosen = wheel_files.one_per_release(map(named, order), "linux-x86_64")
        assert [(r, w.filename) for r, w in chosen.items()] == [("2.9.1", names[5]), ("2.10.0", names[1])]
    assert list(wheel_files.one_per_release(map(named, names), "linux-x86_64", "3.12")) == ["2.10.0"]


def test_builds_and_stable_releases() -> None:
    wheels = [
        named(f"torch-{version}-cp311-cp311-linux_x86_64.whl")
        for version in ("2.5.1", "2.5.1+cpu", "2.5.1+cu124", "2.5.1+cpu.cxx11.abi", "2.6.0rc1", "2.6.0.dev20241101")
    ]
    assert [w.label for w in wheel_files.of_build(wheels, "cpu")] == [None, "cpu", None, None]
    assert [w.release for w in wheel_files.stable(wheels)] == ["2.5.1"] * 4
