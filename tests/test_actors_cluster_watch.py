"""A driver whose cluster is gone is told, wherever it is; nothing else is."""

import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

import actors.cluster_watch
from actors.cluster_watch import ClusterLostError, answers, watched


def address_of(server: socket.socket) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


def wait_inside() -> None:
    """What a driver does that waits for an actor, with an end."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        time.sleep(0.01)


def wait_inside_compiled_code() -> None:
    """The same where the interpreter then finds an exception that nobody returned."""
    try:
        wait_inside()
    except ClusterLostError:
        raise SystemError("returned a result with an exception set") from None


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actors.cluster_watch, "LOOK_S", 0.02)
    monkeypatch.setattr(actors.cluster_watch, "AGAIN_S", 0.1)


def test_who_listens_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = address_of(server)
        assert answers(address)
    assert not answers(address)


def test_a_cluster_that_goes_away_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as store, socket.create_server(("127.0.0.1", 0)) as raylet:
        addresses = {"control store": address_of(store), "raylet": address_of(raylet)}
        closing = threading.Timer(0.2, raylet.close)
        closing.start()
        before = signal.getsignal(signal.SIGUSR1)
        with (
            pytest.raises(ClusterLostError, match=rf"gone \(its raylet at {addresses['raylet']} has not"),
            watched(addresses, 0.3),
        ):
            wait_inside()
        closing.join()
        assert signal.getsignal(signal.SIGUSR1) == before


def test_an_error_that_was_swallowed_comes_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = address_of(server)
    told = 0
    with watched({"control store": address}, 0.05):
        for _ in range(2):
            try:
                wait_inside()
            except ClusterLostError:
                told += 1
    assert told == 2


def test_an_error_that_was_turned_into_another_is_told_as_what_it_was() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = address_of(server)
    with (
        pytest.raises(ClusterLostError, match="its control store at") as caught,
        watched({"control store": address}, 0.05),
    ):
        wait_inside_compiled_code()
    assert isinstance(caught.value.__cause__, SystemError)


def test_an_error_of_a_block_whose_cluster_is_there_stays_what_it_is() -> None:
    with (
        socket.create_server(("127.0.0.1", 0), backlog=100) as server,
        pytest.raises(ValueError, match="^mine$"),
        watched({"control store": address_of(server)}, 0.2),
    ):
        raise ValueError("mine")


def test_a_driver_that_cannot_be_interrupted_is_ended() -> None:
    """As in a call of Ray that waits for a cluster that is not there."""
    script = (
        "import signal, time, actors.cluster_watch as watch\n"
        "watch.LOOK_S, watch.AGAIN_S = 0.02, 0.05\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})\n"
        "with watch.watched({'control store': '127.0.0.1:1'}, 0.05):\n"
        "    time.sleep(60)\n"
        "print('left')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("usergpt: ClusterLostError: the Ray under this run is gone (its control store at ")


def test_a_cluster_that_answers_disturbs_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        with watched({"control store": address_of(server)}, 0.2):
            time.sleep(0.6)
        assert not any(thread.name == "cluster watch" for thread in threading.enumerate())


def test_outside_of_the_main_thread_nothing_is_watched() -> None:
    reached = threading.Event()

    def work() -> None:
        with watched({"control store": "127.0.0.1:1"}, 0.0):
            reached.set()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert reached.is_set()
