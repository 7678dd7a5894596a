"""Interrupts that wait: nothing inside is torn apart, and none is lost."""

import os
import signal
import threading

import pytest

from records.interrupts import heed, uninterrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_has_its_say_when_the_block_has_ended(number: signal.Signals) -> None:
    done: list[str] = []

    def interrupt(signum: int, frame: object) -> None:
        raise KeyboardInterrupt(signum)

    before = signal.signal(number, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt, match=str(int(number))):
            work(done, number)
        assert done == ["first", "second"]
        assert signal.getsignal(number) is interrupt
    finally:
        signal.signal(number, before)


def work(done: list[str], number: signal.Signals) -> None:
    with uninterrupted():
        done.append("first")
        os.kill(os.getpid(), number)
        done.append("second")
    done.append("never")


def test_an_error_inside_is_told_and_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ValueError, match="mine"), uninterrupted():
        raise ValueError("mine")
    assert signal.getsignal(signal.SIGTERM) is before


def test_of_a_failure_and_a_signal_the_failure_is_told() -> None:
    def fail() -> None:
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        fail()


def test_who_mends_the_failure_heeds_the_signal_that_came_before_it() -> None:
    def fail(number: int = 0) -> None:
        with uninterrupted():
            os.kill(os.getpid(), number)
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as alone:
        fail()
    heed(alone.value)
    with pytest.raises(ValueError, match="mine") as together:
        fail(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        heed(together.value)


def test_without_a_signal_and_outside_the_main_thread_it_is_nothing() -> None:
    done: list[str] = []

    def run() -> None:
        with uninterrupted():
            done.append("here")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    with uninterrupted():
        done.append("there")
    assert done == ["here", "there"]
