"""Ends a run soon after Ctrl-C or SIGTERM, also where a library's call keeps Python from noticing."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

_ENDING = (signal.SIGINT, signal.SIGTERM)
_GRACE_SECONDS = 1.5  #: for Python to notice by itself and end the run in order


@contextmanager
def prompt_interrupts(exit_code: int, message: str) -> Iterator[None]:
    """Raise KeyboardInterrupt at SIGINT and SIGTERM; where that takes too long, end the process.

    Python raises it between two of its own instructions, and a launch that fills the queue, or a library's
    search for its best algorithm, lasts for seconds. Whatever must be kept is to be on the disk by then.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)  # as set_wakeup_fd wants it

    def watch() -> None:
        # Python's handler in C writes the signal's number at once, whatever the interpreter does.
        while number := os.read(reading, 1):
            if number[0] in _ENDING:
                time.sleep(_GRACE_SECONDS)
                leave(exit_code, message)

    threading.Thread(target=watch, daemon=True).start()
    wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    handlers = {number: signal.signal(number, signal.default_int_handler) for number in _ENDING}
    try:
        yield
    except KeyboardInterrupt:
        leave(exit_code, message)
    finally:
        signal.set_wakeup_fd(wakeup)
        os.close(writing)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def leave(exit_code: int, message: str) -> NoReturn:
    """End the process without waiting for what is still queued on the device."""
    sys.stdout.flush()
    print(message, file=sys.stderr, flush=True)
    os._exit(exit_code)
