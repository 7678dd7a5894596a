"""Interrupts that wait until what must not be torn apart is done."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back SIGINT, SIGTERM and SIGHUP until the block ends; then the first that came has its say.

    Where the block fails, its failure stands instead.

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
        yield
    except BaseException:
        came.clear()  # the failure is what there is to tell, and more was not done
        raise
    finally:
        for number, handler in before.items():
            # None: it was not set from Python, and cannot be set back from here.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if came:
            signal.raise_signal(came[0])
