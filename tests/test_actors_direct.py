"""Weights from GPU to GPU, as far as no GPU is needed: the way, and who is called with what and when."""

from typing import Any

import pytest
import torch

import actors.rounds
from actors.direct import EngineClient, Meta, Route, Sender, Source, route
from actors.supervision import ActorError

A, B, C, D = (f"node:{gpu}" for gpu in range(4))


@pytest.mark.parametrize(
    ("learner", "engines", "way"),
    [
        ([A], [[A]], "ipc"),  # they share the one GPU
        ([A, B], [[B], [A]], "ipc"),
        ([A], [[B], [C, D]], "nccl"),
        ([A, B], [[C]], "nccl"),
        ([B, A], [[A], [C]], "nccl"),  # rank 0, who sends, is alone on its GPU
        ([A, B], [[A], [C]], "object_store"),  # the one cannot take part in NCCL, the other not in IPC
        ([A], [[B], [B]], "object_store"),
        ([], [[A]], "object_store"),
        ([A], [[]], "object_store"),
    ],
)
def test_the_way_follows_from_the_gpus(learner: list[str], engines: list[list[str]], way: str) -> None:
    assert route(learner, engines) == way


class FakeEngine:
    """Notes its calls; is lost at the one named `fatal`."""

    def __init__(self, name: str, log: list[Any], fatal: str = "") -> None:
        self._actor_id = name
        self._log = log
        self._fatal = fatal

    def __getattr__(self, method: str) -> Any:
        log, name, fatal = self._log, self._actor_id, self._fatal

        class Method:
            @staticmethod
            def remote(*arguments: Any) -> bool:
                log.append((name, method, *arguments))
                return method == fatal

        return Method


@pytest.fixture(autouse=True)
def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait_for(lost: bool, who: str, timeout_s: float) -> None:
        if lost:
            raise ActorError(f"{who} did not answer within {timeout_s:g} s")

    monkeypatch.setattr(actors.rounds, "wait_for", wait_for)


def test_workers_of_several_engines_have_places_of_their_own_beside_rank_0() -> None:
    log: list[Any] = []
    client = EngineClient("nccl", {"one": 2, "two": 1, "three": 4}, 60)
    client.begin({name: FakeEngine(name, log) for name in ("one", "two", "three")}, 0)
    client.init_weight_transfer_engine({"rank_offset": 1, "world_size": 8})
    assert [(name, info["rank_offset"]) for name, _, _, info in log] == [("one", 1), ("two", 3), ("three", 4)]
    assert {(method, backend) for _, method, backend, _ in log} == {("join_transfer", "nccl")}
    log.clear()
    client.init_weight_transfer_engine({"packed": True})  # IPC has no ranks
    assert [info for *_, info in log] == [{"packed": True}] * 3


class FakeTrainer:
    """Goes through the steps of vLLM's."""

    def __init__(self, client: EngineClient, source: Source, log: list[Any]) -> None:
        self.client = client
        self.source = source
        self.log = log
        client.init_weight_transfer_engine({"rank_offset": 1})

    def send_weights(self) -> None:
        self.client.start_weight_update()
        self.client.update_weights([name for name, _ in self.source])
        self.client.finish_weight_update()

    def shutdown(self) -> None:
        self.log.append("shutdown")


class FakeSender(Sender):
    """A sender without vLLM."""

    log: list[Any]

    def _join(self, backend: Route, workers: int, address: str) -> Any:
        assert self._client is not None
        self.log.append((backend, workers, address))
        return FakeTrainer(self._client, self.source, self.log)


def test_engines_meet_the_learner_once_and_a_lost_one_is_left_out_and_replaced() -> None:
    weights = [("w", torch.zeros(2, 3, dtype=torch.bfloat16)), ("v", torch.zeros(5, dtype=torch.bfloat16))]
    metas = [Meta(name=name, dtype=w.dtype, shape=tuple(w.shape)) for name, w in weights]
    log: list[Any] = []
    sender = FakeSender(0, Source(metas, lambda: iter(weights)))
    sender.log = log
    engines = {"e0": FakeEngine("a", log), "e1": FakeEngine("b", log, fatal="take_transfer")}
    workers = {"e0": 1, "e1": 1}
    size = (6 + 5) * 2
    lost = "no answer within 60 s (cluster.timeout_s)"
    assert sender.send("ipc", engines, workers, "h:1", 7, 60) == {"e0": size, "e1": lost}
    assert log == [
        ("ipc", 2, "h:1"),
        ("a", "join_transfer", "ipc", {"rank_offset": 1}),
        ("b", "join_transfer", "ipc", {"rank_offset": 2}),
        ("a", "start_transfer"),
        ("b", "start_transfer"),
        ("a", "take_transfer", ["w", "v"]),
        ("b", "take_transfer", ["w", "v"]),
        ("a", "finish_transfer", 7),
    ]
    log.clear()
    engines["e1"] = FakeEngine("c", log)
    assert sender.send("ipc", engines, workers, "h:2", 8, 60) == {"e0": size, "e1": size}
    assert log[:2] == ["shutdown", ("ipc", 2, "h:2")]
    log.clear()
    sender.send("ipc", engines, workers, "h:3", 9, 60)
    assert log[0] == ("a", "start_transfer")
    assert log[-1] == ("c", "finish_transfer", 9)
