"""An end, soon and with a word, for a driver whose Ray is gone.

Ray's own calls would wait for it to come back, and after a minute end the process from inside.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import ray

LOOK_S = 1.0
"""Seconds between two knocks at an address."""

AGAIN_S, TOLD = 5.0, 2
"""How long, seconds, and how often a driver is given to leave: the error may be swallowed where it comes."""

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

    Some calls of Ray, such as the start of an actor, cannot be interrupted: where the block is not left then,
    the process ends with the same line on standard error. Outside of the main thread, which alone handles
    signals, nothing is watched.

    Raises:
        ClusterLostError: naming who does not answer.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    left, found = threading.Event(), list[str]()

    def tell(signum: int, frame: FrameType | None) -> None:
        raise ClusterLostError(found[0])

    def watch() -> None:
        heard = dict.fromkeys(addresses, time.monotonic())
        while not found:
            if left.wait(LOOK_S):
                return
            heard |= {name: time.monotonic() for name, address in addresses.items() if answers(address)}
            found.extend(
                f"the Ray under this run is gone (its {name} at {addresses[name]} has not answered for "
                f"{patience_s:g} s); run it again to go on"
                for name, at in heard.items()
                if time.monotonic() - at > patience_s
            )
        for _ in range(TOLD):
            signal.pthread_kill(threading.main_thread().ident or 0, _SIGNAL)
            if left.wait(AGAIN_S):
                return
        print(f"usergpt: {ClusterLostError.__name__}: {found[0]}", file=sys.stderr, flush=True)
        os._exit(1)

    before = signal.signal(_SIGNAL, tell)
    watcher = threading.Thread(target=watch, name="cluster watch", daemon=True)
    watcher.start()
    try:
        yield
    except Exception as error:
        if not found or isinstance(error, ClusterLostError):
            raise
        # Raised inside of Ray's compiled code it may come out as an error of Python's own.
        raise ClusterLostError(found[0]) from error
    finally:
        left.set()
        watcher.join()
        signal.signal(_SIGNAL, before)


def answers(address: str, timeout_s: float = 5.0) -> bool:
    """Whether somebody listens at HOST:PORT."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=timeout_s).close()
    except OSError:
        return False
    return True
