"""What may end a fit before its time: the clock and the keyboard."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from deepglm.solvers.status import Status


class Watch:
    """Asked between steps whether to stop.

    Parameters
    ----------
    seconds
        How long the fit may take; None for no limit. Nothing else in a fit depends on a clock.

    Attributes
    ----------
    reason
        Why the fit was stopped, once it was.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds
        self.reason: Status | None = None

    def __call__(self) -> bool:
        """Whether to stop now."""
        if self.reason is None and self._end is not None and time.monotonic() > self._end:
            self.reason = Status.OUT_OF_TIME
        return self.reason is not None

    def interrupt(self) -> None:
        """Stop at the next step."""
        self.reason = Status.INTERRUPTED


@contextmanager
def watching(seconds: float | None) -> Iterator[Watch]:
    """Watch clock and keyboard for the length of a fit.

    The first Ctrl-C stops the fit at its next step, which returns what it has; the second one
    raises ``KeyboardInterrupt`` at once. Where the keyboard is someone else's (another thread, a
    handler of the user's) it is left alone.
    """
    watch = Watch(seconds)
    ours = threading.current_thread() is threading.main_thread() and (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )

    def pressed(number: int, frame: FrameType | None) -> None:
        if watch.reason is Status.INTERRUPTED:
            raise KeyboardInterrupt
        watch.interrupt()

    if not ours:
        yield watch
        return
    signal.signal(signal.SIGINT, pressed)
    try:
        yield watch
    finally:
        if signal.getsignal(signal.SIGINT) is pressed:  # else someone has put his own there
            signal.signal(signal.SIGINT, signal.default_int_handler)
