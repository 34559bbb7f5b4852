"""Probes that behave badly in every way that one process survives, and what the recorder makes of them."""

from __future__ import annotations

import pytest

from tests.unit.cells.test_recorder import Run, Suite

PROBES = r"""
import os
import sys
import warnings

import pytest
import torch


def inner():
    raise ZeroDivisionError("deep down")


def test_frames(observe):
    with observe("frames", phase="tracing"):
        inner()


def test_names(observe):
    with observe("jit-error"):
        raise torch.jit.Error("interpreted")
    with observe("hidden"):
        raise torch.jit._trace.Hidden
    with observe("local"):

        class Own(KeyError): ...

        raise Own("key")


def test_warnings(observe):
    warnings.warn("before", stacklevel=1)
    with observe("warns"):
        for text in ["one", "two", "one"]:
            warnings.warn(text, torch.jit.TracerWarning, stacklevel=1)
    warnings.warn("after", FutureWarning, stacklevel=1)


def test_filters_and_output(observe):
    warnings.simplefilter("ignore")
    warnings.resetwarnings()
    warnings.simplefilter("error")
    print("x" * 10_000_000)
    os.closerange(3, 64)
    with observe("after-closing"):
        warnings.simplefilter("ignore")
        warnings.warn("not heard", stacklevel=1)


def test_filters_are_back():
    warnings.warn("heard", stacklevel=1)


def test_exit_inside(observe):
    with observe("sys-exit"):
        sys.exit("bye")


def test_exit():
    sys.exit(4)


def test_fork():
    child = os.fork()
    if child:
        os.waitpid(child, 0)


def test_huge(observe):
    with observe("huge"):
        raise ValueError("a" + 10_000_000 * "\u00e9" + "z")


def test_huge_verdict():
    raise ValueError("a" + 10_000_000 * "\u00e9" + "z")


def test_unicode(observe):
    with observe("\ud800 \x00 \U0001d4b3 \u2028 name"):
        raise ValueError("\udcff\x00\x1b[31m\u2028\r\n\U0001d4b3")


def test_unprintable(observe):
    class Odd(Exception):
        def __str__(self):
            raise SystemExit

    with observe("unprintable"):
        raise Odd


def test_recursion(observe):
    def again():
        again()

    with observe("endless"):
        again()


def test_blocked(observe):
    with observe("blocked", phase="calling"):
        with observe.needs("frames"):
            warnings.warn("of another", stacklevel=1)
            sys.exit()
        raise AssertionError


def test_skips_inside(observe):
    with observe("skipped"):
        pytest.skip("no such thing here")


def test_twice(observe):
    with observe("frames"):
        pass


def test_phases(phase):
    phase("compiling")
    phase("calling")
    raise torch.jit.Error("when called")


def test_pytest_fail():
    pytest.fail("as pytest says it")


@pytest.mark.skip(reason="not today")
def test_skip(): ...


@pytest.mark.xfail(reason="known", strict=True)
def test_xfail():
    raise ValueError


@pytest.mark.xfail(strict=True)
def test_xpass(): ...


@pytest.fixture
def broken():
    raise OSError("no set-up")


def test_setup(broken): ...


@pytest.fixture
def litter():
    yield
    raise OSError("no tear-down")


def test_teardown(litter): ...


@pytest.mark.parametrize("text", ["\u00e9\n\ud800"])
def test_parameter(text): ...
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run of them all."""
    return Suite(tmp_path_factory.mktemp("many")).probe(PROBES, "test_many.py").run()


def test_an_exception_has_its_public_name_and_bases(many: Run) -> None:
    assert many.observation("jit-error")["exception"] == "torch.jit.Error"
    assert many.observation("jit-error")["bases"] == ["builtins.RuntimeError", "builtins.Exception"]
    assert many.observation("hidden")["exception"] == "torch.jit._trace.Hidden"
    assert many.observation("local")["exception"] == "test_many.test_names.<locals>.Own"
    assert many.observation("local")["bases"] == ["builtins.KeyError", "builtins.LookupError", "builtins.Exception"]
    assert many.verdict("test_many.py::test_pytest_fail")["exception"] == "pytest.fail.Exception"


def test_frames_begin_in_the_test(many: Run) -> None:
    observation = many.observation("frames")
    assert [(f["file"], f["function"]) for f in observation["frames"]] == [
        ("suite/test_many.py", "test_frames"),
        ("suite/test_many.py", "inner"),
    ]
    assert (observation["outcome"], observation["phase"], observation["message"]) == ("raised", "tracing", "deep down")
    assert "observer.py" not in observation["traceback"]
    assert observation["traceback"].endswith("ZeroDivisionError: deep down\n")


def test_warnings_are_in_order_without_duplicates(many: Run) -> None:
    assert many.observation("warns")["warnings"] == [
        {"category": "torch.jit.TracerWarning", "message": "one"},
        {"category": "torch.jit.TracerWarning", "message": "two"},
    ]
    assert many.verdict("test_many.py::test_warnings")["warnings"] == [
        {"category": "builtins.UserWarning", "message": "before"},
        {"category": "builtins.FutureWarning", "message": "after"},
    ]


def test_warning_filters_and_output_are_restored_after_a_test(many: Run) -> None:
    assert many.observation("after-closing")["outcome"] == "returned"
    assert many.verdict("test_many.py::test_filters_and_output")["outcome"] == "passed"
    heard = many.verdict("test_many.py::test_filters_are_back")["warnings"]
    assert heard == [{"category": "builtins.UserWarning", "message": "heard"}]


def test_exits_are_results(many: Run) -> None:
    observation = many.observation("sys-exit")
    assert (observation["outcome"], observation["exception"], observation["message"]) == (
        "raised",
        "builtins.SystemExit",
        "bye",
    )
    verdict = many.verdict("test_many.py::test_exit")
    assert (verdict["outcome"], verdict["exception"]) == ("failed", "builtins.SystemExit")


def test_a_forked_child_writes_no_events(many: Run) -> None:
    assert many.verdict("test_many.py::test_fork")["outcome"] == "passed"
    assert len({event["pid"] for event in many.events}) == 1


def test_texts_are_cut_in_the_middle(many: Run) -> None:
    for event in (many.observation("huge"), many.verdict("test_many.py::test_huge_verdict")):
        message = event["message"]
        assert len(message) < 66_000
        assert message[0] == "a"
        assert message[-1] == "z"
        assert "[… 9934466 characters cut …]" in message
        assert len(event["traceback"]) < 66_000


def test_any_text_is_recorded(many: Run) -> None:
    assert many.observation("\ud800 \x00 \U0001d4b3 \u2028 name")["message"] == "\udcff\x00\x1b[31m\u2028\r\n\U0001d4b3"
    assert many.observation("unprintable")["message"] == "<str() raised builtins.SystemExit>"
    assert many.only("collected")["tests"][-1].startswith("test_many.py::test_parameter[")


def test_infinite_recursion_is_recorded_with_few_frames(many: Run) -> None:
    assert many.observation("endless")["exception"] == "builtins.RecursionError"
    assert len(many.observation("endless")["frames"]) == 50


def test_blocked_and_skipped(many: Run) -> None:
    blocked = many.observation("blocked")
    assert (blocked["outcome"], blocked["blocked_by"], blocked["warnings"]) == ("blocked", "frames", [])
    assert "exception" not in blocked
    skipped = many.observation("skipped")
    assert (skipped["outcome"], skipped["why"]) == ("skipped", "no such thing here")


def test_a_name_is_observed_once(many: Run) -> None:
    verdict = many.verdict("test_many.py::test_twice")
    assert (verdict["outcome"], verdict["message"]) == ("failed", "there is already an observation named 'frames'")


def test_the_phase_is_the_one_in_which_it_failed(many: Run) -> None:
    verdict = many.verdict("test_many.py::test_phases")
    assert (verdict["outcome"], verdict["exception"], verdict["phase"]) == ("failed", "torch.jit.Error", "calling")
    assert "phase" not in many.verdict("test_many.py::test_exit")


@pytest.mark.parametrize(
    ("test", "outcome", "message"),
    [
        ("test_pytest_fail", "failed", "as pytest says it"),
        ("test_skip", "skipped", "not today"),
        ("test_xfail", "skipped", "known"),
        ("test_xpass", "failed", "[XPASS(strict)]"),
        ("test_setup", "error", "no set-up"),
        ("test_teardown", "error", "no tear-down"),
    ],
)
def test_verdicts_are_those_of_pytest(many: Run, test: str, outcome: str, message: str) -> None:
    verdict = many.verdict(f"test_many.py::{test}")
    assert (verdict["outcome"], verdict["message"].strip()) == (outcome, message)
