"""One vLLM engine: generation, log-probs of given text, weight updates. `actors.rollout` drives several."""

import gc
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import ray

from actors.places import gpu_places
from actors.threads import PATIENT
from actors.weights import Bucket
from actors.work import worked
from lm.tokenizer import ChatTokenizer
from records.config import RolloutConfig
from records.errors import UserError
from records.prompt import Request, Rollout, Sampling

GRACE_S = 2.0
"""How long after a failure it may take to be seen that a process has died, seconds."""


class RolloutEngine:
    """One vLLM engine; runs inside its actor's process. What it is asked is answered as `Worked`.

    Args:
        model_dir: Hugging Face directory of the first weights and the tokenizer.
        config: engine size.
        max_length: longest prompt + response, tokens.
    """

    def __init__(self, model_dir: Path, config: RolloutConfig, max_length: int) -> None:
        gc.disable()  # until `gc.freeze`: loading vLLM makes a million objects that stay
        from vllm import LLM

        gc.freeze()  # a start collects five times, and would look at them all each time: half of its time
        gc.enable()
        self.tokenizer = ChatTokenizer.load(model_dir)
        self.version = 0
        self.tensor_parallel = config.tensor_parallel
        self.on_cpu = on_cpu = config.gpus_per_actor == 0
        self.engine = LLM(
            model=str(model_dir),
            skip_tokenizer_init=True,
            dtype="float32" if on_cpu else "bfloat16",
            enforce_eager=on_cpu,
            enable_prefix_caching=True,
            # A chunked prompt rewinds its seeded generator, which CPU generators cannot do.
            enable_chunked_prefill=not on_cpu,
            max_model_len=max_length,
            max_num_seqs=config.max_sequences,
            # An engine that shares its GPU keeps to its share of the memory.
            gpu_memory_utilization=0.9 * min(1.0, config.gpus_per_actor or 1.0),
            max_num_batched_tokens=max(4096, max_length),
            logprobs_mode="processed_logprobs",
            worker_extension_cls="actors.receiver.WeightReceiver",
            logits_processors=["actors.nucleus:NucleusProcessor"] if on_cpu else None,
            tensor_parallel_size=config.tensor_parallel,
            # The actor's bundle lies on one node and holds all GPUs of the engine, so processes that the
            # actor starts are enough (`mp`), and they end with it. With `ray` each would be an actor that
            # wants a bundle of its own, and vLLM on CPU knows none.
            distributed_executor_backend="uni" if config.tensor_parallel == 1 else "mp",
            disable_log_stats=True,
        )
        self._core = self.engine.llm_engine
        self._executor: Any = self._core.engine_core.engine_core.model_executor
        self._executor.register_failure_callback(lambda: os._exit(1))
        self._under_way: dict[str, tuple[Request, float]] = {}

    @worked
    def advance(
        self, jobs: Sequence[tuple[int, Request, Sampling]], at_least: int
    ) -> list[tuple[int, list[Rollout]]]:
        """Take on `jobs` (each with a key), and work until `at_least` of all that are under way are done.

        Returns what is done, by key; the others stay under way. With nothing left to do it returns at once.
        """
        for key, request, sampling in jobs:
            self._under_way[str(key)] = (request, time.monotonic())
            self._core.add_request(
                str(key),
                {"prompt_token_ids": list(request.prompt.token_ids)},
                self._params(request, sampling),
            )
        done: list[tuple[int, list[Rollout]]] = []
        while len(done) < at_least and self._core.has_unfinished_requests():
            with self._whole():
                outputs = self._core.step()
            for output in outputs:
                if output.finished:
                    request, since = self._under_way.pop(output.request_id)
                    seconds = time.monotonic() - since
                    samples = sorted(output.outputs, key=lambda sample: sample.index)
                    rollouts = [self._rollout(request, sample, seconds) for sample in samples]
                    done.append((int(output.request_id), rollouts))
        return done

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Without one of its processes an engine answers nothing but errors: it is whole, or it dies."""
        try:
            yield
        except Exception:
            if self.tensor_parallel > 1:
                time.sleep(GRACE_S)  # the others may fail before it is known that one is gone
                if self._executor.is_failed:
                    os._exit(1)
            raise

    def _rpc(self, method: str, *arguments: Any) -> list[Any]:
        """Have all processes of the engine do something."""
        with self._whole():
            return self.engine.collective_rpc(method, args=arguments)  # type: ignore[no-any-return]

    def _params(self, request: Request, sampling: Sampling) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        from actors.nucleus import TOP_P

        top_p: dict[str, Any] = {"top_p": sampling.top_p}
        if self.on_cpu and sampling.top_p < 1:
            top_p = {"extra_args": {TOP_P: sampling.top_p}}
        return SamplingParams(
            n=request.samples,
            seed=request.seed,
            temperature=sampling.temperature,
            max_tokens=sampling.max_tokens,
            stop_token_ids=[self.tokenizer.end_id],
            logprobs=0,
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
            **top_p,
        )

    def _rollout(self, request: Request, sample: Any, seconds: float) -> Rollout:
        tokens = tuple(sample.token_ids)
        return Rollout(
            prompt_id=request.prompt.prompt_id,
            sample_idx=sample.index,
            seed=request.seed + sample.index,
            token_ids=tokens,
            logprobs=tuple(step[token].logprob for step, token in zip(sample.logprobs, tokens, strict=True)),
            text=self.tokenizer.decode(tokens),
            finish_reason=sample.finish_reason,
            policy_version=self.version,
            gen_seconds=seconds,
        )

    @worked
    def logprobs(self, sequences: Sequence[tuple[int, ...]]) -> list[npt.NDArray[np.float64]]:
        """Untempered log-probs of tokens 1… of each sequence given those before."""
        from vllm import SamplingParams

        with self._whole():
            outputs = self.engine.generate(
                [{"prompt_token_ids": list(sequence)} for sequence in sequences],
                SamplingParams(max_tokens=1, temperature=0.0, prompt_logprobs=0, detokenize=False),
                use_tqdm=False,
            )
        return [
            np.array(
                [
                    step[token].logprob
                    for step, token in zip(output.prompt_logprobs[1:], sequence[1:], strict=True)
                ]
            )
            for sequence, output in zip(sequences, outputs, strict=True)
        ]

    def ready(self) -> list[str]:
        """Answers once the engine stands: the GPUs it has, as NODE:NUMBER."""
        return gpu_places()

    def begin_update(self) -> None:
        """Make room for new weights; until `finish_update` nothing can be computed."""
        self._rpc("begin_reload")

    def load_bucket(self, bucket: Bucket) -> int:
        """Take some of the new weights; returns the bytes received."""
        return sum(self._rpc("load_bucket", bucket))

    def finish_update(self, version: int) -> None:
        """Compute with the new weights from now on, and with nothing that came of the old ones."""
        self._rpc("end_reload")
        self.begin_version(version)

    @worked
    def update_weights(self, version: int, buckets: Sequence[ray.ObjectRef]) -> tuple[int, int]:
        """All of an update, bucket by bucket. Returns the version, and the bytes received."""
        self.begin_update()
        received = sum(self.load_bucket(ray.get(bucket)) for bucket in buckets)
        self.finish_update(version)
        return version, received

    def join_transfer(self, backend: str, init_info: dict[str, Any]) -> None:
        """Meet the learner, to get weights from GPU to GPU (actors/direct.py) by `backend`, ipc or nccl."""
        self._rpc("use_transport", backend)
        self.engine.init_weight_transfer_engine({"init_info": init_info})

    def start_transfer(self) -> None:
        """Make room for new weights."""
        self.engine.start_weight_update()

    def take_transfer(self, update_info: Any) -> None:
        """Take some of them, or all, as `update_info` says."""
        self.engine.update_weights({"update_info": update_info})

    def finish_transfer(self, version: int) -> None:
        """Compute with the new weights from now on."""
        self.engine.finish_weight_update()
        self.begin_version(version)

    def begin_version(self, version: int) -> None:
        """Compute with nothing that came of another version than this, which the weights now are."""
        if not self.engine.reset_prefix_cache():
            raise RuntimeError("the prefix cache was in use during a weight update and holds old weights")
        self.version = version


def engine_environment(config: RolloutConfig) -> dict[str, str]:
    """Environment of an engine's process."""
    variables = {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
        # All processes of an engine are on one node: nothing of it has to be reached from elsewhere.
        "VLLM_HOST_IP": "127.0.0.1",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    if config.gpus_per_actor == 0:
        variables |= {
            "VLLM_CPU_KVCACHE_SPACE": str(max(1, round(config.kv_cache_gib))),
            # Binding threads to cores would fight with the learner that shares them.
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "OMP_NUM_THREADS": str(max(1, config.threads // config.tensor_parallel)),
            **PATIENT,
            # The runner whose logits processors ours is one of.
            "VLLM_USE_V2_MODEL_RUNNER": "0",
            # vLLM compiles one small log-prob kernel on first use, 15 s with a C++ compiler on CPU.
            "TORCHDYNAMO_DISABLE": "1",
        }
    return variables


def check_kv_cache(
    config: RolloutConfig, *, layers: int, kv_heads: int, head_dim: int, max_length: int, free_gib: float
) -> None:
    """Refuse, before anything starts, a KV cache that memory cannot hold or that holds no sequence.

    Tensor-parallel processes have a cache each, of their share of the heads.

    Raises:
        UserError: naming the key to change.
    """
    if config.gpus_per_actor:
        return
    if config.kv_cache_gib != int(config.kv_cache_gib) or config.kv_cache_gib < 1:
        raise UserError(f"rollout.kv_cache_gib is {config.kv_cache_gib:g}; it must be a whole number ≥ 1")
    wanted = config.kv_cache_gib * config.actors * config.tensor_parallel
    if wanted > free_gib:
        times = "" if config.tensor_parallel == 1 else " × rollout.tensor_parallel"
        raise UserError(
            f"rollout.kv_cache_gib × rollout.actors{times} is {wanted:g} GiB, {free_gib:.1f} are free; "
            "lower it"
        )
    sequence_gib = 2 * layers * max(1, kv_heads // config.tensor_parallel) * head_dim * 4 * max_length / 2**30
    if sequence_gib > config.kv_cache_gib:
        raise UserError(
            f"rollout.kv_cache_gib is {config.kv_cache_gib:g}, one sequence of model.max_length needs "
            f"{sequence_gib:.1f} GiB; raise the one or lower the other"
        )
