"""Signatures and normalised messages: real ones, tables of examples, and properties."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.history import marks
from scripts.records import model, signature
from scripts.records.messages import normalise
from scripts.records.model import Observation, Warned
from scripts.records.signature import (
    Signature,
    classify,
    describe,
    describe_change,
    differences,
    signature_of,
)

HERE = Path(__file__).parent
#: Raw texts as torch raised them, by release and observation; see the file's own note.
REAL = json.loads((HERE / "data" / "real_messages.json").read_text("utf-8"))["messages"]


def parametrize_real() -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "real", REAL, ids=[f"{entry['torch']} py{entry['python']} {entry['observation']}" for entry in REAL]
    )


@parametrize_real()
def test_a_real_message_is_normalised_as_in_the_results(real: dict[str, str]) -> None:
    assert normalise(real["raw"]) == real["normalised"]


@parametrize_real()
def test_a_real_message_is_normalised_alike_on_another_machine(real: dict[str, str]) -> None:
    elsewhere = moved(real["raw"], folder="/home/someone else/p", python="3.12", shift=17)
    assert elsewhere != real["raw"] or "File" not in real["raw"]
    assert normalise(elsewhere, root="/home/someone else/p") == real["normalised"]


def moved(text: str, *, folder: str, python: str, shift: int) -> str:
    """Return a message as it would be on another machine, with another folder, Python and line."""
    text = re.sub(r"/home/me/project(?=/)", folder, text)
    text = re.sub(r"python3\.\d+", f"python{python}", text)
    text = re.sub(r"line (\d+)", lambda m: f"line {int(m[1]) + shift}", text)
    return re.sub(r"0x[0-9a-f]+", "0x7f00deadbeef", text)


def test_the_real_messages_cover_all_behaviours() -> None:
    assert {entry["normalised"].partition("\n")[0] for entry in REAL} == {
        (
            "Cannot insert a Tensor that requires grad as a constant. Consider making it a parameter or input, "
            "or detaching the gradient"
        ),
        "global variables aren't supported:",
        "GeneratorExp aren't supported:",
        "Cannot trace a model while caching parametrizations.",
        "Parametrization is not working with scripting.",
    }


INTERPRETER = "The following operation failed in the TorchScript interpreter.\n"
FRAMES = """Traceback of TorchScript (most recent call last):
  File "{file}", line {line}, in forward
    def get_parametrized(self) -> Tensor:
        if torch.jit.is_scripting():
            raise RuntimeError('no')
            ~~~~~~~~~~~~~~~~~~~~~~~~ <--- HERE
        parametrization = self.parametrizations[tensor_name]
"""
SERIALIZED = """Traceback of TorchScript, serialized code (most recent call last):
  File "code/__torch__/model.py", line 9, in forward
    _0 = ops.prim.RaiseException
    return torch.add(x, y)
           ~~~~~~~~~ <--- HERE

Traceback of TorchScript, original code (most recent call last):
  File "/a/b/model.py", line 12, in forward
    return x + y
           ~~~~~ <--- HERE
"""

#: Shapes of messages of the compiler, the interpreter and the tracer, and their normalised form.
SHAPES = {
    "the cause of a wrapped error": (
        f"{INTERPRETER}{FRAMES.format(file='/a/b/x.py', line=3)}RuntimeError: no",
        "no",
    ),
    "the cause by its full name": (
        f"{INTERPRETER}{FRAMES.format(file='/a/b/x.py', line=3)}builtins.RuntimeError: no\n\n",
        "no",
    ),
    "a cause of another type keeps it": (
        f"{INTERPRETER}{FRAMES.format(file='/a/b/x.py', line=3)}builtins.ValueError: no",
        "builtins.ValueError: no",
    ),
    "a cause of two lines": (
        f"{INTERPRETER}{FRAMES.format(file='/a/b/x.py', line=3)}RuntimeError: no\nreally: no",
        "no\nreally: no",
    ),
    "serialized and original code": (
        f"{INTERPRETER}{SERIALIZED}RuntimeError: The size of tensor a (3) must match the size of tensor b (4)",
        "The size of tensor a (3) must match the size of tensor b (4)",
    ),
    "a compiler's excerpt, old style": (
        (
            "Arguments for call are not valid.\nThe following variants are available:\n  \n"
            "  aten::add.Tensor(Tensor self, Tensor other) -> (Tensor):\n"
            "  Expected a value of type 'Tensor' for argument 'other' but instead found type 'str'.\n"
            'at /a/b/c.py:4:11\ndef f(x):\n    return x + "a"\n           ~~~~~~ <--- HERE\n'
        ),
        (
            "Arguments for call are not valid.\nThe following variants are available:\n\n"
            "  aten::add.Tensor(Tensor self, Tensor other) -> (Tensor):\n"
            "  Expected a value of type 'Tensor' for argument 'other' but instead found type 'str'.\n"
            'at c.py\ndef f(x):\n    return x + "a"\n           ~~~~~~ <--- HERE'
        ),
    ),
    "a compiler's excerpt": (
        (
            "GeneratorExp aren't supported:\n"
            '  File "/x/site-packages/torch/nn/utils/parametrize.py", line 261\n'
            '            originals = (getattr(self, f"original{i}") for i in range(3))\n'
            "                        ~ <--- HERE\n            x = self[0](*originals)\n"
        ),
        "GeneratorExp aren't supported:",
    ),
    "an assertion of the library": (
        (
            '0 INTERNAL ASSERT FAILED at "/pytorch/torch/csrc/jit/ir/alias_analysis.cpp":607, please report a bug to '
            "PyTorch. We don't have an op for aten::add"
        ),
        (
            '0 INTERNAL ASSERT FAILED at "alias_analysis.cpp", please report a bug to PyTorch. '
            "We don't have an op for aten::add"
        ),
    ),
    "the same from another checkout": (
        (
            '0 INTERNAL ASSERT FAILED at "../torch/csrc/ir/alias_analysis.cpp":612, please report a bug to PyTorch. '
            "We don't have an op for aten::add"
        ),
        (
            '0 INTERNAL ASSERT FAILED at "alias_analysis.cpp", please report a bug to PyTorch. '
            "We don't have an op for aten::add"
        ),
    ),
    "frames of C++": (
        (
            "out of memory\nException raised from f at ../c10/x.cpp:13 (most recent call first):\n"
            "frame #0: c10::Error::Error() + 0x57 (0x7f1 in /a/libc10.so)\nframe #1: <unknown function>\n"
        ),
        "out of memory\nException raised from f at x.cpp",
    ),
    "the Python calls around C++": (
        (
            "TypeError: 'ScriptModule' object is not callable\n\nAt:\n  /s/modules.py(87): ignored\n"
            "  /x/site-packages/torch/jit/_recursive.py(1066): lazy_binding_method\n  <frozen runpy>(88): _run_code\n"
        ),
        "TypeError: 'ScriptModule' object is not callable",
    ),
    "no call follows": ("At:\n  the start (1): of it all", "At:\n  the start (1): of it all"),
    "an address": ("<object at 0x7f8c9a2b3d40> is no module", "<object at 0x…> is no module"),
    "a mangled class": ("__torch__.___torch_mangle_12.Model has no attribute", "__torch__.Model has no attribute"),
    "a name made of id()": (
        "`__cache__139692752199696___weight__` is a constant",
        "`__cache__…___weight__` is a constant",
    ),
    "values of a tensor": (
        "Cannot insert a Tensor\nTensor:\n-0.0033  0.2399\n 0.2399 -0.0089\n[ torch.FloatTensor{2,2} ]",
        "Cannot insert a Tensor\nTensor:\n[ torch.FloatTensor{2,2} ]",
    ),
    "a comparison": (
        (
            "Tensor-likes are not close!\n\nMismatched elements: 3 / 25 (12.0%)\n"
            "Greatest absolute difference: 1.5e-05 at index (0, 3) (up to 1e-05 allowed)"
        ),
        (
            "Tensor-likes are not close!\n\nMismatched elements: … / 25\n"
            "Greatest absolute difference: … (up to 1e-05 allowed)"
        ),
    ),
    "a duration": ("gave up after 12.5 seconds", "gave up after … seconds"),
    "a warning of the tracer": (
        "/x/lib/python3.9/site-packages/torch/jit/_trace.py:983: TracerWarning: Trace had nondeterministic nodes.",
        "torch/jit/_trace.py: TracerWarning: Trace had nondeterministic nodes.",
    ),
    "colours": ("\x1b[31mno\x1b[0m", "no"),
    "Windows": (r"no module in C:\Users\me\torch\jit.py", "no module in jit.py"),
    "a URL stays": ("see https://pytorch.org/docs/x.html", "see https://pytorch.org/docs/x.html"),
    "a fraction stays": ("3/4 of all, and/or none", "3/4 of all, and/or none"),
    "a number that is behaviour stays": ("expected 3 arguments, got 4", "expected 3 arguments, got 4"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_of_messages(shape: str) -> None:
    raw, expected = SHAPES[shape]
    assert normalise(raw) == expected
    assert normalise(expected) == expected


# --- properties -------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *(raw for raw, _ in SHAPES.values()),
        *(entry["raw"] for entry in REAL),
        *["RuntimeError: ", "\n", "  ", 'File "/a/b.py", line 3', "<--- HERE", "line 12", "0xdeadbeef", "/a/b/c"],
        *[
            "frame #1: ",
            "\x1b[0m",
            "1.5 s",
            INTERPRETER,
            "Traceback (most recent call last):",
            "'",
            '"',
            "é",
            "-1.5 nan",
        ],
    ]
)
MIXED = st.lists(PIECES | st.text(max_size=20), max_size=6).map("".join)


@given(MIXED)
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


PARTS = st.text("abcXYZ019._-", min_size=1, max_size=8).filter(lambda part: set(part) - {"."})
FOLDERS = st.lists(PARTS, min_size=2, max_size=5).map(lambda parts: "/" + "/".join(parts))
#: Messages of plain words, without a path, a time or an address.
WORDS = "global variables aren't supported GeneratorExp Tensor of shape for 'x' (int) [3, 4] 3 17 torch.add"
MESSAGES = st.lists(st.sampled_from(WORDS.split()), min_size=1, max_size=8).map(" ".join)


def wrapped(message: str, *, folder: str, line: int, address: int, colour: bool) -> str:
    """Return a TorchScript error as one machine shows it."""
    frame = f'  File "{folder}/site-packages/torch/nn/x.py", line {line}'
    text = f"{message}:\n{frame}\n        code(1)\n        ~ <--- HERE\n"
    text += f"in <M object at {address:#x}> of {folder}/m.py:{line}"
    return f"\x1b[1m{text}\x1b[0m" if colour else text


Machine = dict[str, Any]
MACHINES = st.fixed_dictionaries(
    {
        "folder": FOLDERS,
        "line": st.integers(1, 99999),
        "address": st.integers(0x1000, 2**48),
        "colour": st.booleans(),
    }
)


@given(MESSAGES, MACHINES, MACHINES)
def test_the_same_behaviour_on_two_machines_is_the_same_text(message: str, first: Machine, second: Machine) -> None:
    assert normalise(wrapped(message, **first)) == normalise(wrapped(message, **second))


@given(MESSAGES, MESSAGES, MACHINES, MACHINES)
def test_different_behaviours_stay_different(a: str, b: str, first: Machine, second: Machine) -> None:
    same = normalise(wrapped(a, **first)) == normalise(wrapped(b, **second))
    assert same == (a == b)


@given(st.lists(st.sampled_from(["a", "b", "c d", "3 4"]), min_size=1, max_size=4), MACHINES)
def test_a_wrapped_cause_is_normalised_like_the_cause(lines: list[str], machine: Machine) -> None:
    cause = "\n".join(lines)
    frames = FRAMES.format(file=f"{machine['folder']}/x.py", line=machine["line"])
    assert normalise(f"{INTERPRETER}{frames}RuntimeError: {cause}") == normalise(cause)


# --- differences and kinds of change ----------------------------------------------------------------------------

OUTCOMES = st.builds(
    Signature,
    outcome=st.sampled_from(["returned", "passed", "raised", "failed", "blocked", "crashed"]),
    phase=st.sampled_from([None, "compiling", "calling"]),
    exception=st.sampled_from([None, "builtins.RuntimeError", "torch.jit.Error", "a.Error"]),
    bases=st.sampled_from([(), ("builtins.Exception",)]),
    message=st.sampled_from([None, "no", "no. Really not, as was said before this.", "no. Really not, but otherwise."]),
    warnings=st.lists(st.sampled_from([("a.W", "old"), ("a.W", "new"), ("b.W", "old")]), max_size=2).map(tuple),
)


@given(OUTCOMES, OUTCOMES)
def test_signatures_differ_in_something_or_are_equal(a: Signature, b: Signature) -> None:
    assert bool(differences(a, b)) == (a != b)
    assert differences(a, b) == differences(b, a)


@given(OUTCOMES, OUTCOMES)
def test_the_kind_of_a_reversed_change_is_the_reverse(a: Signature, b: Signature) -> None:
    mirror = {"fixed": "broken", "broken": "fixed", "warning added": "warning gone", "warning gone": "warning added"}
    forward, backward = classify(a, b), classify(b, a)
    if a != b:
        assert backward == mirror.get(forward, forward)
    if not a.good and not b.good and set(differences(a, b)) - {"warnings"}:
        assert forward == "different failure"


@given(OUTCOMES, OUTCOMES)
def test_different_sides_never_have_the_same_text(a: Signature, b: Signature) -> None:
    if a == b:
        return
    before, arrow, after = describe_change(a, b).partition(" → ")
    assert arrow
    assert before != after


def warning_signature(*warnings: tuple[str, str]) -> Signature:
    return Signature(outcome="returned", warnings=warnings)


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ((), (("a.W", "x"),), "warning added"),
        ((("a.W", "x"),), (), "warning gone"),
        ((("a.W", "x"),), (("b.W", "x"),), "warning changed"),
        ((("a.W", "x"),), (("a.W", "x"), ("b.W", "y")), "warning added"),
        ((("a.W", "x"), ("b.W", "y")), (("b.W", "y"), ("a.W", "x")), "warning changed"),
    ],
)
def test_kinds_of_changed_warnings(
    old: tuple[tuple[str, str], ...], new: tuple[tuple[str, str], ...], kind: str
) -> None:
    assert classify(warning_signature(*old), warning_signature(*new)) == kind


def test_the_text_of_a_change() -> None:
    old = Signature(
        outcome="raised",
        phase="compiling",
        exception="torch.jit.frontend.UnsupportedNodeError",
        message="GeneratorExp aren't supported:",
    )
    new = Signature(
        outcome="raised",
        phase="calling",
        exception="torch.jit.Error",
        message="Parametrization is not working with scripting.",
    )
    assert describe_change(old, new) == (
        "UnsupportedNodeError 'GeneratorExp aren't supported' when compiling → "
        "torch.jit.Error 'Parametrization is not working with scripting.' when calling"
    )


def test_signatures_of_observations_and_tests() -> None:
    blocked = signature_of(Observation(outcome="blocked", blocked_by="script"))
    assert describe(blocked) == "blocked by script"
    assert describe(signature_of(Observation(outcome="skipped", why="no GPU"))) == "skipped: no GPU"
    failed = model.Test(
        outcome="failed", message="no", warnings=(Warned(category="builtins.UserWarning", message="old"),)
    )
    assert describe(signature_of(failed)) == "failed 'no', with UserWarning 'old'"


@pytest.mark.parametrize("hostile", ["\x1b]0;title\x07", "\x00", "\u202eevil", "\u2066", "\x7f", "\u2028"])
def test_the_text_of_a_signature_has_no_control_characters(hostile: str) -> None:
    text = describe(
        Signature(
            outcome="raised",
            exception=f"a.B{hostile}",
            message=f"no{hostile}way",
            warnings=((f"c.D{hostile}", hostile),),
        )
    )
    assert text.isprintable()
    assert "no" in text
    assert "way" in text


@pytest.mark.parametrize(
    ("text", "gist"),
    [
        ("Short.", "Short."),
        ("The first sentence that is long enough. The second.", "The first sentence that is long enough…"),
        ("With a colon:\nmore", "With a colon…"),
        ("With a colon:", "With a colon"),
        ("word " * 60, ("word " * 24).strip() + "…"),
        (
            "trace(): functions with out=... arguments don't support automatic differentiation. Do without.",
            "trace(): functions with out=... arguments don't support automatic differentiation…",
        ),
        (
            "Expected a container, e.g. Sequential, i.e. a module of modules. It is none.",
            "Expected a container, e.g. Sequential, i.e. a module of modules…",
        ),
        ("Use the function 'parametrize.' It is new.", "Use the function 'parametrize.'…"),
        ("Cannot do that to version 2.1. of the format", "Cannot do that to version 2.1. of the format"),
    ],
)
def test_gist(text: str, gist: str) -> None:
    assert signature.gist(text) == gist


# --- messages that differ only after their first sentence -------------------------------------------------------

GRAPH_LEAVES = "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment"
SINCE_2_1 = (
    f"{GRAPH_LEAVES}.  If you were attempting to deepcopy a module, this may be because of a "
    "torch.nn.utils.weight_norm usage, see https://github.com/pytorch/pytorch/pull/103001"
)


def raised(message: str, **more: Any) -> Signature:
    return Signature(outcome="raised", exception="builtins.RuntimeError", message=message, **more)


def test_a_change_shows_the_part_that_differs() -> None:
    assert describe_change(raised(GRAPH_LEAVES), raised(SINCE_2_1)) == (
        "RuntimeError '…the deepcopy protocol at the moment' → "
        "RuntimeError '…the deepcopy protocol at the moment. If you were attempting to deepcopy a module, "
        "this may be because of a…'"
    )


def test_a_warning_that_changes_shows_the_part_that_differs() -> None:
    old, new = (
        Signature(outcome="returned", warnings=(("a.W", f"This function is deprecated. Please use {name}."),))
        for name in ("export", "compile")
    )
    assert describe_change(old, new) == (
        "W 'This function is deprecated. Please use export.' → W 'This function is deprecated. Please use compile.'"
    )


def test_a_legend_distinguishes_failures() -> None:
    shown = marks.Marks()
    for failure in (raised(GRAPH_LEAVES), raised(SINCE_2_1)):
        shown.mark(failure)
    texts = [entry.text for entry in shown.legend() if entry.mark in {"A", "B"}]
    assert texts[0] == f"RuntimeError '{GRAPH_LEAVES}'"
    assert texts[1].startswith("RuntimeError '…the deepcopy protocol at the moment. If you were attempting")


WORDS_OF = st.lists(
    st.sampled_from(["a", "the", "Tensor", "is.", "No", "e.g.", "...", "deprecated", "of"]), max_size=60
)


@given(WORDS_OF, WORDS_OF, WORDS_OF, st.booleans())
def test_a_change_shows_where_messages_differ(same: list[str], first: list[str], second: list[str], warn: bool) -> None:
    texts = [" ".join([*same, *rest]) for rest in (first, second)]
    if texts[0] == texts[1]:
        return
    sides = [Signature(outcome="returned", warnings=(("a.W", text),)) if warn else raised(text) for text in texts]
    before, after = describe_change(*sides).split(" → ")
    common = signature._common_length(*texts)
    shown = [side.partition("'")[2].rpartition("'")[0].strip("…") for side in (before, after)]
    assert before != after
    # Each shown text is a piece of the message that begins within the common start.
    for piece, text in zip(shown, texts, strict=True):
        assert piece in text
        assert text.index(piece) <= common


def test_a_note_of_what_returned_is_compared_and_shown() -> None:
    old, new = (Signature(outcome="returned", message=f"digest {digest}") for digest in ("abc", "abd"))
    assert classify(old, new) == "other behaviour"
    assert signature.describe_change(old, new) == "returned 'digest abc' → returned 'digest abd'"
