"""IndexChecks of indexes: the error for each answer, one decision per run, and the source of a build's torch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.config.model import Build
from scripts.core import paths
from scripts.index import errors, listings, sources
from scripts.index.errors import (
    EmptyPageError,
    MissingError,
    NotAllowedError,
    NotAnIndexError,
    RedirectLoopError,
    UnreachableError,
    WebError,
)
from scripts.index.retries import Retries
from scripts.index.sources import CheckResult, IndexChecks, Source
from tests.support.index import Fault, LocalIndex
from tests.support.static import QUICK
from tests.support.torches import build_torch

PORTAL = "<html><head><title>Log in to AirportWifi</title></head><body><form action='/in'></form></body></html>"


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "STATE", tmp_path / "state")


@pytest.fixture
def index() -> Iterator[LocalIndex]:
    with LocalIndex() as local:
        local.add(build_torch("2.5.1"), channel="cpu")
        yield local


# --- one check --------------------------------------------------------------------------------------------------------

#: Every kind of definite answer, with its error.
ANSWERS = [
    (Fault.status(404), MissingError, "HTTP 404"),
    (Fault.status(410), MissingError, "HTTP 410"),
    (Fault.status(401), NotAllowedError, "HTTP 401"),
    (Fault.status(403), NotAllowedError, "HTTP 403"),
    (Fault.status(451), WebError, "HTTP 451"),
    (Fault.redirect(None), RedirectLoopError, "without a destination"),
    (Fault.redirect("/whl/cpu/torch/"), RedirectLoopError, "redirect loop"),
    (Fault.page(PORTAL), NotAnIndexError, "titled 'Log in to AirportWifi'"),
    (Fault.page("<html><body><a href='/about'>About us</a></body></html>"), NotAnIndexError, "not an index page"),
    (Fault.page("OK", "text/plain"), NotAnIndexError, "not an index page"),
    (Fault.page("{", "application/vnd.pypi.simple.v1+json"), NotAnIndexError, "not an index page"),
    (Fault.page("[]", "application/json"), NotAnIndexError, "not an index page"),
    (Fault.page("<!DOCTYPE html><html><body><h1>Links for torch</h1></body></html>"), EmptyPageError, "no files"),
    (Fault.page("", "text/html"), EmptyPageError, "no files"),
]
#: Every kind of transient failure, with the message once it persists.
GLITCHES = [
    *((Fault.status(code), f"HTTP {code}") for code in (408, 429, 500, 502, 503, 504)),
    (Fault.drop(), "closed connection"),
    (Fault.reset(), "reset by peer"),
    (Fault.cut(50), "before the end"),
]


@pytest.mark.parametrize(("fault", "error", "message"), ANSWERS)
def test_a_definite_answer_has_its_own_error_and_no_retry(
    index: LocalIndex, fault: Fault, error: type[WebError], message: str
) -> None:
    index.fail("cpu", fault)
    result = sources.check_index(index.url("cpu"), retries=QUICK)
    assert type(result.error) is error
    assert message in str(result.error)
    assert f"{index.url('cpu')}/torch/" in str(result.error)
    assert len(index.requests) == 1 or error is RedirectLoopError


@pytest.mark.parametrize(("fault", "message"), GLITCHES)
@pytest.mark.parametrize("times", range(1, QUICK.attempts))
def test_a_transient_failure_is_retried(index: LocalIndex, fault: Fault, message: str, times: int) -> None:
    index.fail("cpu", fault, times=times)
    assert sources.check_index(index.url("cpu"), retries=QUICK).ok
    assert len(index.requests) == times + 1


@pytest.mark.parametrize(("fault", "message"), GLITCHES)
def test_a_persistent_failure_means_unreachable(index: LocalIndex, fault: Fault, message: str) -> None:
    index.fail("cpu", fault)
    result = sources.check_index(index.url("cpu"), retries=QUICK)
    assert type(result.error) is UnreachableError
    assert message in str(result.error)
    assert len(index.requests) == QUICK.attempts


def test_an_index_that_hangs_or_refuses_connections(index: LocalIndex) -> None:
    index.fail("cpu", Fault.hang())
    once = Retries(attempts=1, timeout=0.1)
    assert "no answer in time" in str(sources.check_index(index.url("cpu"), retries=once).error)
    with index.down():
        assert "Connection refused" in str(sources.check_index(index.url("cpu"), retries=QUICK).error)


def test_a_redirect_to_a_login_page_on_another_host(index: LocalIndex) -> None:
    with LocalIndex() as portal:
        portal.fail("*", Fault.page("<html><body>Welcome</body></html>"))
        index.fail("cpu", Fault.redirect(f"{portal.url()}/welcome"))
        error = sources.check_index(index.url("cpu"), retries=QUICK).error
    assert isinstance(error, NotAnIndexError)
    assert f"redirected to {portal.url()}/welcome" in str(error)


@pytest.mark.parametrize("host", ["download.pytorch.org", "mirror.example.org"])
@pytest.mark.parametrize("xml", [True, False])
def test_403_from_the_pytorch_bucket_means_missing(host: str, xml: bool) -> None:
    error = errors.of_status(f"https://{host}/whl/cpu/torch/", 403, xml=xml)
    missing = host == "download.pytorch.org" and xml
    assert type(error) is (MissingError if missing else NotAllowedError)


@pytest.mark.parametrize("url", ["https://[nonsense", "nonsense", "ftp://example.org", "http://"])
def test_an_invalid_url_is_named(url: str) -> None:
    assert "not a usable URL" in str(sources.check_index(url, retries=QUICK).error)


def test_an_index_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    assert isinstance(sources.check_index(folder.as_uri()).error, MissingError)
    (folder / "torch").mkdir(parents=True)
    wheel = "torch-2.5.1-py3-none-any.whl"
    (folder / "torch" / "index.html").write_text(f"<a href='{wheel}'>{wheel}</a>")
    assert sources.check_index(folder.as_uri()).ok


# --- proxies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks5://127.0.0.1:9", "socks5h://me:secret@127.0.0.1:9"])
def test_a_failing_proxy_is_named(index: LocalIndex, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy)
    error = sources.check_index(index.url("cpu"), retries=QUICK).error
    assert isinstance(error, UnreachableError)
    assert f"through the proxy {proxy.replace('me:secret@', '')}" in str(error)
    assert "secret" not in str(error)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert sources.check_index(index.url("cpu"), retries=QUICK).ok


# --- one decision -----------------------------------------------------------------------------------------------------


def test_an_index_is_checked_once_per_run(index: LocalIndex) -> None:
    once = IndexChecks()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(once, [index.url("cpu")] * 8))
    assert all(result is found[0] for result in found)
    assert len(index.requests) == 1


def test_a_decision_holds_for_the_whole_run(index: LocalIndex) -> None:
    run = IndexChecks()
    assert run(index.url("cpu")).ok
    index.fail("cpu", Fault.status(503))
    assert run(index.url("cpu")).ok
    assert run.answers(index.url("cpu"))


def test_indexes_are_checked_without_holding_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=10)

    def check(url: str, retries: object = None) -> CheckResult:
        both.wait()  # passes only if both requests run at the same time
        return CheckResult(seconds=0, error=UnreachableError(url))

    monkeypatch.setattr(sources, "check_index", check)
    run = IndexChecks()
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(run, ["https://one", "https://two"])
    assert [str(result.error) for result in found] == ["https://one", "https://two"]


def test_a_check_without_retries_decides_only_that_an_index_answers(index: LocalIndex) -> None:
    run = IndexChecks()
    index.fail("cpu", Fault.status(503), times=1)
    assert not run.answers(index.url("cpu"))
    assert not run.answers(index.url("cpu"))
    assert len(index.requests) == 1
    assert run(index.url("cpu")).ok
    assert run.answers(index.url("cpu"))
    assert len(index.requests) == 2


def test_files_on_an_unreachable_host(index: LocalIndex) -> None:
    result = sources.check_index(index.url("cpu"), retries=QUICK)
    assert sources.files_problem(result) is None
    index.fail("*.whl", Fault.status(404))
    assert "its files on 127.0.0.1 cannot be downloaded" in str(sources.files_problem(result))


# --- sources ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def builds() -> dict[str, Build]:
    """Two builds with fallbacks, one without, and the default."""
    index = "https://example.org/{}"
    return {
        "cpu": Build(releases=">=0", index=index.format("cpu"), fallback="cu124", gpu=False),
        "cu124": Build(releases=">=0", index=index.format("cu124"), fallback="default", gpu=True),
        "default": Build(releases=">=0"),
        "alone": Build(releases=">=0", index=index.format("alone")),
    }


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., IndexChecks]:
    """Return checks that succeed only for the indexes with the given names."""

    def make(*names: str, error: type[WebError] = UnreachableError) -> IndexChecks:
        def check(url: str, retries: object = None) -> CheckResult:
            return CheckResult(seconds=0, error=None if url.endswith(names) else error("down"))

        monkeypatch.setattr(sources, "check_index", check)
        return IndexChecks()

    return make


def test_a_build_comes_from_its_own_index_if_it_answers(
    builds: dict[str, Build], only: Callable[..., IndexChecks]
) -> None:
    assert sources.choose("cpu", builds, only("cpu")) == Source(build="cpu", index="https://example.org/cpu")
    assert sources.choose("default", builds, only("none")) == Source(build="default", index=None)


def test_fallbacks_are_tried_in_order_and_gpu_use_stays_as_configured(
    builds: dict[str, Build], only: Callable[..., IndexChecks]
) -> None:
    source = sources.choose("cpu", builds, only("cu124"))
    assert (source.build, source.index, source.gpu) == ("cu124", "https://example.org/cu124", False)
    assert source.fallback == "index 'cpu' is unreachable (down); using 'cu124'"
    source = sources.choose("cpu", builds, only("none"))
    assert (source.build, source.index) == ("default", None)
    assert source.fallback == "index 'cpu' is unreachable (down); using 'default'"


def test_no_fallback_is_used_for_an_index_that_answers(
    builds: dict[str, Build], only: Callable[..., IndexChecks]
) -> None:
    for error in {type(error) for error in map(_error_of, ANSWERS)}:
        with pytest.raises(sources.NoSourceError, match="index 'cpu': down") as caught:
            sources.choose("cpu", builds, only("cu124", error=error))
        assert caught.value.cause_kind == error.kind


def _error_of(answer: tuple[Fault, type[WebError], str]) -> WebError:
    return answer[1]("")


def test_an_unreachable_index_without_fallback(builds: dict[str, Build], only: Callable[..., IndexChecks]) -> None:
    with pytest.raises(sources.NoSourceError, match=r"index 'alone' is unreachable \(down\) and has no fallback"):
        sources.choose("alone", builds, only("none"))


@pytest.mark.parametrize(("taken", "expected"), [("cpu", []), ("cu124", ["cpu"]), ("default", ["cpu", "cu124"])])
def test_indexes_skipped_in_favour_of_a_fallback(builds: dict[str, Build], taken: str, expected: list[str]) -> None:
    assert list(sources.skipped_indexes("cpu", taken, builds)) == [f"https://example.org/{name}" for name in expected]


# --- diagnosis --------------------------------------------------------------------------------------------------------


def test_a_release_is_yanked_if_all_of_its_wheels_are(index: LocalIndex) -> None:
    index.add(build_torch("2.6.0"), channel="cpu", yanked="broken")
    assert "2.6.0 is yanked: broken" in str(listings.why_missing(index.url("cpu"), "torch", "2.6.0", "cpu"))
    index.add(build_torch("2.6.0", label=None), channel="cpu")
    for release in ("2.5.1", "2.6.0", "9.9", None):
        assert listings.why_missing(index.url("cpu"), "torch", release, "cpu") is None
    assert isinstance(listings.why_missing(index.url("cpu"), "numpy", None), MissingError)


def test_an_unreachable_index_explains_nothing(index: LocalIndex) -> None:
    index.fail("cpu", Fault.status(503))
    assert listings.why_missing(index.url("cpu"), "torch", "2.5.1") is None
