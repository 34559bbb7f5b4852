"""Values of one run in messages: pytest's own output for asserts on unseeded numbers, and other messages."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.core.paths import SuitePaths
from scripts.records.messages import MAX_LENGTH, normalise
from scripts.records.model import Record
from scripts.records.store import Store
from tests.support import asserting

#: Statements that fail with different values in every run, and the first line of each normalised message.
NOISY: Final[dict[str, tuple[str, str]]] = {
    "floats": ("assert r() == r()", "assert … == …"),
    "a float and an integer": ("assert r() > 1e30 or r() == 3", "assert (… > … or … == 3)"),
    "a call": ("assert f(0.5) == 3", "assert … == 3"),
    "a method": ("assert Plain().value() == 3", "assert … == 3"),
    "an attribute": ("assert Point('a', r(), r()).x == 3", "assert … == 3"),
    "complex": ("assert complex(r(), r()) == 3", "assert (…) == 3"),
    "nan": ("assert random.choice([r(), float('nan')]) == float('-inf')", "assert … == …"),
    "a tensor": ("assert Tensor(5) == 3", "assert tensor(…) == 3"),
    "two tensors": ("assert Tensor(2, 2) == Tensor(2, 2)", "assert tensor(…) == tensor(…)"),
    "three dimensions": ("assert Tensor(2, 3, 4) == Tensor(2, 3, 4)", "assert tensor(…) == tensor(…)"),
    "a long tensor": ("assert Tensor(9, 9) == Tensor(9, 9)", "assert tensor(…) == tensor(…)"),
    "a summarised tensor": ("assert Tensor(20, 9, row=' ...') == 3", "assert tensor(…) == 3"),
    "a scalar": ("assert Tensor(form='{:.4f}') == 3", "assert tensor(…) == 3"),
    "scientific": ("assert Tensor(4, form='{:.4e}') == 3", "assert tensor(…) == 3"),
    "integers": ("assert Tensor(4, form='{:.0f}') == 3", "assert tensor(…) == 3"),
    "not a number": (
        "a = Tensor(3, form=random.choice(['nan', '-inf', '1.']))\nassert a == 3",
        "assert tensor(…) == 3",
    ),
    "a type": ("assert Tensor(4, rest=', dtype=torch.float64') == 3", "assert tensor(…, dtype=torch.float64) == 3"),
    "a device": (
        "assert Tensor(3, 3, rest=\",\\n       device='cuda:0', dtype=torch.float16\") == 3",
        "assert tensor(…, dtype=torch.float16) == 3",
    ),
    "a gradient": ("assert Tensor(9, 3, rest=', grad_fn=<AddBackward0>') == 3", "assert tensor(…) == 3"),
    "a leaf": ("assert Tensor(3, rest=', requires_grad=True') == 3", "assert tensor(…) == 3"),
    "sparse": ("assert Sparse() == 3", "assert tensor(…) == 3"),
    "an array": (
        "assert Array(3, 2, form='{:.6f}', rest=', dtype=float32') == 3",
        "assert array(…, dtype=float32) == 3",
    ),
    "a call with tensors": ("assert no(Tensor(3), Tensor(9, 9))", "assert False"),
    "a call of a call": ("assert no(tensor_like(Tensor(3)), 4)", "assert False"),
    "a list": ("assert rs(3) == rs(3)", "assert […] == […]"),
    "lists of different lengths": ("assert rs(3) == rs(5)", "assert […] == […]"),
    "a long list": ("assert rs(30) == rs(30)", "assert […] == […]"),
    "a nested list": ("assert [rs(3), rs(3)] == [rs(3), rs(3)]", "assert […] == […]"),
    "long nested lists": ("assert [rs(9) for _ in range(9)] == [rs(9) for _ in range(9)]", "assert […] == […]"),
    "a call with long nested lists": (
        "assert no([rs(9) for _ in range(9)], [rs(9) for _ in range(9)])",
        "assert False",
    ),
    "a list of tensors": ("assert [Tensor(3), Tensor(2, 2)] == [Tensor(3), 4]", "assert […] == […]"),
    "a mixed list": ("assert [r(), 3, 'a'] == [r(), 4, 'a']", "assert […] == […]"),
    "a tuple": ("assert (r(),) == (r(), r())", "assert (…) == (…)"),
    "a set": ("assert set(rs(4)) == set(rs(4))", "assert {…} == {…}"),
    "a dictionary": ("assert {'a': r(), 'b': [r()]} == {'a': r(), 'b': [r()]}", "assert {…} == {…}"),
    "a dictionary of tensors": ("assert {'a': Tensor(3, 3)} == {'a': Tensor(3, 3)}", "assert {…} == {…}"),
    "membership": ("assert r() in rs(4)", "assert … in […]"),
    "a data class": ("assert Point('a', r(), 0.5) == Point('a', r(), 0.5)", "assert Point(…) == Point(…)"),
    "a nested data class": (
        "a, b = (Line(Point('a', r(), r()), Point('b', r(), r()), [rs(9), rs(9)]) for _ in range(2))\nassert a == b",
        "assert Line(…) == Line(…)",
    ),
    "approx": ("assert r() == pytest.approx(7 + r())", "assert … == …"),
    "approx of a list": ("assert rs(3) == pytest.approx(rs(3))", "assert […] == approx(…)"),
    "approx of a dictionary": ("assert {'a': r()} == pytest.approx({'a': r()})", "assert {…} == approx(…)"),
    "a custom message": ("x = r()\nassert x > 1e30, f'too small: {x}'", "too small: …"),
    "an identity": ("a = object()\nassert id(a) == id(random)", "assert … == …"),
    "an object": ("assert object() == object()", "assert <object object at 0x…> == <object object at 0x…>"),
    "unittest": ("import unittest\nunittest.TestCase().assertEqual(r(), r())", "… != …"),
    "unittest, almost": (
        "import unittest\nunittest.TestCase().assertAlmostEqual(r(), 7)",
        "… != 7 within 7 places (… difference)",
    ),
}
RUNS: Final = 12


@pytest.fixture(scope="module", params=["-q", "-v", "-vv"])
def noisy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, set[str]]:
    statements = {name: statement for name, (statement, _) in NOISY.items()}
    return asserting.messages(tmp_path_factory.mktemp("noisy"), statements, RUNS, [request.param])


@pytest.mark.parametrize("name", NOISY)
def test_messages_with_different_values_are_normalised_to_the_same(noisy: Mapping[str, set[str]], name: str) -> None:
    raw = noisy[name]
    assert len(raw) > 1
    normalised = {normalise(text) for text in raw}
    assert len(normalised) == 1, "\n".join([*sorted(normalised), "from", min(raw)])
    assert {normalise(text) for text in normalised} == normalised
    (text,) = normalised
    assert text.partition("\n")[0] == NOISY[name][1]


#: Statements that fail in the same way in every run: their messages are behaviour and stay unchanged.
STEADY: Final = {
    "integers": ("assert 3 == 4", "assert 3 == 4"),
    "a length": ("assert len([1, 2]) == 3", "assert 2 == 3\n +  where 2 = len([1, 2])"),
    "strings": ("assert 'torch 1.13' == 'torch 1.12'", "assert 'torch 1.13' == 'torch 1.12'\n  - torch 1.12"),
    "nothing": ("assert None is not None", "assert None is not None"),
    "lists of integers": ("assert [1, 2] == [1, 3]", "assert [1, 2] == [1, 3]\n  At index 1 diff: 2 != 3"),
    "long lists of integers": (
        "assert list(range(100, 200)) == list(range(100, 150))",
        (
            "assert [100, 101, 10...104, 105, ...] == [100, 101, 10...104, 105, ...]\n"
            "  Left contains 50 more items, first extra item: 150"
        ),
    ),
    "sets": (
        "assert {'b', 'a', 'c'} == {'a', 'd', 'e'}",
        (
            "assert {'a', 'b', 'c'} == {'a', 'd', 'e'}\n  Extra items in the left set:\n  'b'\n  'c'\n"
            "  Extra items in the right set:\n  'd'\n  'e'"
        ),
    ),
    "a dictionary": ("assert {'a': 1} == {'a': 2}", "assert {'a': 1} == {'a': 2}\n  Differing items:"),
    "a version": ("assert False, 'needs 1.13.0'", "needs 1.13.0\nassert False"),
}


@pytest.mark.parametrize("name", STEADY)
def test_behaviour_is_preserved(steady: Mapping[str, set[str]], name: str) -> None:
    (raw,) = steady[name]
    assert normalise(raw).startswith(STEADY[name][1])


@pytest.fixture(scope="module", params=["", "true"], ids=["at a desk", "in CI"])
def steady(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, set[str]]:
    statements = {name: statement for name, (statement, _) in STEADY.items()}
    return asserting.messages(tmp_path_factory.mktemp("steady"), statements, 1, CI=request.param)


#: Texts without an assert, and their normalised form.
PLAIN: Final = {
    "invalid values:\ntensor([0.1, nan,\n        3.], dtype=torch.float64)": (
        "invalid values:\ntensor(…, dtype=torch.float64)"
    ),
    "Parameter containing:\ntensor([[1., 2.]], requires_grad=True)": (
        "Parameter containing:\ntensor(…, requires_grad=True)"
    ),
    "Boolean value of tensor([True, False]) is ambiguous": "Boolean value of tensor(…) is ambiguous",
    "tensor(False) is not true": "tensor(False) is not true",
    "tensor([], size=(0, 3))": "tensor([], size=(0, 3))",
    "got torch.Size([3, 5]), expected torch.Size([3, 4])": "got torch.Size([3, 5]), expected torch.Size([3, 4])",
    "aten::tensor(t[] data, *, ScalarType? dtype=None) -> Tensor": (
        "aten::tensor(t[] data, *, ScalarType? dtype=None) -> Tensor"
    ),
    "rather than torch.tensor(sourceTensor).": "rather than torch.tensor(sourceTensor).",
    "dropout has to be between 0 and 1, but got 1.5": "dropout has to be between 0 and 1, but got 1.5",
    "Scalars are not close!\n\nExpected 0.5 but got 0.75.\nAbsolute difference: 0.25 (up to 1e-05 allowed)": (
        "Scalars are not close!\n\nExpected … but got ….\nAbsolute difference: … (up to 1e-05 allowed)"
    ),
    "Scalars are not equal!\n\nExpected 3 but got 4.": "Scalars are not equal!\n\nExpected 3 but got 4.",
    "Not equal to tolerance rtol=1e-07, atol=0\n\nMismatched elements: 1 / 2 (50%)\n"
    "Max absolute difference among violations: 0.1\n ACTUAL: array([0.1, 0.2])\n DESIRED: array(0.1)": (
        "Not equal to tolerance rtol=1e-07, atol=0\n\nMismatched elements: … / 2\n"
        "Max absolute difference among violations: …\n ACTUAL: array(…)\n DESIRED: array(…)"
    ),
    "a\n[… 1234 characters cut …]\nb": "a\n[…]\nb",
}


@pytest.mark.parametrize("raw", PLAIN)
def test_values_in_other_messages(raw: str) -> None:
    assert normalise(raw) == PLAIN[raw]
    assert normalise(PLAIN[raw]) == PLAIN[raw]


def texts(record: Record) -> list[str]:
    results = [*record.observations.values(), *record.tests.values()]
    texts = [(result.message, *(warning.message for warning in result.warnings)) for result in results]
    return [text for group in texts for text in group if text]


def test_the_accepted_results_are_already_normalised() -> None:
    found = [text for record in Store(SuitePaths.of("parametrization").results).read(Record) for text in texts(record)]
    assert found
    assert all(normalise(text) == text for text in found)


# --- untrusted texts --------------------------------------------------------------------------------------------

#: Pieces of text that patterns could match repeatedly.
UNITS: Final = (
    *("1", "../", "a.b/", "1.1.", "/a", "'/", '"/a/', "0x", " ", "\n", " \n", "1 ", "1\n", "1e", "-", "C:/a/", "C:/ "),
    *("(", "[", "tensor(", "array([1, ", "tensor(1)", "{'a': 1.5}, ", "'", '"', "\\'", "...", ".", "…", " == ", ", "),
    *("assert ", "assert [1.5...", "nan ", "  Left contains ", " +  where ", "\x1b", "\x1b[", "pid=", "pid 1", "1s "),
    *("~ ^", '  File "x", line 3\n', 'File "/a', "The following operation failed in the TorchScript interpreter.\n"),
    *("RuntimeError: ", "Traceback (most recent call last):\n", "___torch_mangle_", "frame #1: ", "x.py:1", "/a.cpp"),
    *("Mismatched elements: 1 / 1 (", "Greatest absolute difference: ", "at line 1", "a", "_", "%", "\t", "\u2028"),
)
SIZE: Final = 1_000_000


def check(unit: str) -> None:
    """Check that a megabyte of a unit takes less than a second; its end, which is read too, is a failed assert."""
    text = unit * (SIZE // len(unit)) + "\nassert (" + unit * (25_000 // len(unit)) + "!"
    before = time.thread_time()
    once = normalise(text)
    assert time.thread_time() - before < 1
    assert len(once) <= MAX_LENGTH
    assert normalise(once) == once


@pytest.mark.parametrize("unit", UNITS)
def test_a_megabyte_of_anything_takes_less_than_a_second(unit: str) -> None:
    check(unit)


@settings(max_examples=20)
@given(st.lists(st.sampled_from(UNITS), min_size=2, max_size=4).map("".join))
def test_a_megabyte_of_any_mixture_takes_less_than_a_second(unit: str) -> None:
    check(unit)


@pytest.mark.parametrize("depth", [1, 3, 30, 500])
def test_nested_messages_reach_a_fixed_point(depth: int) -> None:
    mangled = "___torch_mangle_" * depth + "1." * depth + "Model"
    wrapped = "The following operation failed in the TorchScript interpreter.\nRuntimeError: " * depth + "no"
    assert normalise(normalise(mangled)) == normalise(mangled)
    assert normalise(wrapped) == "no"


@given(st.text("assert tnor()[]{},.…0123456789'\"=+-e ±\n\\", max_size=80), st.sampled_from(["", "assert ", "tensor("]))
def test_normalising_explanations_twice_changes_nothing_more(text: str, start: str) -> None:
    once = normalise(start + text)
    assert normalise(once) == once
