"""One rank of the DeepSpeed learner; `actors.learner` drives all of them as one."""

import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import ray
import torch

from actors.cluster import interface_of
from actors.direct import Meta, Sender, Source
from actors.lora import add_adapters, merged_parameters, without_adapters
from actors.places import gpu_places
from actors.threads import PATIENT
from actors.weights import Bucket, buckets
from actors.work import worked
from lm.objective import Metrics, Objective, TokenBatch, UpdateReport
from lm.packing import Tree, first_fit, pack
from lm.scorer import TokenScorer, load_network, recompute_activations, run_scorer
from lm.scoring import Ask, TokenScores
from records.config import LearnerConfig

MUON_LR_SCALE, EMBEDDING_LR_SCALE = 7.0, 100.0
"""Learning rates over the output layer's when a new network is trained with Muon: of hidden matrices, whose
updates are orthogonal, and of embeddings, which have unit scale and whose rows are touched rarely."""


CPU_ENVIRONMENT = {
    **PATIENT,
    # DeepSpeed's Muon would compile its small kernels, with a C++ compiler on CPU.
    "TORCHDYNAMO_DISABLE": "1",
    # Logits are large and come and go: memory given back to the system each time costs a fifth of the time.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
}


def _parameter_groups(module: TokenScorer, optimizer: str) -> list[Any]:
    if optimizer != "muon":
        return [parameter for parameter in module.parameters() if parameter.requires_grad]
    embeddings = list(module.network.get_input_embeddings().parameters())
    others = [p for p in module.parameters() if all(p is not e for e in embeddings)]
    return [{"params": embeddings, "name": "embeddings"}, {"params": others, "name": "network"}]


def _lr_scale(group: dict[str, Any]) -> float:
    if group.get("use_muon"):
        return MUON_LR_SCALE
    return EMBEDDING_LR_SCALE if str(group.get("name")).startswith("embeddings") else 1.0


class LearnerRank:
    """One rank; runs inside its actor's process. Nothing stands before `start`; what comes after is answered
    as `Worked`."""

    def __init__(self, model_dir: Path, config: LearnerConfig, rank: int) -> None:
        self.model_dir = model_dir
        self.config = config
        self.rank = rank
        self._reference: TokenScorer | None = None
        self._buckets: Iterator[Bucket] = iter(())
        self._sender: Sender | None = None

    def address(self) -> str:
        """HOST:PORT on this rank's machine that is free for the others to meet at."""
        host = ray.util.get_node_ip_address()
        with socket.socket() as probe:
            probe.bind((host, 0))
            return f"{host}:{probe.getsockname()[1]}"

    def start(self, optimizer: str, store: str, timeout_s: float) -> None:
        """Join the other ranks at `store` (a file, or across machines rank 0's address); load the model."""
        config, rank = self.config, self.rank
        os.environ.update(
            RANK=str(rank), LOCAL_RANK="0", WORLD_SIZE=str(config.ranks), LOCAL_SIZE=str(config.ranks)
        )
        on_cpu = config.gpus_per_rank == 0
        if on_cpu:
            torch.set_num_threads(config.threads)
        self._join(rank, config.ranks, store, timeout_s, "gloo" if on_cpu else "nccl")
        import deepspeed

        # DeepSpeed would compile a shared-memory collective (30 s and a compiler); gloo does for CPU ranks.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
        self.device = torch.device("cpu" if on_cpu else "cuda")
        self.dtype = torch.float32 if on_cpu else torch.bfloat16
        # Without ZeRO, DeepSpeed adds up bfloat16 gradients in bfloat16 and clips them otherwise.
        self.zero_stage = config.zero_stage if on_cpu else max(1, config.zero_stage)
        module = load_network(self.model_dir, self.dtype)
        if config.lora.rank:
            add_adapters(module.network, config.lora)
        if config.gradient_checkpointing:
            recompute_activations(module)
        self.engine, *_ = deepspeed.initialize(
            model=module,
            model_parameters=_parameter_groups(module, optimizer),
            config={
                "train_micro_batch_size_per_gpu": 1,
                "gradient_accumulation_steps": 1,
                "gradient_clipping": config.max_grad_norm,
                "zero_optimization": {"stage": self.zero_stage},
                "zero_allow_untested_optimizer": True,
                "bf16": {"enabled": not on_cpu},
                "data_types": {"grad_accum_dtype": "fp32"},
                "optimizer": {
                    "type": {"adamw": "AdamW", "muon": "Muon"}[optimizer],
                    "params": {"lr": 0.0, "weight_decay": config.weight_decay, "torch_adam": True},
                },
            },
        )

    def _join(self, rank: int, world: int, store: str, timeout_s: float, backend: str) -> None:
        """Join the process group: through a file on one machine (nothing listens), else over TCP."""
        timeout = timedelta(seconds=timeout_s)
        distributed: Any = torch.distributed
        if store.startswith("file:"):
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
            rendezvous = distributed.FileStore(store.removeprefix("file:"), world)
        else:
            host, port = store.rsplit(":", 1)
            # The interface that the cluster talks over. Left alone, gloo takes the one that the machine's
            # name resolves to, which may be loopback, and NCCL the first that it finds. What `ray start`
            # was given stays.
            if interface := interface_of(ray.util.get_node_ip_address()):
                for library in ("GLOO", "NCCL"):
                    os.environ.setdefault(f"{library}_SOCKET_IFNAME", interface)
            rendezvous = distributed.TCPStore(host, int(port), world, rank == 0, timeout=timeout)
        os.environ.setdefault("DS_ACCELERATOR", "cpu" if backend == "gloo" else "cuda")
        distributed.init_process_group(
            backend, store=rendezvous, rank=rank, world_size=world, timeout=timeout
        )

    def _policy(self, batch: TokenBatch, ask: Ask) -> TokenScores:
        return run_scorer(self.engine, batch, ask, self.device)

    def _reference_policy(self, batch: TokenBatch, ask: Ask) -> TokenScores:
        if self.config.lora.rank:  # the network without adapters is the one that training began with
            with without_adapters(self.engine.module.network):
                return run_scorer(self.engine, batch, ask, self.device)
        if self._reference is None:
            reference = load_network(self.model_dir, self.dtype)
            self._reference = reference.to(self.device).eval().requires_grad_(False)
        return run_scorer(self._reference, batch, ask, self.device)

    @worked
    def update(
        self, minibatches: list[list[Any]], normalisers: list[float], objective: Objective, lr: float
    ) -> UpdateReport:
        """One optimiser step a mini-batch (a list of micro-batches, equally many on every rank).

        The loss is `sum × world / normaliser`: DeepSpeed averages gradients over ranks, and the
        normaliser counts the whole batch, so the split over ranks and micro-batches does not show.
        """
        prepared = self._prepare(minibatches, objective)
        for group in self.engine.optimizer.param_groups:
            group["lr"] = lr * _lr_scale(group)
        totals: Metrics = {}
        grad_norm = 0.0
        for minibatch, ready, normaliser in zip(minibatches, prepared, normalisers, strict=True):
            scale = self.config.ranks / normaliser
            for index, (micro, precomputed) in enumerate(zip(minibatch, ready, strict=True)):
                self.engine.set_gradient_accumulation_boundary(index == len(minibatch) - 1)
                loss, metrics = objective.loss(self._policy, micro, precomputed)
                self.engine.backward(loss * scale, scale_wrt_gas=False)
                for name, value in {"loss": float(loss.detach()), **metrics}.items():
                    totals[name] = totals.get(name, 0.0) + value / sum(normalisers)
            grad_norm = max(grad_norm, self._step())
        return UpdateReport(
            optimizer_steps=len(minibatches), grad_norm=grad_norm, metrics=self._sum_over_ranks(totals)
        )

    def _prepare(self, minibatches: list[list[Any]], objective: Objective) -> list[list[Any]]:
        """What the losses need of the policy before it moves, and of the reference."""
        policy = self._policy if len(minibatches) > 1 else None
        reference = self._reference_policy if objective.needs_reference else None
        with torch.no_grad():
            return [
                [objective.prepare(policy, reference, micro) for micro in minibatch]
                for minibatch in minibatches
            ]

    def _step(self) -> float:
        """Apply the accumulated gradients; returns their norm before clipping."""
        norm = None
        if self.zero_stage == 0:
            gradients = [p.grad for p in self.engine.parameters() if p.grad is not None]
            norm = float(torch.nn.utils.get_total_norm(gradients))
        self.engine.step()
        return float(self.engine.get_global_grad_norm()) if norm is None else norm

    def _sum_over_ranks(self, totals: Metrics) -> Metrics:
        if self.config.ranks == 1:
            return totals
        names = sorted(totals)
        values = torch.tensor([totals[name] for name in names], dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(values)
        return dict(zip(names, values.tolist(), strict=True))

    @worked
    def logprobs(self, sequences: Sequence[tuple[int, ...]]) -> list[npt.NDArray[np.float64]]:
        """Untempered log-probs of tokens 1… of each sequence given those before."""
        results: list[npt.NDArray[np.float64]] = [np.empty(0)] * len(sequences)
        for indices in first_fit([len(s) for s in sequences], self.config.micro_batch_tokens):
            ids_T, segments, places = pack([Tree(prompt_ids=sequences[i]) for i in indices])
            spans = [
                place.start + np.arange(len(sequences[i]) - 1)
                for i, place in zip(indices, places, strict=True)
            ]
            positions_N = np.concatenate(spans)
            targets_N = ids_T[positions_N + 1]
            batch = TokenBatch(
                input_ids_T=ids_T, segments=segments, positions_N=positions_N, targets_N=targets_N
            )
            with torch.no_grad():
                picked_N = self._policy(batch, Ask()).logprobs_N
            cuts = np.cumsum([len(span) for span in spans])[:-1]
            for i, values in zip(indices, np.split(picked_N.double().cpu().numpy(), cuts), strict=True):
                results[i] = values
        return results

    def next_bucket(self, first: bool, dtype: str, most_bytes: int) -> tuple[bool, Bucket]:
        """The next bucket of the weights, from the beginning if it is the `first`; False once there is none.

        Ranks other than 0 take part, which gathers what ZeRO-3 has parted, and return empty ones.
        """
        if first:
            self._buckets = buckets(self.weights(getattr(torch, dtype)), most_bytes, keep=self.rank == 0)
        bucket = next(self._buckets, None)
        return bucket is not None, bucket or {}

    def weights(self, dtype: torch.dtype) -> Iterator[tuple[str, torch.Tensor]]:
        """Yield (name, tensor) of every weight, adapters merged; under ZeRO-3 each is gathered on its own."""
        import deepspeed

        parted = self.zero_stage == 3
        for name, parameters, whole in merged_parameters(self.engine.module.network):
            with deepspeed.zero.GatheredParameters(parameters, enabled=parted):
                tensor = whole().to(dtype, copy=parted)  # what was gathered goes when the block ends
            yield name, tensor

    @worked
    def places(self) -> list[str]:
        """The GPUs of this rank, as NODE:NUMBER."""
        return gpu_places()

    @worked
    def send(self, dtype: str, *to: Any) -> dict[str, int | str]:
        """Give engines all weights, from GPU to GPU (see Sender.send); every rank takes part."""
        if self._sender is None:
            kind = getattr(torch, dtype)
            metas = [
                Meta(name=name, dtype=kind, shape=tuple(getattr(parts[0], "ds_shape", parts[0].shape)))
                for name, parts, _ in merged_parameters(self.engine.module.network)
            ]
            self._sender = Sender(self.rank, Source(metas, partial(self.weights, kind)))
        return self._sender.send(*to)

    @worked
    def export(self, directory: Path) -> None:
        """Write the weights in Hugging Face format (config, safetensors, tokenizer), whole."""
        weights = {}
        for name, tensor in self.weights(torch.float32):
            if self.rank == 0:
                weights[name] = tensor.cpu()
        if self.rank == 0:
            aside = directory.with_name(f".{directory.name}.part")
            shutil.rmtree(aside, ignore_errors=True)
            self.engine.module.network.save_pretrained(aside, state_dict=weights)
            for file in self.model_dir.iterdir():
                if not (aside / file.name).exists() and not file.name.startswith("model"):
                    shutil.copy2(file, aside / file.name)
            shutil.rmtree(directory, ignore_errors=True)
            aside.rename(directory)

    @worked
    def save(self, directory: Path) -> None:
        """Write this rank's part of a checkpoint (parameters and optimiser) into `directory`."""
        self.engine.save_checkpoint(
            str(directory),
            tag="deepspeed",
            save_latest=False,
            exclude_frozen_parameters=self.config.lora.rank
            > 0,  # they are those of the directory at the start
        )

    @worked
    def load(self, directory: Path) -> None:
        """Continue from a checkpoint written by `save`; nothing but tensors and plain values is unpickled.

        Raises:
            RuntimeError: the checkpoint is incomplete.
        """
        from deepspeed.runtime.fp16.loss_scaler import LossScaler
        from deepspeed.runtime.zero.config import ZeroStageEnum
        from deepspeed.utils.tensor_fragment import fragment_address

        def load_tensors(path: str, map_location: Any = None) -> Any:
            with torch.serialization.safe_globals([LossScaler, ZeroStageEnum, fragment_address]):
                return torch.load(path, map_location=map_location, weights_only=True)

        # DeepSpeed fails without a word where there is nothing, and where this rank's shard of the optimiser
        # is missing it would go on with fresh moments and say nothing.
        folder = directory / "deepspeed"
        shard = f"*zero_pp_rank_{self.rank}_*_optim_states.pt"
        whole = any(folder.glob("*_model_states.pt")) and (self.zero_stage == 0 or any(folder.glob(shard)))
        if whole:
            self.engine.checkpoint_engine.load = load_tensors
            strict = self.config.lora.rank == 0
            read = self.engine.load_checkpoint(str(directory), tag="deepspeed", load_module_strict=strict)
            whole = read[0] is not None
        if not whole:
            raise RuntimeError(
                f"{directory}: the learner's checkpoint is incomplete; remove it to go on from before"
            )
