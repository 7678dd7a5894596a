"""How new weights come to engines that wait for them: through Ray's object store, or from GPU to GPU."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Protocol

import ray

from actors.direct import route
from actors.learner import LearnerGroup
from actors.rounds import Engines, Round
from records.config import RolloutConfig

Sent = Mapping[str, int | str]
"""What became of each engine: the bytes it received, or how it was lost."""


class WeightTransport(Protocol):
    """Brings weights to engines in which nothing is under way."""

    def send(self, engines: Engines, version: int) -> Sent:
        """Give all of them the weights, which are `version`; who is lost meanwhile is not waited for again.

        Raises:
            ActorError: the learner died, hung or failed, or an engine raised.
        """


class BucketTransport:
    """Through Ray's object store, which within a machine is shared memory.

    All engines take a bucket before the next but one is made: two of them are the most that the store holds,
    whatever the model's size and the number of engines.
    """

    def __init__(self, buckets: Callable[[], Iterator[ray.ObjectRef]], timeout_s: float) -> None:
        self.buckets = buckets
        self.timeout_s = timeout_s

    def send(self, engines: Engines, version: int) -> Sent:
        """See WeightTransport; `timeout_s` bounds each bucket."""
        taking = Round(engines, self.timeout_s)
        received = dict.fromkeys(engines, 0)
        taking.call("begin_update")
        for bucket in self.buckets():
            for name, size in taking.call("load_bucket", bucket).items():
                received[name] += size
            del bucket  # or it would lie in the store while the next but one is made
            if not taking.engines:
                break
        taking.call("finish_update", version)
        return received | taking.lost


class SameWeights:
    """Nothing is brought: what engines hold goes by another version."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s

    def send(self, engines: Engines, version: int) -> Sent:
        """See WeightTransport."""
        taking = Round(engines, self.timeout_s)
        taking.call("begin_version", version)
        return dict.fromkeys(engines, 0) | taking.lost


class GpuTransport:
    """From GPU to GPU (actors/direct.py), or through the object store where GPUs are partly shared.

    An engine lost amid an NCCL broadcast cannot be left out of it: the learner's call does not end then, and
    after `cluster.timeout_s` the run does.
    """

    def __init__(self, learner: LearnerGroup, dtype: str) -> None:
        self.learner = learner
        self.dtype = dtype
        self.otherwise = BucketTransport(partial(learner.buckets, dtype), learner.timeout_s)

    def send(self, engines: Engines, version: int) -> Sent:
        """See WeightTransport."""
        asked = Round(engines, self.learner.timeout_s)
        places = asked.call("ready")
        way = route(self.learner.places(), places.values())
        if way == "object_store":
            return {**self.otherwise.send(asked.engines, version), **asked.lost}
        workers = {name: len(gpus) for name, gpus in places.items()}
        return {**self.learner.send(self.dtype, way, asked.engines, workers, version), **asked.lost}


def engine_dtype(rollout: RolloutConfig) -> str:
    """What engines compute in, and are sent."""
    return "bfloat16" if rollout.gpus_per_actor else "float32"


def transport_between(learner: LearnerGroup, rollout: RolloutConfig, *, overlapped: bool) -> WeightTransport:
    """From GPU to GPU where both sides have any; a snapshot (`overlapped`) is in host memory."""
    dtype = engine_dtype(rollout)
    if rollout.gpus_per_actor and learner.config.gpus_per_rank and not overlapped:
        return GpuTransport(learner, dtype)
    return BucketTransport(partial(learner.buckets, dtype), learner.timeout_s)
