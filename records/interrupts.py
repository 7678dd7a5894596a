"""Interrupts that wait until what must not be torn apart is done."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_HELD_BACK = "signal_held_back"
"""Attribute of a failure: the number of the signal that came in the block which it ended."""


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back SIGINT, SIGTERM and SIGHUP until the block ends; then the first that came has its say.

    Where the block fails, its failure stands instead; who mends that and goes on has to `heed` the signal.

    For work with a bound of its own. Outside of the main thread, which alone handles signals, it does
    nothing.

    Example:
        with uninterrupted():
            parameters, step = update(parameters), step + 1
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(signum: int, frame: FrameType | None) -> None:
        came.append(signum)

    before = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        try:
            yield
        finally:
            for number, handler in before.items():
                # None: it was not set from Python, and cannot be set back from here.
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
    except BaseException as failure:
        if came:
            setattr(failure, _HELD_BACK, came[0])
        raise  # it is what there is to tell, and more was not done
    if came:
        signal.raise_signal(came[0])


def heed(failure: BaseException) -> None:
    """Let the signal have its say that was held back in the block which `failure` ended, if there was one."""
    if number := getattr(failure, _HELD_BACK, None):
        signal.raise_signal(number)
