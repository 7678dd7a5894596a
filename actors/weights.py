"""Weights in buckets, as they leave the learner or a directory, and the check that they arrived.

A tensor is never split, since vLLM loads whole tensors by name: a bucket holds at most BUCKET_BYTES, or one
larger tensor alone (the embeddings of an 8B model are 1.2 GB in bfloat16).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import ray
import torch

BUCKET_BYTES = 64 * 2**20
"""The most that a bucket of several tensors holds; a single larger tensor is a bucket of its own."""

Bucket = Mapping[str, tuple[str, npt.NDArray[np.generic]]]
"""Tensors by name: (dtype as torch calls it, array). NumPy has no bfloat16: it travels as uint16."""


class StaleWeightsError(RuntimeError):
    """An engine's log-probs differ from the learner's after a publish."""


def buckets(
    weights: Iterable[tuple[str, torch.Tensor]], most_bytes: int = BUCKET_BYTES, *, keep: bool = True
) -> Iterator[Bucket]:
    """Cut `weights` into buckets. Without `keep` all are empty, and just as many: for who only takes part."""
    bucket: dict[str, tuple[str, npt.NDArray[np.generic]]] = {}
    size = 0
    for name, tensor in weights:
        if size and size + tensor.nbytes > most_bytes:
            yield bucket
            bucket, size = {}, 0
        size += tensor.nbytes
        if keep:
            bucket[name] = packed(tensor)
    if size:
        yield bucket


def packed(tensor: torch.Tensor) -> tuple[str, npt.NDArray[np.generic]]:
    """A tensor as it stands in a bucket; on the CPU it shares its memory."""
    dtype = str(tensor.dtype).removeprefix("torch.")
    plain = tensor.detach().contiguous().cpu()
    return dtype, (plain.view(torch.uint16) if dtype == "bfloat16" else plain).numpy()


def unpacked(dtype: str, array: npt.NDArray[np.generic]) -> torch.Tensor:
    """The tensor that was packed, in memory of its own."""
    tensor = torch.from_numpy(array.copy())
    return tensor.view(torch.bfloat16) if dtype == "bfloat16" else tensor


def saved_weights(directory: Path) -> Iterator[ray.ObjectRef]:
    """The weights of a Hugging Face directory, each bucket in the object store as long as it is held."""
    from safetensors import safe_open

    def tensors() -> Iterator[tuple[str, torch.Tensor]]:
        for path in sorted(directory.glob("*.safetensors")):
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118, the file is no mapping
                    yield name, file.get_tensor(name)

    yield from map(ray.put, buckets(tensors()))


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
