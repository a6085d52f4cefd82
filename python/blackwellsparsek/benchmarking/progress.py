"""Progress with the remaining time: a bar in a terminal that rich draws, lines elsewhere."""

import sys
import time
from types import TracebackType


class Progress:
    """Counts cases that are measured; those measured before are named once."""

    def __init__(self, total: int, before: int, expected_seconds: float) -> None:
        self._total, self._done, self._begin = total, 0, time.monotonic()
        self._bar = _rich_bar() if sys.stderr.isatty() else None
        if before:
            self._print(f"{before} cases are measured already.")
        self._print(f"{total} cases to measure, in about {expected_seconds:.0f} s.")

    def __enter__(self) -> "Progress":
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("", total=self._total)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def start(self, what: str) -> None:
        """Say which case is being measured."""
        if self._bar is not None:
            self._bar.update(self._task, description=what)
        else:
            self._print(f"[{self._done + 1}/{self._total}] {what}")

    def finish(self, lines: list[str]) -> None:
        """Say what came out of it."""
        self._done += 1
        if self._bar is not None:
            for line in lines:
                self._bar.console.print(line, soft_wrap=True, highlight=False, markup=False)
            self._bar.advance(self._task)
            return
        left = (time.monotonic() - self._begin) / self._done * (self._total - self._done)
        self._print("\n".join(f"    {line}" for line in (*lines, f"about {left:.0f} s left")))

    def _print(self, text: str) -> None:
        print(text, flush=True)


def _rich_bar():
    """A bar with the time that is left; None without rich."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar
    except ImportError:
        return None
    columns = (MofNCompleteColumn(), BarColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    return Bar(*columns, console=Console(stderr=True))
