"""The local index: HTTP responses, and its pages as parsers read them."""

from __future__ import annotations

import datetime as dt
import io
import threading
import time
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
from pypi_simple import ACCEPT_JSON_ONLY, ProjectPage
from remotezip import RemoteZip  # type: ignore[import-untyped]

from tests.support.index import Fault, LocalIndex
from tests.support.torches import build_nightlies, build_torch

WHEEL = build_torch("2.5.1", size=100_000, requires_python=">=3.9")
CPU = "/whl/cpu/torch-2.5.1+cpu-py3-none-any.whl"


@pytest.fixture
def index() -> Iterator[LocalIndex]:
    with LocalIndex() as index:
        index.add(WHEEL)
        index.add(WHEEL, channel="cpu")
        yield index


class Client(requests.Session):
    """A session for paths on one server, which by default follows no redirects."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self.base_url = base_url

    def request(self, method: str | bytes, url: str | bytes, *arguments: Any, **options: Any) -> requests.Response:
        return super().request(
            method, urljoin(self.base_url, str(url)), *arguments, **{"timeout": 5, "allow_redirects": False, **options}
        )

    def get(self, url: str | bytes, **options: Any) -> requests.Response:
        return self.request("GET", url, **options)


@pytest.fixture
def client(index: LocalIndex) -> Iterator[Client]:
    with Client(index.url().removesuffix("/default/simple")) as client:
        yield client


def page(client: Client, path: str) -> ProjectPage:
    response = client.get(path)
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    return ProjectPage.from_html("torch", response.text, base_url=str(response.url))


# --- pages ------------------------------------------------------------------------------------------------------------


def test_json_has_all_details_of_a_file(index: LocalIndex, client: Client) -> None:
    index.add(build_torch("2.5.0"), yanked="broken")
    response = client.get("/default/simple/torch/", headers={"Accept": ACCEPT_JSON_ONLY})
    yanked, wheel = sorted(
        ProjectPage.from_json_data(response.json(), base_url=str(response.url)).packages, key=lambda p: p.filename
    )
    assert (wheel.size, wheel.upload_time, wheel.digests) == (
        len(WHEEL.content),
        WHEEL.upload_time,
        {"sha256": WHEEL.sha256},
    )
    assert (wheel.requires_python, wheel.has_metadata, wheel.is_yanked) == (">=3.9", True, False)
    assert (yanked.is_yanked, yanked.yanked_reason) == (True, "broken")
    assert client.get(wheel.url).content == WHEEL.content
    assert client.get(wheel.metadata_url).text == WHEEL.metadata


def test_html_of_the_default_channel(client: Client) -> None:
    (wheel,) = page(client, "/default/simple/torch/").packages
    assert (wheel.requires_python, wheel.digests) == (">=3.9", {"sha256": WHEEL.sha256})


def test_a_build_s_page_is_html_for_any_accept_header(client: Client) -> None:
    client.headers["Accept"] = ACCEPT_JSON_ONLY
    (wheel,) = page(client, "/whl/cpu/torch/").packages
    assert (wheel.requires_python, wheel.digests) == (None, {"sha256": WHEEL.sha256})
    assert 'href="/whl/cpu/torch-2.5.1%2Bcpu-py3-none-any.whl#' in client.get("/whl/cpu/torch/").text


def test_nightlies_are_the_newest_sixty_and_have_no_hashes(index: LocalIndex, client: Client) -> None:
    missing = [dt.date(2026, 11, 8)]
    index.add(*build_nightlies(70, missing=missing), channel="nightly/cpu")
    wheels = page(client, "/whl/nightly/cpu/torch/").packages
    versions = [wheel.version for wheel in wheels]
    assert len(versions) == 60
    assert versions[-2:] == ["2.16.0.dev20261109+cpu", "2.16.0.dev20261110+cpu"]
    assert "2.16.0.dev20261108+cpu" not in versions
    assert not any(wheel.digests for wheel in wheels)


def test_an_unchanged_day_has_the_commit_of_the_day_before() -> None:
    before, last = build_nightlies(2, unchanged=[dt.date(2026, 11, 10)])
    commits = set()
    for wheel in (before, last):
        variables: dict[str, str] = {}
        exec(_text(wheel.content, "torch/version.py"), variables)
        commits.add(variables["git_version"])
    assert len(commits) == 1
    assert before.sha256 != last.sha256


def _text(wheel: bytes, name: str) -> str:
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        return archive.read(name).decode()


def test_a_candidate_is_named_like_the_final_version(index: LocalIndex, client: Client) -> None:
    index.add(build_torch("2.5.1", git_version="c" * 40), channel="test/cpu")
    (candidate,), (final,) = (page(client, f"/whl/{c}/torch/").packages for c in ("test/cpu", "cpu"))
    assert candidate.filename == final.filename
    assert candidate.digests != final.digests


def test_other_spellings_redirect_and_other_projects_are_missing(client: Client) -> None:
    assert client.get("/default/simple/torch").headers["Location"] == "/default/simple/torch/"
    assert client.get("/default/simple/Torch/", allow_redirects=True).status_code == 200
    assert client.get("/default/simple/numpy/").status_code == 404
    assert client.get("/whl/cu124/torch/").status_code == 404
    assert "torch/" in client.get("/default/simple/").text


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("bytes=0-9", WHEEL.content[:10]),
        ("bytes=-10", WHEEL.content[-10:]),
        (f"bytes={len(WHEEL.content) - 10}-", WHEEL.content[-10:]),
        ("bytes=10-99999999", WHEEL.content[10:]),
        ("bytes=-99999999", WHEEL.content),
    ],
)
def test_byte_ranges(client: Client, wanted: str, expected: bytes) -> None:
    response = client.get(CPU, headers={"Range": wanted})
    assert (response.status_code, response.content) == (206, expected)
    first = len(WHEEL.content) - len(expected) if "-" in wanted[:7] or wanted.endswith("-") else None
    assert first is None or response.headers["Content-Range"].startswith(f"bytes {first}-")


def test_byte_ranges_that_cannot_be_served(index: LocalIndex, client: Client) -> None:
    assert client.get(CPU, headers={"Range": "bytes=99999999-"}).status_code == 416
    assert client.get(CPU, headers={"Range": "bytes=0-9", "If-Range": '"other"'}).status_code == 200
    index.configure("cpu", ranges=False)
    response = client.get(CPU, headers={"Range": "bytes=0-9"})
    assert (response.status_code, "Accept-Ranges" in response.headers) == (200, False)


def test_one_file_of_a_wheel_by_ranges(index: LocalIndex, client: Client) -> None:
    with RemoteZip(urljoin(client.base_url, CPU), initial_buffer_size=4096) as archive:
        assert b"2.5.1+cpu" in archive.read("torch/version.py")
    assert index.sent(CPU) < 20_000


def test_an_unchanged_page_is_not_sent_again(index: LocalIndex, client: Client) -> None:
    for path in (CPU, "/whl/cpu/torch/"):
        etag = client.head(path).headers["ETag"]
        assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
    index.add(build_torch("2.6.0"), channel="cpu")
    assert client.get("/whl/cpu/torch/", headers={"If-None-Match": etag}).status_code == 200


def test_a_head_request_gets_the_size_without_content(index: LocalIndex, client: Client) -> None:
    assert client.head(CPU).headers["Content-Length"] == str(len(WHEEL.content))
    assert index.sent() == 0
    assert index.downloads() == []


def test_cache_headers_are_configurable(index: LocalIndex, client: Client) -> None:
    assert "Cache-Control" not in client.head(CPU).headers
    index.configure("cpu", max_age=60)
    assert client.head(CPU).headers["Cache-Control"] == "max-age=60"


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_fault_of_one_channel_for_a_number_of_requests(index: LocalIndex, client: Client) -> None:
    index.fail("cpu", Fault.status(503), times=2)
    codes = [client.get("/whl/cpu/torch/").status_code for _ in range(3)]
    assert codes == [503, 503, 200]
    assert client.get("/default/simple/torch/").status_code == 200


def test_a_truncated_download(index: LocalIndex, client: Client) -> None:
    index.fail(CPU, Fault.cut(after=1000), times=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="1000 bytes read"):
        client.get(CPU)
    assert index.requests[0].sent == 1000
    assert client.get(CPU).content == WHEEL.content


def test_a_closed_connection(index: LocalIndex, client: Client) -> None:
    index.fail("cpu", Fault.drop())
    with pytest.raises(requests.ConnectionError):
        client.get(CPU)


def test_a_server_that_never_responds(index: LocalIndex, client: Client) -> None:
    index.fail("cpu", Fault.hang())
    with pytest.raises(requests.ReadTimeout):
        client.get(CPU, timeout=0.1)


def test_a_slow_download(index: LocalIndex, client: Client) -> None:
    index.fail("cpu", Fault.slow(bytes_per_second=500_000))
    started = time.monotonic()
    response = client.get(CPU)
    assert response.content == WHEEL.content
    assert time.monotonic() - started > 0.1


def test_an_unreachable_index_keeps_its_url(index: LocalIndex, client: Client) -> None:
    assert client.get(CPU).status_code == 200
    with index.down(), pytest.raises(requests.ConnectionError):
        client.get(CPU)
    assert client.get(CPU).status_code == 200


def test_no_thread_is_left_running(index: LocalIndex) -> None:
    before = set(threading.enumerate())
    with LocalIndex() as second:
        second.add(WHEEL)
        second.fail("default", Fault.hang())
        with Client(second.url()) as client, pytest.raises(requests.ReadTimeout):
            client.get(second.url() + "/torch/", timeout=0.1)
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()


def test_an_error_of_the_index_is_raised_at_its_end() -> None:
    broken = LocalIndex()
    broken.configure("default")
    broken._listed["default"].append(None)  # type: ignore[arg-type]
    with pytest.raises(ExceptionGroup, match="the index failed"), broken:
        provoke(broken.url() + "/torch/")


def provoke(url: str) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)


def test_the_next_index_has_the_url_of_a_stopped_one() -> None:
    with LocalIndex() as first:
        url = first.url()
    with pytest.raises(requests.ConnectionError, match="refused"):
        requests.get(url, timeout=10)
    with LocalIndex() as second:
        assert (second.url(), second.requests) == (url, [])
