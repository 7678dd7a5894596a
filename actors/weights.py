"""Weights from the learner to the engines, in buckets, and the check that they arrived."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import ray
import torch
from safetensors.numpy import load_file

BUCKET_BYTES = 64 * 2**20
"""A bucket is closed once it holds this much; a single larger tensor is a bucket of its own."""

Bucket = Mapping[str, npt.NDArray[np.float32]]


class StaleWeightsError(RuntimeError):
    """An engine's log-probs differ from the learner's after a publish."""


def buckets(weights: Iterator[tuple[str, npt.NDArray[np.float32]]]) -> Iterator[ray.ObjectRef]:
    """Put `weights` into the object store, a bucket at a time."""
    bucket: dict[str, npt.NDArray[np.float32]] = {}
    size = 0
    for name, array in weights:
        bucket[name] = array
        size += array.nbytes
        if size >= BUCKET_BYTES:
            yield ray.put(bucket)
            bucket, size = {}, 0
    if bucket:
        yield ray.put(bucket)


def saved_weights(directory: Path) -> list[ray.ObjectRef]:
    """The float32 weights of a Hugging Face directory, in buckets, as a learner would publish them."""

    def arrays() -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
        for file in sorted(directory.glob("*.safetensors")):
            yield from load_file(file).items()

    return list(buckets(arrays()))


class WeightReceiver:
    """Mixed into vLLM's worker (`worker_extension_cls`): replaces the model's weights in place."""

    model_runner: Any

    def receive_weights(self, buckets: Sequence[ray.ObjectRef]) -> int:
        """Load all weights, holding one bucket at a time; returns how many bytes came."""
        received = 0

        def tensors() -> Iterator[tuple[str, torch.Tensor]]:
            nonlocal received
            for ref in buckets:
                bucket: Bucket = ray.get(ref)
                for name, array in bucket.items():
                    received += array.nbytes
                    yield name, torch.from_numpy(array.copy())

        self.model_runner.reload_weights(weights_iterator=tensors())
        return received


def check_parity(
    learner: Sequence[npt.NDArray[np.float64]],
    engine: Sequence[npt.NDArray[np.float64]],
    tolerance: float,
    who: str,
) -> tuple[float, float]:
    """Compare token log-probs of the same sequences under the learner and one engine.

    Returns the largest absolute difference and the mean k3 estimate of KL(engine ‖ learner), nats.

    Raises:
        StaleWeightsError: the difference is above `tolerance` or not a number.
    """
    ours, theirs = np.concatenate(learner), np.concatenate(engine)
    difference = ours - theirs
    worst = float(np.max(np.abs(difference)))
    if not worst <= tolerance:
        raise StaleWeightsError(
            f"after the weight update {who} is {worst:.3g} nats away from the learner "
            f"(rl.sync_tolerance is {tolerance:g}): its weights are stale or partly loaded"
        )
    return worst, float(np.mean(np.exp(difference) - 1 - difference))
