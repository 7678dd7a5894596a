"""An actor that is out of reach: whether it died is known later."""

from typing import Any

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError

from actors.supervision import ActorError, await_verdict


class _Asked:
    """An actor that counts how often it is asked whether it is there."""

    def __init__(self) -> None:
        self.times = 0
        self.__ray_ready__ = self

    def remote(self) -> None:
        self.times += 1


def _lost(cause: BaseException) -> ActorError:
    error = ActorError("rollout engine 0 died")
    error.__cause__ = cause
    return error


def _unavailable() -> ActorUnavailableError:
    return ActorUnavailableError("connection refused", None)


@pytest.mark.parametrize(
    ("cause", "answers", "asked"),
    [
        (ActorDiedError(), [], 0),
        (_unavailable(), [ActorDiedError()], 1),
        (_unavailable(), [_unavailable(), _unavailable(), ActorDiedError()], 3),
        (_unavailable(), [_unavailable(), True], 2),
    ],
    ids=["known", "then known", "known later", "there after all"],
)
def test_it_is_asked_until_ray_knows(
    cause: BaseException, answers: list[Any], asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = list(answers)

    def get(ref: Any, timeout: float) -> Any:
        answer = left.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr("ray.get", get)
    monkeypatch.setattr("actors.supervision._LOOK_S", 0.0)
    actor = _Asked()
    await_verdict(_lost(cause), actor)
    assert actor.times == asked
    assert left == []


def test_it_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    def get(ref: Any, timeout: float) -> Any:
        raise _unavailable()

    monkeypatch.setattr("ray.get", get)
    monkeypatch.setattr("actors.supervision._LOOK_S", 0.0)
    monkeypatch.setattr("actors.supervision.NODE_DEATH_S", 0.05)
    actor = _Asked()
    await_verdict(_lost(_unavailable()), actor)
    assert actor.times > 0
