"""Bisections over the nightly and the test channel, with the layout and the oddities of the real ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import requests

from tests.support.behaviour import Behaviour, raises
from tests.support.chasing import Chase, changes, chase, ran
from tests.support.matrices import PYTHON
from tests.support.torches import build_nightlies, build_torch

__all__ = ["chase"]

Make = Callable[..., Chase]

LAST = dt.date(2026, 11, 10)
REFUSED = Behaviour(observations={"trace": raises("RuntimeError", "refused")})


def day(number: int) -> dt.date:
    """A day of November 2026, or before it."""
    return dt.date(2026, 11, 1) + dt.timedelta(days=number - 1)


def nightlies(here: Chase, changed: dt.date, **options: object) -> None:
    """Seventy days of which ten are too old to be listed; from one day on, tracing is refused."""
    wheels = build_nightlies(70, last=LAST, behaviour=lambda d: REFUSED if d >= changed else None, **options)  # type: ignore[arg-type]
    here.index.add(*wheels, channel="nightly/cpu")


def asked(good: dt.date, bad: dt.date) -> list[str]:
    return ["--observation", "trace", "--nightly", "--good", f"{good}", "--bad", f"{bad:%Y%m%d}"]


def version(date: dt.date) -> str:
    return f"2.16.0.dev{date:%Y%m%d}"


def test_the_nightly_that_changed(chase: Make) -> None:
    """The page tells no hashes and no Python, and a label's plus sign is %2B in the addresses."""
    here = chase("2.15.0")
    nightlies(here, day(4))
    done = here.project.nox("-s", "bisect", "--", *asked(day(-18), day(10)), "--format", "markdown")
    assert done.code == 0, done.output
    assert f"### `trace` changed between torch {version(day(3))} and {version(day(4))}" in done.stdout
    assert "29 candidates, build cpu, linux-x86_64, nightlies" in done.stdout
    assert f"{version(day(4))}-nightly.cpu-py{PYTHON}" in here.project.records()
    page = requests.get(f"{here.index.url('nightly/cpu')}/torch/", timeout=5).text
    assert "%2Bcpu" in page
    assert not any(word in page for word in ("data-requires-python", "whl#sha256"))
    assert page.count("</a>") == 60


def test_days_that_are_missing_and_days_of_the_same_commit(chase: Make) -> None:
    """A commit that was built on two days is run once, and days without a wheel are no candidates."""
    here = chase("2.15.0")
    same = [day(3), day(4), day(5), day(6), day(7)]
    nightlies(here, day(2), missing=[day(1)], unchanged=same)
    done = here.bisect(*asked(day(0), day(10)))
    assert done.code == 0, done.output
    assert done.stdout.startswith(f"trace changed between torch {version(day(0))} and {version(day(2))}\n")
    assert ": same commit as " in done.stderr
    found = here.found(*asked(day(0), day(10)))
    assert version(day(1)) not in " ".join(found["candidates"])
    assert changes(found) == [(version(day(0)), version(day(2)))]


def test_a_day_without_a_wheel_or_no_longer_listed_is_no_end(chase: Make) -> None:
    here = chase("2.15.0")
    nightlies(here, day(4), missing=[day(-5)])
    for good in (day(-5), LAST - dt.timedelta(days=65)):
        done = here.bisect(*asked(good, day(10)))
        assert done.code == 2, done.output
        assert f"--good: the index has no '{good}'" in done.stderr
        assert f"to {version(LAST)}" in done.stderr


def test_a_nightly_that_was_recorded_costs_nothing_again(chase: Make) -> None:
    here = chase("2.15.0")
    nightlies(here, day(4))
    first = here.found(*asked(day(1), day(8)))
    second = here.found(*asked(day(1), day(8)))
    assert changes(first) == changes(second) == [(version(day(3)), version(day(4)))]
    assert (len(ran(first)) <= 2 + 3, ran(second)) == (True, [])


def test_candidates_of_the_test_channel(chase: Make) -> None:
    """A release candidate has the final version's name, which means the final one as soon as that is out."""
    here = chase("2.14.0", "2.15.0")
    here.index.add(build_torch("2.15.0", behaviour=REFUSED), channel="test/cpu")
    here.index.add(build_torch("2.16.0", behaviour=REFUSED), channel="test/cpu")
    question = ("--observation", "trace", "--good", "2.14.0", "--bad", "2.16.0")
    refused = here.bisect(*question)
    assert refused.code == 2
    assert "--bad: the index has no '2.16.0'" in refused.stderr
    found = here.found(*question, "--pre")
    assert changes(found) == [("2.15.0", "2.16.0")]
    assert [cell.split("-")[1] for cell in found["candidates"]] == ["cpu", "cpu", "test.cpu"]
    assert "--pre" in found["findings"][0]["reproduce"]


def test_a_build_without_channels_says_so(chase: Make) -> None:
    done = chase("2.15.0").bisect(*asked(day(1), day(8)), "--build", "default")
    assert done.code == 2
    assert "default has no index of its own, so no nightly channel" in done.stderr
