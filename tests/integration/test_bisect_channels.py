"""Bisections of the nightly and the test channel, with the layout and the peculiarities of the real ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import requests

from tests.support.behaviour import Behaviour, raises
from tests.support.matrices import PYTHON
from tests.support.release_project import ReleaseProject, changes, make, ran
from tests.support.torches import build_nightlies, build_torch

__all__ = ["make"]

Make = Callable[..., ReleaseProject]

LAST = dt.date(2026, 11, 10)
REFUSED = Behaviour(observations={"trace": raises("RuntimeError", "refused")})


def day(number: int) -> dt.date:
    """Return a day of November 2026; of an earlier month if the number is not positive."""
    return dt.date(2026, 11, 1) + dt.timedelta(days=number - 1)


def nightlies(here: ReleaseProject, changed: dt.date, **options: object) -> None:
    """Publish seventy days, of which the ten oldest are not listed; from one day on, tracing is refused."""
    wheels = build_nightlies(70, last=LAST, behaviour=lambda d: REFUSED if d >= changed else None, **options)  # type: ignore[arg-type]
    here.index.add(*wheels, channel="nightly/cpu")


def question(good: dt.date, bad: dt.date) -> list[str]:
    return ["--observation", "trace", "--nightly", "--good", f"{good}", "--bad", f"{bad:%Y%m%d}"]


def version(date: dt.date) -> str:
    return f"2.16.0.dev{date:%Y%m%d}"


def test_the_nightly_that_changed(make: Make) -> None:
    """The page has neither hashes nor required Pythons, and a label's plus sign is %2B in its links."""
    here = make("2.15.0")
    nightlies(here, day(4))
    done = here.project.nox("-s", "bisect", "--", *question(day(-18), day(10)), "--format", "markdown")
    assert done.code == 0, done.output
    assert f"### `trace` changed between torch {version(day(3))} and {version(day(4))}" in done.stdout
    assert "29 candidates, build cpu, linux-x86_64, nightlies" in done.stdout
    assert f"{version(day(4))}-nightly.cpu-py{PYTHON}" in here.project.records()
    page = requests.get(f"{here.index.url('nightly/cpu')}/torch/", timeout=5).text
    assert "%2Bcpu" in page
    assert not any(word in page for word in ("data-requires-python", "whl#sha256"))
    assert page.count("</a>") == 60


def test_missing_days_and_days_with_the_same_commit(make: Make) -> None:
    """A commit that was built on two days runs once, and days without a wheel are no candidates."""
    here = make("2.15.0")
    same = [day(3), day(4), day(5), day(6), day(7)]
    nightlies(here, day(2), missing=[day(1)], unchanged=same)
    done = here.bisect(*question(day(0), day(10)))
    assert done.code == 0, done.output
    assert done.stdout.startswith(f"trace changed between torch {version(day(0))} and {version(day(2))}\n")
    assert ": same commit as " in done.stderr
    found = here.bisect_json(*question(day(0), day(10)))
    assert version(day(1)) not in " ".join(found["candidates"])
    assert changes(found) == [(version(day(0)), version(day(2)))]


def test_a_day_without_a_listed_wheel_is_refused_as_an_end(make: Make) -> None:
    here = make("2.15.0")
    nightlies(here, day(4), missing=[day(-5)])
    for good in (day(-5), LAST - dt.timedelta(days=65)):
        done = here.bisect(*question(good, day(10)))
        assert done.code == 2, done.output
        assert f"--good: the index has no '{good}'" in done.stderr
        assert f"to {version(LAST)}" in done.stderr


def test_a_recorded_nightly_is_not_run_again(make: Make) -> None:
    here = make("2.15.0")
    nightlies(here, day(4))
    first = here.bisect_json(*question(day(1), day(8)))
    second = here.bisect_json(*question(day(1), day(8)))
    assert changes(first) == changes(second) == [(version(day(3)), version(day(4)))]
    assert (len(ran(first)) <= 2 + 3, ran(second)) == (True, [])


def test_candidates_of_the_test_channel(make: Make) -> None:
    """A release candidate has the name of the final version; once that is released, the name means the final one."""
    here = make("2.14.0", "2.15.0")
    here.index.add(build_torch("2.15.0", behaviour=REFUSED), channel="test/cpu")
    here.index.add(build_torch("2.16.0", behaviour=REFUSED), channel="test/cpu")
    question = ("--observation", "trace", "--good", "2.14.0", "--bad", "2.16.0")
    refused = here.bisect(*question)
    assert refused.code == 2
    assert "--bad: the index has no '2.16.0'" in refused.stderr
    found = here.bisect_json(*question, "--pre")
    assert changes(found) == [("2.15.0", "2.16.0")]
    assert [cell.split("-")[1] for cell in found["candidates"]] == ["cpu", "cpu", "test.cpu"]
    assert "--pre" in found["findings"][0]["reproduce"]


def test_a_build_without_channels_is_refused(make: Make) -> None:
    done = make("2.15.0").bisect(*question(day(1), day(8)), "--build", "default")
    assert done.code == 2
    assert "default has no index of its own, so no nightly channel" in done.stderr
