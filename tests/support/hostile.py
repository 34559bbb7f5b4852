"""Hostile texts, which try to act as markup, scripts or control sequences wherever they are shown."""

from __future__ import annotations

from typing import Final

from scripts.records.model import Frame, Observation, Record, Warned
from tests.support.records import record, returned, unavailable

#: A global variable of a page that only an executed hostile text would set.
FLAG: Final = "pwned"

TEXTS: Final = (
    f"</script><script>window.{FLAG}=1</script>",
    f"<img src=x onerror=\"window.{FLAG}=2\"><svg onload='window.{FLAG}=3'>",
    f'"\'><a href="javascript:window.{FLAG}=4">x</a><!--',
    "]]> &lt;b&gt; &#60;b&#62; {{ 7*7 }} {% raw %} ${7*7} \\u003cb\\u003e",
    "| a | b |\n|---|---|\n# title\n- item `code` **bold** [x](http://e.invalid) @someone #1 ~~no~~ ![i](http://e.invalid/i.png)",
    "\x1b]0;title\x07\x1b[31mred\x1b[0m\x00\x08\x0b\x7f\x9b31m",
    "\u202egnitseretni\u202c \u2066isolate\u2069 \u200b\ufeff \u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
    "\u2028line\u2029paragraph\r\nCRLF\rCR",
    "[bold red]markup[/bold red] [/] [link=http://e.invalid]x[/link] :smile:",
    "e\u0301 \U0001f600 \ufffe \uffff" + "long" * 200,
)


def observation(text: str) -> Observation:
    """Return a failure with a text in every field."""
    return Observation(
        outcome="raised",
        phase="compiling",
        exception=f"a.{text}",
        bases=(text,),
        message=text,
        warnings=(Warned(category=f"b.{text}", message=text),),
        frames=(Frame(file=text, line=1, function=text), Frame(file="torch/../../x.py", line=2, function="f")),
    )


def hostile_records() -> list[Record]:
    """Return records of two releases and unavailable cells, with hostile texts in every free-text field."""
    found = []
    for torch, shift in (("2.0.0", 0), ("2.1.0", 1)):
        shown = {f"name {n} {text}": observation(TEXTS[(n + shift) % len(TEXTS)]) for n, text in enumerate(TEXTS)}
        recorded = record(torch, {"good": returned(), **shown}, packages={text: text for text in TEXTS})
        assert recorded.wheel
        assert recorded.torch
        wheel = recorded.wheel.model_copy(update={"filename": TEXTS[0], "sha256": TEXTS[1], "index": TEXTS[2]})
        about = recorded.torch.model_copy(update={"version": TEXTS[0], "git_version": TEXTS[2], "cuda": TEXTS[1]})
        found.append(recorded.model_copy(update={"wheel": wheel, "torch": about}))
    return [*found, *(unavailable("2.1.0", build=f"cu11{n}", message=text, kind=text) for n, text in enumerate(TEXTS))]
