"""Retries: their number, their waiting times, and the limits on both."""

from __future__ import annotations

import datetime as dt
import socket
import time
from email.utils import format_datetime

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from scripts.index.errors import UnreachableError
from scripts.index.http import Web, sizes
from scripts.index.retries import Retries, Retry
from tests.support.index import Fault, LocalIndex
from tests.support.torches import build_torch

PLAN = Retries(longest=20, total=50)


def waiting_time(header: str | None, plan: Retries = PLAN) -> float | None:
    response = urllib3.HTTPResponse(status=429, headers={} if header is None else {"Retry-After": header})
    return Retry.of(plan).get_retry_after(response)


@given(st.integers(min_value=0))
def test_seconds_are_honoured_within_the_limit(seconds: int) -> None:
    waited = waiting_time(str(seconds))
    assert waited == min(seconds, PLAN.longest) or (waited is None and seconds > 10**4000)


@given(st.integers(min_value=-1000, max_value=1000))
def test_dates_are_honoured_within_the_limit(seconds: int) -> None:
    waited = waiting_time(format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds), usegmt=True))
    assert waited is not None
    assert abs(waited - min(max(0, seconds), PLAN.longest)) <= 2


@given(st.text())
def test_any_retry_after_is_accepted(text: str) -> None:
    waited = waiting_time(text)
    assert waited is None or 0 <= waited <= PLAN.longest


@pytest.mark.parametrize("text", ["soon", "", "-5", "1e3", "9" * 5000, "Wed, 99 Foo 2026 99:99:99 GMT", "nan", "inf"])
def test_invalid_times_are_ignored(text: str) -> None:
    waited = waiting_time(text)
    assert waited is None or 0 <= waited <= PLAN.longest


@given(st.integers(min_value=1, max_value=8), st.floats(min_value=0.01, max_value=10))
def test_backoff_doubles_and_is_bounded(failures: int, backoff: float) -> None:
    retry = Retry.of(Retries(attempts=10, backoff=backoff, longest=20, total=1000))
    for _ in range(failures):
        retry = retry.increment("GET", "/", error=urllib3.exceptions.ProtocolError())
    least = 0 if failures == 1 else backoff * 2 ** (failures - 1)
    assert min(least, 20) <= retry.get_backoff_time() <= min(least + backoff, 20)


def test_no_attempt_starts_after_the_total_time() -> None:
    retry = Retry.of(Retries(attempts=100, total=0))
    with pytest.raises(urllib3.exceptions.MaxRetryError):
        retry.increment("GET", "/", error=urllib3.exceptions.ProtocolError())


@pytest.mark.parametrize(("code", "attempts"), [(socket.EAI_NONAME, 2), (socket.EAI_AGAIN, 4)])
@pytest.mark.parametrize("proxy", [False, True])
def test_an_unknown_host_name_is_looked_up_twice(
    monkeypatch: pytest.MonkeyPatch, code: int, attempts: int, *, proxy: bool
) -> None:
    lookups = []

    def fail(host: str, *_: object, **__: object) -> None:
        lookups.append(host)
        raise socket.gaierror(code, "no address")

    host = "proxy.invalid" if proxy else "index.invalid"
    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:1" if proxy else "")
    with Web(Retries(attempts=4, backoff=0)) as web, pytest.raises(UnreachableError, match=host):
        web.get("https://index.invalid/torch/")
    assert lookups == [host] * attempts


def test_retry_after_is_honoured() -> None:
    with LocalIndex() as index, Web(Retries(backoff=0)) as web:
        index.add(build_torch("2.5.1"), channel="cpu")
        index.fail("cpu", Fault.status(429, retry_after="1"), times=1)
        started = time.monotonic()
        assert web.get(f"{index.url('cpu')}/torch/").ok
        assert time.monotonic() - started >= 1


def test_a_retry_after_of_hours_does_not_delay_the_failure() -> None:
    with LocalIndex() as index, Web(Retries(backoff=0, longest=0.05)) as web:
        index.fail("*", Fault.status(503, retry_after="86400"))
        with pytest.raises(UnreachableError, match="503"):
            web.get(f"{index.url('cpu')}/torch/")
        assert len(index.requests) == Retries().attempts


def test_sizes_survive_a_transient_failure() -> None:
    wheel = build_torch("2.5.1")
    with LocalIndex() as index:
        index.add(wheel, channel="cpu")
        index.fail("*.whl", Fault.status(503), times=1)
        url = index.file_url(wheel, channel="cpu")
        assert sizes([url, "file:///nowhere", "http://"]) == {url: len(wheel.content)}
