"""vLLM engines as Ray actors: generation, log-probs of given text, weight updates."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import ray

from actors.supervision import wait_for_all
from lm.tokenizer import ChatTokenizer
from records.config import RolloutConfig
from records.errors import UserError
from records.prompt import Request, Rollout, Sampling


class RolloutEngine:
    """One vLLM engine; runs inside its actor's process.

    Args:
        model_dir: Hugging Face directory of the first weights and the tokenizer.
        config: engine size.
        max_length: longest prompt + response, tokens.
    """

    def __init__(self, model_dir: Path, config: RolloutConfig, max_length: int) -> None:
        from vllm import LLM

        self.tokenizer = ChatTokenizer.load(model_dir)
        self.version = 0
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
            worker_extension_cls="actors.weights.WeightReceiver",
            logits_processors=["actors.nucleus:NucleusProcessor"] if on_cpu else None,
            distributed_executor_backend="uni",
            disable_log_stats=True,
        )

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Rollout]]:
        """Sample responses, in the order of `requests`."""
        from vllm import SamplingParams

        from actors.nucleus import TOP_P

        started = time.monotonic()
        top_p: dict[str, Any] = {"top_p": sampling.top_p}
        if self.on_cpu and sampling.top_p < 1:
            top_p = {"extra_args": {TOP_P: sampling.top_p}}
        outputs = self.engine.generate(
            [{"prompt_token_ids": list(request.prompt.token_ids)} for request in requests],
            [
                SamplingParams(
                    n=request.samples,
                    seed=request.seed,
                    temperature=sampling.temperature,
                    max_tokens=sampling.max_tokens,
                    stop_token_ids=[self.tokenizer.end_id],
                    logprobs=0,
                    detokenize=False,
                    **top_p,
                )
                for request in requests
            ],
            use_tqdm=False,
        )
        seconds = time.monotonic() - started
        return [
            [self._rollout(request, sample, seconds) for sample in output.outputs]
            for request, output in zip(requests, outputs, strict=True)
        ]

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

    def logprobs(self, sequences: Sequence[tuple[int, ...]]) -> list[npt.NDArray[np.float64]]:
        """Untempered log-probs of tokens 1… of each sequence given those before."""
        from vllm import SamplingParams

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

    def update_weights(self, version: int, buckets: Sequence[ray.ObjectRef]) -> int:
        """Replace the weights; nothing computed with the old ones is reused. Returns the bytes received."""
        received = self.engine.collective_rpc("receive_weights", args=(buckets,))
        if not self.engine.reset_prefix_cache():
            raise RuntimeError("the prefix cache was in use during a weight update and holds old weights")
        self.version = version
        return sum(received)


def _environment(config: RolloutConfig) -> dict[str, str]:
    variables = {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
        # An engine is one process: nothing of it has to be reached from elsewhere.
        "VLLM_HOST_IP": "127.0.0.1",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    if config.gpus_per_actor == 0:
        variables |= {
            "VLLM_CPU_KVCACHE_SPACE": str(max(1, round(config.kv_cache_gib))),
            # Binding threads to cores would fight with the learner that shares them.
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "OMP_NUM_THREADS": str(config.threads),
            # The runner whose logits processors ours is one of.
            "VLLM_USE_V2_MODEL_RUNNER": "0",
            # vLLM compiles one small log-prob kernel on first use, 15 s with a C++ compiler on CPU.
            "TORCHDYNAMO_DISABLE": "1",
        }
    return variables


class RolloutPool:
    """The engines of a run. Prompts go to engines by position, so that a rerun repeats itself.

    Engines start in the background; the first call waits for them.
    """

    def __init__(self, model_dir: Path, config: RolloutConfig, max_length: int, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        actor = ray.remote(RolloutEngine).options(
            num_cpus=config.cpus_per_actor,
            num_gpus=config.gpus_per_actor,
            runtime_env={"env_vars": _environment(config)},
        )
        self.engines = [actor.remote(model_dir.absolute(), config, max_length) for _ in range(config.actors)]

    def _wait(self, pending: Sequence[ray.ObjectRef]) -> list[Any]:
        names = [f"rollout engine {index}" for index in range(len(pending))]
        return wait_for_all(pending, names, self.timeout_s)

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Rollout]]:
        """Sample responses on all engines, in the order of `requests`."""
        count = len(self.engines)
        pending = [
            engine.generate.remote(requests[index::count], sampling)
            for index, engine in enumerate(self.engines)
        ]
        results: list[list[Rollout]] = [[] for _ in requests]
        for index, answers in enumerate(self._wait(pending)):
            results[index::count] = answers
        return results

    def logprobs(self, sequences: Sequence[tuple[int, ...]]) -> list[list[npt.NDArray[np.float64]]]:
        """Log-probs of `sequences` under every engine."""
        pending = [engine.logprobs.remote(list(sequences)) for engine in self.engines]
        return self._wait(pending)

    def update_weights(self, version: int, buckets: Sequence[ray.ObjectRef]) -> int:
        """Replace the weights of every engine; returns the bytes received by all."""
        pending = [engine.update_weights.remote(version, list(buckets)) for engine in self.engines]
        return sum(self._wait(pending))

    def close(self) -> None:
        """End the engines' processes."""
        for engine in self.engines:
            ray.kill(engine)


def check_kv_cache(
    config: RolloutConfig, *, layers: int, kv_heads: int, head_dim: int, max_length: int, free_gib: float
) -> None:
    """Refuse, before anything starts, a KV cache that memory cannot hold or that holds no sequence.

    Raises:
        UserError: naming the key to change.
    """
    if config.gpus_per_actor:
        return
    if config.kv_cache_gib != int(config.kv_cache_gib) or config.kv_cache_gib < 1:
        raise UserError(f"rollout.kv_cache_gib is {config.kv_cache_gib:g}; it must be a whole number ≥ 1")
    wanted = config.kv_cache_gib * config.actors
    if wanted > free_gib:
        raise UserError(
            f"rollout.kv_cache_gib × rollout.actors is {wanted:g} GiB, {free_gib:.1f} are free; lower it"
        )
    sequence_gib = 2 * layers * kv_heads * head_dim * 4 * max_length / 2**30
    if sequence_gib > config.kv_cache_gib:
        raise UserError(
            f"rollout.kv_cache_gib is {config.kv_cache_gib:g}, one sequence of model.max_length needs "
            f"{sequence_gib:.1f} GiB; raise the one or lower the other"
        )
