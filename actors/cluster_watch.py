"""An end, soon and with a word, for a driver whose Ray is gone.

Ray's own calls would wait for it to come back, and after a minute end the process from inside.
"""

import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import ray

LOOK_S = 1.0
"""Seconds between two knocks at an address."""

AGAIN_S = 10.0
"""Seconds after which the driver is told once more, if what it was at swallowed the error."""

_SIGNAL = signal.SIGUSR1
"""What interrupts the main thread, also while it waits inside Ray."""


class ClusterLostError(RuntimeError):
    """The Ray that a driver works on is gone, its own part of it or the head."""


def vital_addresses() -> dict[str, str]:
    """HOST:PORT of what a driver cannot do without: the head's control store, and the raylet beside it."""
    context = ray.get_runtime_context()
    (here,) = (node for node in ray.nodes() if node["NodeID"] == context.get_node_id())
    return {
        "control store": context.gcs_address,
        "raylet": f"{here['NodeManagerAddress']}:{here['NodeManagerPort']}",
    }


@contextmanager
def watched(addresses: dict[str, str], patience_s: float) -> Iterator[None]:
    """Raise in the main thread, wherever it is in the block, once nobody answers at an address for so long.

    Outside of the main thread, which alone handles signals, it does nothing.

    Raises:
        ClusterLostError: naming who does not answer.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    left, silent = threading.Event(), list[str]()

    def tell(signum: int, frame: FrameType | None) -> None:
        raise ClusterLostError(
            f"the Ray under this run is gone ({silent[0]} has not answered for {patience_s:g} s); "
            "run it again to go on"
        )

    def watch() -> None:
        heard = dict.fromkeys(addresses, time.monotonic())
        while not silent and not left.wait(LOOK_S):
            for name, address in addresses.items():
                if answers(address):
                    heard[name] = time.monotonic()
            silent.extend(_overdue(heard, addresses, patience_s))
        while silent and not left.is_set():
            signal.pthread_kill(threading.main_thread().ident or 0, _SIGNAL)
            left.wait(AGAIN_S)

    before = signal.signal(_SIGNAL, tell)
    watcher = threading.Thread(target=watch, name="cluster watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        left.set()
        watcher.join()
        signal.signal(_SIGNAL, before)


def _overdue(heard: dict[str, float], addresses: dict[str, str], patience_s: float) -> Sequence[str]:
    now = time.monotonic()
    return [f"its {name} at {addresses[name]}" for name in heard if now - heard[name] > patience_s]


def answers(address: str, timeout_s: float = 5.0) -> bool:
    """Whether somebody listens at HOST:PORT."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=timeout_s).close()
    except OSError:
        return False
    return True
