"""How much memory a run takes, from the shape of its network: estimates, to within a fifth or so.

A weight on GPU: bfloat16 in the network (2 bytes), its gradient added up in float32 (4), and AdamW's float32
copy and two moments (12). ZeRO divides the last over ranks from stage 1 on, gradients from 2, the network
from 3 ("ZeRO: Memory Optimizations Toward Training Trillion Parameter Models", arXiv 1910.02054).
"""

from actors.weights import BUCKET_BYTES
from launch.shape import Shape
from lm.scoring import CHUNK_BYTES
from records.config import PERSONAS, LearnerConfig, Recipe
from records.errors import UserError

GIB = 2**30
WEIGHT, GRADIENT, OPTIMIZER = 2, 4, 12
"""Bytes a weight on GPU."""

OVERHEAD_GIB = 3.0
"""CUDA context, communication buffers and fragments of a process."""

CHECKPOINT, EXPORT = 16, 4
"""Bytes a weight on disk: of a checkpoint, and of a model in float32."""

ENGINE_SHARE = 0.9
"""What an engine takes of its share of a GPU (`actors.engine`)."""


def disk_gib(recipe: Recipe, shape: Shape) -> float:
    """Disk for a run: one checkpoint of each SFT stage, those of RL (the best by the probe and one being
    written beside those kept), the models, and 2 GiB of everything else."""
    if recipe.task == PERSONAS:  # one stage of SFT, and no best one
        checkpoints = 1 + recipe.groupwise.keep_checkpoints + 1
    else:
        checkpoints = 3 + recipe.rl.keep_checkpoints + 2
    return 2 + shape.parameters * (checkpoints * CHECKPOINT + 5 * EXPORT) / GIB


def store_gib(shape: Shape, *, on_gpu: bool, snapshot: bool) -> float:
    """Object store for weights on their way, in what engines compute in: two buckets, of which the largest
    holds the embeddings alone, and with `snapshot` all of them beside."""
    weight = 2 if on_gpu else 4
    buckets = 2 * max(BUCKET_BYTES, weight * shape.embeddings)  # an engine that is replaced takes them so
    return (buckets + (weight * shape.parameters if snapshot else 0)) / GIB


def learner_gib(shape: Shape, config: LearnerConfig, *, reference: bool) -> float:
    """GPU memory of a learner rank; with `reference`, a frozen copy of the network too."""
    stage, ranks = max(1, config.zero_stage), config.ranks
    trained = shape.parameters
    if config.lora.rank:
        # Two thin matrices beside each of the seven of a layer.
        heads = 2 * (shape.heads + shape.kv_heads) * shape.head_dim
        trained = shape.layers * config.lora.rank * (7 * shape.hidden + 3 * shape.intermediate + heads)
    weights = WEIGHT * shape.parameters / (ranks if stage == 3 else 1)
    gradients = GRADIENT * trained / (ranks if stage >= 2 else 1)
    optimizer = OPTIMIZER * trained / ranks
    # Of ZeRO-3 a layer is gathered while it works, or the embeddings.
    layer = (shape.parameters - 2 * shape.embeddings) / shape.layers
    gathered = 2 * WEIGHT * max(layer, shape.embeddings) if stage == 3 else 0
    copy = WEIGHT * shape.parameters if reference and not config.lora.rank else 0
    total = weights + gradients + optimizer + gathered + copy + _activations(shape, config)
    return total / GIB + OVERHEAD_GIB


def _activations(shape: Shape, config: LearnerConfig) -> float:
    """Bytes kept for the backward pass of a micro-batch, and of the logits of a chunk."""
    # bfloat16 of a layer and token: its input, norms and residuals; queries, keys, values and what attention
    # gives; the MLP's two branches, their product and its gradient.
    heads = shape.heads + shape.kv_heads
    layer = 2 * (8 * shape.hidden + 2 * heads * shape.head_dim + 4 * shape.intermediate)
    kept = shape.layers * 2 * shape.hidden + layer if config.gradient_checkpointing else shape.layers * layer
    return config.micro_batch_tokens * kept + 3 * CHUNK_BYTES["cuda"]


def engine_gib(shape: Shape, tensor_parallel: int, length: int) -> tuple[float, float]:
    """GPU memory of an engine's process without a KV cache, and of the cache of one sequence."""
    weights = WEIGHT * shape.parameters / tensor_parallel
    kv_heads = max(1, shape.kv_heads // tensor_parallel)
    return weights / GIB + OVERHEAD_GIB, 2 * WEIGHT * shape.layers * kv_heads * shape.head_dim * length / GIB


def check_gpu_memory(recipe: Recipe, shape: Shape, gpu_gib: float) -> str:
    """What learner ranks and engines take of a GPU, as a line.

    Raises:
        UserError: they have no room; with what would make some.
    """
    learner, rollout, told = recipe.learner, recipe.rollout, []
    if learner.gpus_per_rank:
        share = gpu_gib * min(1.0, learner.gpus_per_rank)
        personas = recipe.task == PERSONAS
        takes = learner_gib(shape, learner, reference=personas or recipe.rl.loss.kl_beta > 0)
        if takes > share:
            raise UserError(
                f"GPU memory: a learner rank takes about {takes:.0f} GiB, its GPU has {share:.0f} for it; "
                "raise learner.zero_stage or learner.ranks, set learner.gradient_checkpointing, or lower "
                "learner.micro_batch_tokens"
            )
        told.append(f"a learner rank takes about {takes:.0f} of {share:.0f} GiB")
    if rollout.gpus_per_actor:
        share = ENGINE_SHARE * gpu_gib * min(1.0, rollout.gpus_per_actor)
        takes, sequence = engine_gib(shape, rollout.tensor_parallel, recipe.model.max_length)
        if takes + sequence > share:
            raise UserError(
                f"GPU memory: an engine takes about {takes:.0f} GiB and {sequence:.1f} for the cache of one "
                f"sequence of model.max_length {recipe.model.max_length}, it has {share:.0f}; raise "
                "rollout.tensor_parallel, or lower model.max_length"
            )
        many = int((share - takes) / sequence)
        told.append(
            f"an engine takes {takes:.0f} of {share:.0f}, the rest caches {many} sequences of "
            f"{recipe.model.max_length} tokens"
        )
    return "GPU memory: " + ("; ".join(told) or "not used")
