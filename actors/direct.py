"""Weights from the learner's GPUs to the engines', by vLLM's own engines (vllm/distributed/weight_transfer).

Rollout engines that share a GPU with a learner rank read its buffer there (CUDA IPC); others get weights from
rank 0 over NCCL. Rank 0 tells them what to do, as vLLM has it: start, update, finish. Here is what is ours:
which of the two, the weights as vLLM's trainer asks for them, and the engines as it calls them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from actors.rounds import Engines, Round
from actors.weights import BUCKET_BYTES

Route = Literal["ipc", "nccl", "object_store"]

NCCL_BUFFERS = 2
"""Buckets on their way at once."""


def route(learner: Sequence[str], engines: Iterable[Sequence[str]]) -> Route:
    """How weights go, by the GPUs (`gpu_places`) of each learner rank, rank 0 first, and of each engine.

    NCCL takes a GPU once only, so what is neither all shared nor all apart goes through the object store.
    """
    each = [list(places) for places in engines]
    places = [place for one in each for place in one]
    if not learner or not all(each):
        return "object_store"
    if set(places) <= set(learner):
        return "ipc"
    apart = len(set(places)) == len(places) and learner[0] not in places
    return "nccl" if apart else "object_store"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """A weight before it is sent: name, dtype as sent, whole shape (vLLM's ParamMeta)."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes when sent."""
        return self.dtype.itemsize * int(torch.Size(self.shape).numel())


class Source:
    """The learner's weights as vLLM's trainer engines read them (its WeightSource, without the import).

    Every rank reads it in the same order: ZeRO-3 gathers each weight over all of them.
    """

    def __init__(
        self, metas: Sequence[Meta], weights: Callable[[], Iterator[tuple[str, torch.Tensor]]]
    ) -> None:
        self.metas = list(metas)
        self.weights = weights

    def metadata(self) -> list[Meta]:
        """What iteration yields, in that order."""
        return self.metas

    def __iter__(self) -> Iterator[tuple[str, torch.Tensor]]:
        return self.weights()


class EngineClient:
    """Our engines as vLLM's trainer calls them (its VLLMWeightSyncClient), each call bounded.

    `workers` is the number of GPUs of each engine. Who is lost takes no further part; `lost` tells how.
    """

    def __init__(self, backend: Route, workers: Mapping[str, int], timeout_s: float) -> None:
        self.backend = backend
        self.workers = workers
        self.timeout_s = timeout_s
        self.begin({}, 0)

    def begin(self, engines: Engines, version: int) -> None:
        """Whom the next calls are for, and the version they bring."""
        self.round = Round(engines, self.timeout_s)
        self.version = version

    @property
    def lost(self) -> dict[str, str]:
        """How engines were lost, by name."""
        return self.round.lost

    def init_weight_transfer_engine(self, init_info: Mapping[str, Any]) -> None:
        """Have engines meet rank 0: in an NCCL group one engine's workers come after those of another."""
        offset = init_info.get("rank_offset")
        arguments = {}
        for name in self.round.engines:
            own = dict(init_info) if offset is None else {**init_info, "rank_offset": offset}
            arguments[name] = (self.backend, own)
            offset = None if offset is None else offset + self.workers[name]
        self.round.call_each("join_transfer", arguments)

    def start_weight_update(self) -> None:
        """Before the first weight."""
        self.round.call("start_transfer")

    def update_weights(self, update_info: Any) -> None:
        """Some of the weights, or where to find them."""
        self.round.call("take_transfer", update_info)

    def finish_weight_update(self, weight_version: str | None = None) -> None:
        """After the last; from now on engines compute with them."""
        self.round.call("finish_transfer", self.version)


class Sender:
    """A learner rank's end: vLLM's trainer engine for one set of engines, made anew when the set changes."""

    def __init__(self, rank: int, source: Source) -> None:
        self.rank = rank
        self.source = source
        self._client: EngineClient | None = None
        self._trainer: Any = None
        self._joined: tuple[Any, ...] = ()

    def send(
        self,
        backend: Route,
        engines: Engines,
        workers: Mapping[str, int],
        address: str,
        version: int,
        timeout_s: float,
    ) -> dict[str, int | str]:
        """Give `engines` all weights; every rank calls it. `address` (rank 0's HOST:PORT) is free to meet at.

        Returns the bytes each received, or how it was lost.
        """
        joined = (backend, *(engine._actor_id for engine in engines.values()))
        if self._client is None or joined != self._joined:
            if self._trainer is not None:
                self._trainer.shutdown()
            self._client = EngineClient(backend, workers, timeout_s)
            self._client.begin(engines, version)
            self._trainer = self._join(backend, sum(workers.values()), address)
            self._joined = joined
        else:
            self._client.begin(engines, version)
        self._trainer.send_weights()
        size = sum(meta.nbytes for meta in self.source.metas)
        return {name: self._client.lost.get(name, size) for name in engines}

    def _join(self, backend: Route, workers: int, address: str) -> Any:
        from vllm.distributed.weight_transfer import WeightTransferTrainerFactory

        return WeightTransferTrainerFactory.trainer_init(
            trainer_info(backend, self.rank, workers, address, self.source.metas),
            client=self._client,
            source=self.source,
        )


def trainer_info(backend: Route, rank: int, workers: int, address: str, metas: Sequence[Meta]) -> Any:
    """What vLLM's trainer is made from: buffers of a bucket, for IPC as large as the largest weight."""
    if backend == "ipc":
        from vllm.distributed.weight_transfer.ipc_engine import IPCTrainerInitInfo

        largest = max(meta.nbytes for meta in metas)
        return IPCTrainerInitInfo(rank=rank, packed=True, packed_buffer_size_bytes=max(BUCKET_BYTES, largest))
    from vllm.distributed.weight_transfer.nccl_engine import NCCLTrainerInitInfo

    host, port = address.rsplit(":", 1)
    return NCCLTrainerInitInfo(
        rank=rank,
        master_address=host,
        master_port=int(port),
        world_size=1 + workers,
        packed=True,
        packed_buffer_size_bytes=BUCKET_BYTES,
        packed_num_buffers=NCCL_BUFFERS,
    )
