"""Rich consoles without markup by default, and without trailing spaces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook, RenderResult
from rich.segment import Segment


def make_console(
    *,
    stderr: bool = False,
    markup: bool = False,
    width: int | None = None,
    no_color: bool | None = None,
    file: IO[str] | None = None,
) -> Console:
    """Return a console on stdout or stderr with the terminal's width and colours, or on a plain file.

    With ``markup``, untrusted text must be escaped.
    """
    console = Console(
        stderr=stderr,
        file=file,
        force_terminal=None if file is None else False,  # FORCE_COLOR applies to the terminal only
        color_system="auto" if file is None else None,
        width=width,
        no_color=no_color,
        markup=markup,
        highlight=False,
        emoji=False,
    )
    console.push_render_hook(_TrimHook())
    return console


class Trimmed:
    """A renderable without the trailing spaces with which Rich pads lines."""

    def __init__(self, renderable: RenderableType) -> None:
        self.renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        return _trimmed(console.render(self.renderable, options))


class _TrimHook(RenderHook):
    """Wraps everything that is printed in `Trimmed`."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [Trimmed(renderable) for renderable in renderables]


def _trimmed(segments: Iterable[Segment]) -> Iterator[Segment]:
    blanks: list[Segment] = []  # dropped at the end of a line
    for segment in segments:
        if segment.control:
            yield segment
            continue
        for number, line in enumerate(segment.text.split("\n")):
            if number:
                blanks = []
                yield Segment.line()
            if text := line.rstrip(" "):
                yield from blanks
                blanks = []
                yield Segment(text, segment.style)
            if blank := line[len(text) :]:
                blanks.append(Segment(blank, segment.style))
    yield from blanks
