"""Whether indexes can be used: what each answer means, one decision a run, and where a build's torch comes from."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.config.matrix_toml import Build
from scripts.core import paths
from scripts.index import checks, diagnosis, errors
from scripts.index.checks import Checks, Reach, Source
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
from tests.support.index import Fault, LocalIndex
from tests.support.static import QUICK
from tests.support.torches import build_torch

PORTAL = "<html><head><title>Log in to AirportWifi</title></head><body><form action='/in'></form></body></html>"


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "STATE", tmp_path / "state")


@pytest.fixture
def index() -> Iterator[LocalIndex]:
    with LocalIndex() as found:
        found.add(build_torch("2.5.1"), channel="cpu")
        yield found


# --- one answer -------------------------------------------------------------------------------------------------------

#: Every kind of answer that is an answer, and the error that tells of it.
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
#: Every kind of trouble that passes, and what the message says once it doesn't.
GLITCHES = [
    *((Fault.status(code), f"HTTP {code}") for code in (408, 429, 500, 502, 503, 504)),
    (Fault.drop(), "closed connection"),
    (Fault.reset(), "reset by peer"),
    (Fault.cut(50), "before the end"),
]


@pytest.mark.parametrize(("fault", "error", "message"), ANSWERS)
def test_an_answer_is_told_as_what_it_is_and_not_asked_for_again(
    index: LocalIndex, fault: Fault, error: type[WebError], message: str
) -> None:
    index.fail("cpu", fault)
    reach = checks.check(index.url("cpu"), retries=QUICK)
    assert type(reach.error) is error
    assert message in str(reach.error)
    assert f"{index.url('cpu')}/torch/" in str(reach.error)
    assert len(index.requests) == 1 or error is RedirectLoopError


@pytest.mark.parametrize(("fault", "message"), GLITCHES)
@pytest.mark.parametrize("times", range(1, QUICK.attempts))
def test_a_glitch_is_no_answer(index: LocalIndex, fault: Fault, message: str, times: int) -> None:
    index.fail("cpu", fault, times=times)
    assert checks.check(index.url("cpu"), retries=QUICK).ok
    assert len(index.requests) == times + 1


@pytest.mark.parametrize(("fault", "message"), GLITCHES)
def test_what_lasts_is_unreachable(index: LocalIndex, fault: Fault, message: str) -> None:
    index.fail("cpu", fault)
    reach = checks.check(index.url("cpu"), retries=QUICK)
    assert type(reach.error) is UnreachableError
    assert message in str(reach.error)
    assert len(index.requests) == QUICK.attempts


def test_an_index_that_hangs_or_is_not_there(index: LocalIndex) -> None:
    index.fail("cpu", Fault.hang())
    once = Retries(attempts=1, timeout=0.1)
    assert "no answer in time" in str(checks.check(index.url("cpu"), retries=once).error)
    with index.down():
        assert "Connection refused" in str(checks.check(index.url("cpu"), retries=QUICK).error)


def test_a_login_page_that_another_host_redirects_to(index: LocalIndex) -> None:
    with LocalIndex() as portal:
        portal.fail("*", Fault.page("<html><body>Welcome</body></html>"))
        index.fail("cpu", Fault.redirect(f"{portal.url()}/welcome"))
        error = checks.check(index.url("cpu"), retries=QUICK).error
    assert isinstance(error, NotAnIndexError)
    assert f"redirected to {portal.url()}/welcome" in str(error)


@pytest.mark.parametrize("host", ["download.pytorch.org", "mirror.example.org"])
@pytest.mark.parametrize("xml", [True, False])
def test_pytorchs_bucket_answers_403_for_what_is_missing(host: str, xml: bool) -> None:
    error = errors.of_status(f"https://{host}/whl/cpu/torch/", 403, xml=xml)
    missing = host == "download.pytorch.org" and xml
    assert type(error) is (MissingError if missing else NotAllowedError)


@pytest.mark.parametrize("url", ["https://[nonsense", "nonsense", "ftp://example.org", "http://"])
def test_what_is_no_url_is_said(url: str) -> None:
    assert "not a usable URL" in str(checks.check(url, retries=QUICK).error)


def test_an_index_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    assert isinstance(checks.check(folder.as_uri()).error, MissingError)
    (folder / "torch").mkdir(parents=True)
    wheel = "torch-2.5.1-py3-none-any.whl"
    (folder / "torch" / "index.html").write_text(f"<a href='{wheel}'>{wheel}</a>")
    assert checks.check(folder.as_uri()).ok


# --- proxies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks5://127.0.0.1:9", "socks5h://me:secret@127.0.0.1:9"])
def test_a_proxy_that_fails_is_named(index: LocalIndex, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy)
    error = checks.check(index.url("cpu"), retries=QUICK).error
    assert isinstance(error, UnreachableError)
    assert f"through the proxy {proxy.replace('me:secret@', '')}" in str(error)
    assert "secret" not in str(error)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert checks.check(index.url("cpu"), retries=QUICK).ok


# --- one decision -----------------------------------------------------------------------------------------------------


def test_an_index_is_asked_once_a_run(index: LocalIndex) -> None:
    once = Checks()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(once, [index.url("cpu")] * 8))
    assert all(reach is found[0] for reach in found)
    assert len(index.requests) == 1


def test_a_decision_stays(index: LocalIndex) -> None:
    run = Checks()
    assert run(index.url("cpu")).ok
    index.fail("cpu", Fault.status(503))
    assert run(index.url("cpu")).ok
    assert run.answers(index.url("cpu"))


def test_no_lock_is_held_while_an_index_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=10)

    def check(url: str, retries: object = None) -> Reach:
        both.wait()  # comes to an end only if the other one is asked at the same time
        return Reach(seconds=0, error=UnreachableError(url))

    monkeypatch.setattr(checks, "check", check)
    run = Checks()
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(run, ["https://one", "https://two"])
    assert [str(reach.error) for reach in found] == ["https://one", "https://two"]


def test_a_look_without_retries_decides_only_that_an_index_is_there(index: LocalIndex) -> None:
    run = Checks()
    index.fail("cpu", Fault.status(503), times=1)
    assert not run.answers(index.url("cpu"))
    assert not run.answers(index.url("cpu"))
    assert len(index.requests) == 1
    assert run(index.url("cpu")).ok
    assert run.answers(index.url("cpu"))
    assert len(index.requests) == 2


def test_files_on_another_host_that_cannot_be_reached(index: LocalIndex) -> None:
    reach = checks.check(index.url("cpu"), retries=QUICK)
    assert checks.files_problem(reach) is None
    index.fail("*.whl", Fault.status(404))
    assert "its files on 127.0.0.1 cannot be downloaded" in str(checks.files_problem(reach))


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
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Checks]:
    """Checks by which only indexes with these names can be used."""

    def make(*names: str, error: type[WebError] = UnreachableError) -> Checks:
        def check(url: str, retries: object = None) -> Reach:
            return Reach(seconds=0, error=None if url.endswith(names) else error("down"))

        monkeypatch.setattr(checks, "check", check)
        return Checks()

    return make


def test_a_build_comes_from_its_own_index_where_that_answers(
    builds: dict[str, Build], only: Callable[..., Checks]
) -> None:
    assert checks.source("cpu", builds, only("cpu")) == Source(build="cpu", index="https://example.org/cpu")
    assert checks.source("default", builds, only("none")) == Source(build="default", index=None)


def test_fallbacks_are_taken_in_turn_and_the_gpu_stays_as_asked(
    builds: dict[str, Build], only: Callable[..., Checks]
) -> None:
    found = checks.source("cpu", builds, only("cu124"))
    assert (found.build, found.index, found.gpu) == ("cu124", "https://example.org/cu124", False)
    assert found.fallback == "index 'cpu' is unreachable (down); using 'cu124'"
    found = checks.source("cpu", builds, only("none"))
    assert (found.build, found.index) == ("default", None)
    assert found.fallback == "index 'cpu' is unreachable (down); using 'default'"


def test_no_fallback_stands_in_for_an_index_that_answers(builds: dict[str, Build], only: Callable[..., Checks]) -> None:
    for error in {type(error) for error in map(_error_of, ANSWERS)}:
        with pytest.raises(checks.NoSourceError, match="index 'cpu': down") as caught:
            checks.source("cpu", builds, only("cu124", error=error))
        assert caught.value.cause_kind == error.kind


def _error_of(answer: tuple[Fault, type[WebError], str]) -> WebError:
    return answer[1]("")


def test_an_unreachable_index_without_fallback(builds: dict[str, Build], only: Callable[..., Checks]) -> None:
    with pytest.raises(checks.NoSourceError, match=r"index 'alone' is unreachable \(down\) and has no fallback"):
        checks.source("alone", builds, only("none"))


@pytest.mark.parametrize(("taken", "expected"), [("cpu", []), ("cu124", ["cpu"]), ("default", ["cpu", "cu124"])])
def test_the_indexes_that_were_skipped_for_a_fallback(
    builds: dict[str, Build], taken: str, expected: list[str]
) -> None:
    assert list(checks.skipped("cpu", taken, builds)) == [f"https://example.org/{name}" for name in expected]


# --- why nothing was found --------------------------------------------------------------------------------------------


def test_a_release_is_yanked_if_all_of_its_wheels_are(index: LocalIndex) -> None:
    index.add(build_torch("2.6.0"), channel="cpu", yanked="broken")
    assert "2.6.0 is yanked: broken" in str(diagnosis.why_missing(index.url("cpu"), "torch", "2.6.0", "cpu"))
    index.add(build_torch("2.6.0", label=None), channel="cpu")
    for release in ("2.5.1", "2.6.0", "9.9", None):
        assert diagnosis.why_missing(index.url("cpu"), "torch", release, "cpu") is None
    assert isinstance(diagnosis.why_missing(index.url("cpu"), "numpy", None), MissingError)


def test_an_unreachable_index_explains_nothing(index: LocalIndex) -> None:
    index.fail("cpu", Fault.status(503))
    assert diagnosis.why_missing(index.url("cpu"), "torch", "2.5.1") is None
