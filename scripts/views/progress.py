"""Show the progress of a run: live on a terminal, as lines in a log."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from scripts.config.cell import Cell
from scripts.core.console import Trimmed, make_console
from scripts.core.files import human_size
from scripts.records.model import FreshRecord
from scripts.run.context import Progress

#: Seconds between status lines in a log.
_STATUS_INTERVAL = 30.0

#: Number of modified files that are named.
_MAX_FILES = 5

_ACTIVITIES = {
    "resolve": "resolving",
    "wait": "waiting",
    "install": "installing",
    "ready": "waiting to test",
    "probes": "testing",
}


class Display:
    """Shows the progress of a run on stderr: finished, running and remaining cells, remaining bytes and time."""

    def __init__(self, total: int, console: Console | None = None, reported_fallbacks: set[str] | None = None) -> None:
        """Show the progress of a number of cells; displays that share ``reported_fallbacks`` report each only once."""
        self.console = console or make_console(stderr=True, markup=True)
        self.total, self.done, self.current = total, 0, 0
        self._started = time.monotonic()
        self._running: dict[Cell, tuple[str, float]] = {}
        self._to_come: dict[Cell, int] = {}
        self._reported_fallbacks: set[str] = set() if reported_fallbacks is None else reported_fallbacks
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._live = Live(get_renderable=self._renderable, console=self.console, refresh_per_second=4, transient=True)
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        else:
            self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self.console.is_terminal:
            self._live.stop()

    def __call__(self, progress: Progress) -> None:
        """Show a progress event; may be called from any thread."""
        with self._lock:
            self._apply(progress)

    def _apply(self, progress: Progress) -> None:
        cell = progress.cell
        match progress.stage:
            case "current":
                self.current += 1
            case "done":
                self.done += 1
                self._running.pop(cell, None)
                self._to_come.pop(cell, None)
                if progress.record is not None:
                    self._print_result(cell, progress.record)
            case stage:
                self._running[cell] = (_ACTIVITIES[stage], time.monotonic())
                if stage in {"wait", "install"}:
                    self._to_come[cell] = progress.size
                elif stage == "ready":
                    self._to_come.pop(cell, None)

    def _print_result(self, cell: Cell, record: FreshRecord) -> None:
        if record.run.fallback and record.run.fallback not in self._reported_fallbacks:
            self._reported_fallbacks.add(record.run.fallback)
            self.console.print(f"[yellow]note:[/] {record.run.fallback}", soft_wrap=True)
        if record.is_excluded:
            return  # the report names the releases once
        done = f"[{self.done + self.current}/{self.total}]"
        if record.reason is None:
            made = "observations" if record.observations or not record.tests else "tests"
            text = f"{record.cell.build}, {len(record.observations or record.tests)} {made}"
        else:
            text = f"{record.status}: {record.reason.kind} ({record.reason.stage})"
        seconds = f"{record.run.timings.total or 0:.1f} s"
        self.console.print(f"{done:>9} {cell.id}  {text}, {seconds}", soft_wrap=True, markup=False)
        if record.run.opened:
            files = escape(", ".join(record.run.opened))
            note = f"{cell.id} ran twice: its tests opened placeholders: {files}"
            self.console.print(f"[yellow]note:[/] {note}", soft_wrap=True)

        if record.run.modified:
            files = escape(", ".join(record.run.modified[:_MAX_FILES]))
            more = len(record.run.modified) - _MAX_FILES
            note = f"{cell.id} modified files of its packages: {files}" + (f" and {more} more" if more > 0 else "")
            self.console.print(f"[yellow]note:[/] {note}", soft_wrap=True)

    def _tick(self) -> None:
        while not self._stop.wait(_STATUS_INTERVAL):
            with self._lock:
                running = ", ".join(f"{cell.id} {activity}" for cell, (activity, _) in self._running.items())
                self.console.print(f"{self._summary()}; {running}", soft_wrap=True, markup=False)

    def _summary(self) -> str:
        remaining = self.total - self.current - self.done
        parts = [f"{self.done + self.current} of {self.total} cells", f"{remaining} to go"]
        if sum(self._to_come.values()):
            parts.append(f"{human_size(sum(self._to_come.values()))} to come")
        if self.done:
            left = (time.monotonic() - self._started) / self.done * remaining
            parts.append(f"about {left / 60:.0f} min left" if left > 90 else f"about {left:.0f} s left")  # noqa: PLR2004
        return ", ".join(parts)

    def _renderable(self) -> Trimmed:
        with self._lock:
            table = Table.grid(padding=(0, 2))
            for cell, (activity, since) in self._running.items():
                size = self._to_come.get(cell, 0)
                coming = f"{human_size(size)}" if activity == "installing" and size else ""
                table.add_row(f"  {cell.id}", activity, coming, f"{time.monotonic() - since:.0f} s")
            return Trimmed(Group(table, Text(self._summary(), style="bold")))
