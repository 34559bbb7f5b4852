"""The consoles that commands print to: no markup unless asked for, and no blanks at the ends of lines."""

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
    """Return a console on stdout or stderr, as wide as it is and coloured where that is wanted; or on a plain file.

    Without ``markup``, texts are printed as they are; with it, untrusted ones must be escaped.
    """
    made = Console(
        stderr=stderr,
        file=file,
        force_terminal=None if file is None else False,  # FORCE_COLOR is about the terminal
        color_system="auto" if file is None else None,
        width=width,
        no_color=no_color,
        markup=markup,
        highlight=False,
        emoji=False,
    )
    made.push_render_hook(_Trim())
    return made


class Trimmed:
    """A renderable without the blanks with which Rich fills its lines."""

    def __init__(self, renderable: RenderableType) -> None:
        self.renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        return _trimmed(console.render(self.renderable, options))


class _Trim(RenderHook):
    """Trims whatever is printed."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [Trimmed(renderable) for renderable in renderables]


def _trimmed(segments: Iterable[Segment]) -> Iterator[Segment]:
    blanks: list[Segment] = []  # they end the line, unless something follows
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
