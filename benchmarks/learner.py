"""What sharing a group's prompt is worth in the learner, against the same learner on repeated prompts.

    python -m benchmarks.learner --json
    python -m benchmarks.learner --json --device cuda

Forward and backward pass of one DF-GRPO group (G responses of R tokens to a prompt of P) in this process,
without optimiser: on CPU in float32 through a network of 5M parameters, on one GPU in bfloat16 through one of
Qwen3-1.7B's shape that keeps no activations but those between layers. The weights are random. The baseline is
tuned as ours is: no padding, causal attention without a mask, log-probs at response positions only, in
chunks; and it may choose between all sequences in one row and one after the other, whichever is faster. All
take turns, and medians are compared.

`flop_bound` is the arithmetic of the baseline over ours: of linear layers (`token_bound`), of attention
(`attention_bound`) and of both together for this network, the output layer included. `max_logprob_diff` and
`grad_rel_diff` compare ours with the baseline; `rounding_…` compare the baseline's two ways with each other,
which rounding alone keeps apart. `flops_share` is the arithmetic that ours needs, nothing computed twice
counted twice, over that of a large matrix product here in the same time and precision.
"""

import argparse
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from transformers import AttentionInterface, Qwen3Config, Qwen3ForCausalLM

from lm.attention import ATTENTION, packed_attention
from lm.objective import TokenBatch
from lm.packing import Tree, pack
from lm.scorer import TokenScorer, recompute_activations, run_scorer
from lm.scoring import Ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A network, the shapes (P, R, G) that go through it, and how."""

    network: Mapping[str, Any]
    cases: tuple[tuple[int, int, int], ...]
    dtype: torch.dtype
    gradient_checkpointing: bool


SETTINGS = {
    "cpu": Setting(
        network={
            "vocab_size": 4096,
            "hidden_size": 256,
            "intermediate_size": 768,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 64,
        },
        cases=((512, 128, 8), (2048, 128, 8), (4096, 256, 8)),
        dtype=torch.float32,
        gradient_checkpointing=False,
    ),
    "cuda": Setting(
        network={
            "vocab_size": 151_936,
            "hidden_size": 2048,
            "intermediate_size": 6144,
            "num_hidden_layers": 28,
            "num_attention_heads": 16,
            "num_key_value_heads": 8,
            "head_dim": 128,
        },
        cases=((4096, 512, 8), (15_000, 1_200, 8)),
        dtype=torch.bfloat16,
        gradient_checkpointing=True,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One shape: medians of seconds, the baseline's time over ours, how equal the results are, tokens a
    second of the G·(P + R) that both stand for, and on GPU the most memory in use."""

    P: int
    R: int
    G: int
    ours_s: float
    baseline_s: float
    baseline_rows: str
    speedup: float
    token_bound: float
    attention_bound: float
    flop_bound: float
    share_of_bound: float
    max_logprob_diff: float
    grad_rel_diff: float
    rounding_logprob_diff: float
    rounding_grad_diff: float
    tokens_per_s: float
    baseline_tokens_per_s: float
    flops_share: float
    peak_gib: float | None
    baseline_peak_gib: float | None


def flops(
    network: Mapping[str, Any], sequences: Sequence[tuple[int, int, int]], predicted: int
) -> tuple[float, float]:
    """Floating-point operations of linear layers and of attention, forward and backward.

    `sequences` are (tokens, tokens before them that they attend to as well, copies); `predicted` positions go
    through the output layer. The backward pass costs twice the forward pass, and of attention two and a half
    times, as probabilities are computed again.
    """
    heads = network["num_attention_heads"] * network["head_dim"]
    keys = network["num_key_value_heads"] * network["head_dim"]
    width, layers = network["hidden_size"], network["num_hidden_layers"]
    weights = width * (2 * heads + 2 * keys + 3 * network["intermediate_size"])
    tokens = sum(copies * own for own, _, copies in sequences)
    pairs = sum(copies * (own * before + own * own / 2) for own, before, copies in sequences)
    linear = 3 * 2 * (layers * weights * tokens + width * network["vocab_size"] * predicted)
    return linear, 3.5 * layers * 4 * heads * pairs


def our_flops(network: Mapping[str, Any], P: int, R: int, G: int) -> tuple[float, float]:
    """Arithmetic of a group whose prompt is shared: of linear layers, of attention."""
    return flops(network, [(P, 0, 1), (R, P, G)], G * R)


def bounds(network: Mapping[str, Any], P: int, R: int, G: int) -> tuple[float, float, float]:
    """Arithmetic of the baseline over ours: of tokens, of attention, of both."""
    base, ours = flops(network, [(P + R, 0, G)], G * R), our_flops(network, P, R, G)
    return G * (P + R) / (P + G * R), base[1] / ours[1], sum(base) / sum(ours)


def batch_of(trees: Sequence[Tree]) -> TokenBatch:
    """A row of trees in which every response token is predicted."""
    ids_T, segments, places = pack(trees)
    return TokenBatch(
        input_ids_T=ids_T,
        segments=segments,
        positions_N=np.concatenate([at for place in places for at in place.positions]),
        targets_N=np.array([token for tree in trees for one in tree.responses for token in one]),
    )


class Bench:
    """A network with random weights on a device, and the fastest that a matrix product runs there."""

    def __init__(self, setting: Setting, device: torch.device) -> None:
        AttentionInterface.register(ATTENTION, packed_attention)
        self.setting, self.device = setting, device
        torch.manual_seed(0)
        config = Qwen3Config(**setting.network, tie_word_embeddings=False, attn_implementation=ATTENTION)
        with device:
            self.scorer = TokenScorer(Qwen3ForCausalLM(config))
        for parameter in self.scorer.parameters():  # not the rotary frequencies, as when a model is loaded
            parameter.data = parameter.data.to(setting.dtype)
        if setting.gradient_checkpointing:
            recompute_activations(self.scorer)

    def run(
        self, batches: Sequence[TokenBatch], weights_N: torch.Tensor
    ) -> tuple[float, torch.Tensor, float | None]:
        """Both passes of a loss that is a weighted sum of log-probs: seconds, log-probs, GiB at the most."""
        self.scorer.zero_grad()
        started, done, found = self.now(), 0, []
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        for batch in batches:
            logprobs_N = run_scorer(self.scorer, batch, Ask(temperature=0.7), self.device).logprobs_N
            (logprobs_N * weights_N[done : done + len(logprobs_N)]).sum().backward()  # type: ignore[no-untyped-call]
            done += len(logprobs_N)
            found.append(logprobs_N.detach())
        seconds = self.now() - started
        peak = torch.cuda.max_memory_allocated() / 2**30 if self.device.type == "cuda" else None
        return seconds, torch.cat(found), peak

    def gradients(self) -> list[torch.Tensor]:
        """Of every parameter, kept where the next run does not reach."""
        return [p.grad.detach().cpu() for p in self.scorer.parameters() if p.grad is not None]

    def matmul_flops(self) -> float:
        """Floating-point operations a second of a large matrix product."""
        size = 8192 if self.device.type == "cuda" else 2048
        a, b = (torch.randn(size, size, device=self.device, dtype=self.setting.dtype) for _ in range(2))
        seconds = []
        for _ in range(7):
            started = self.now()
            a @ b
            seconds.append(self.now() - started)
        return 2 * size**3 / statistics.median(seconds[2:])

    def now(self) -> float:
        """Seconds, when all that was asked of the device is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()


def relative_difference(ours: Sequence[torch.Tensor], theirs: Sequence[torch.Tensor]) -> float:
    """Norm of the difference over the norm, of all tensors together."""
    apart = sum(float((a.float() - b.float()).norm()) ** 2 for a, b in zip(ours, theirs, strict=True))
    return float((apart / sum(float(b.float().norm()) ** 2 for b in theirs)) ** 0.5)


def measure(bench: Bench, P: int, R: int, G: int, repeats: int, matmul_flops: float) -> Case:
    """Time one shape."""
    random = np.random.default_rng(0)
    network = bench.setting.network
    prompt = random.integers(network["vocab_size"], size=P).tolist()
    responses = [random.integers(network["vocab_size"], size=R).tolist() for _ in range(G)]
    apart = [Tree(prompt_ids=prompt, responses=[response]) for response in responses]
    ways = {
        "ours": [batch_of([Tree(prompt_ids=prompt, responses=responses)])],
        "one row": [batch_of(apart)],
        "one by one": [batch_of([tree]) for tree in apart],
    }
    weights_N = torch.from_numpy(random.standard_normal(G * R).astype(np.float32)).to(bench.device)
    logprobs, gradients, peaks = {}, {}, {}
    for name, batches in ways.items():  # and warm up
        _, logprobs[name], peaks[name] = bench.run(batches, weights_N)
        gradients[name] = bench.gradients()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, batches in ways.items():
            seconds[name].append(bench.run(batches, weights_N)[0])
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    rows, others = sorted(("one row", "one by one"), key=medians.__getitem__)
    token_bound, attention_bound, flop_bound = bounds(network, P, R, G)
    speedup = medians[rows] / medians["ours"]
    linear, attention = our_flops(network, P, R, G)

    def differences(one: str, other: str) -> tuple[float, float]:
        worst = float((logprobs[one] - logprobs[other]).abs().max())
        return worst, relative_difference(gradients[one], gradients[other])

    (logprob_diff, grad_diff), rounding = differences("ours", rows), differences(rows, others)
    return Case(
        P=P,
        R=R,
        G=G,
        ours_s=round(medians["ours"], 4),
        baseline_s=round(medians[rows], 4),
        baseline_rows=rows,
        speedup=round(speedup, 3),
        token_bound=round(token_bound, 3),
        attention_bound=round(attention_bound, 3),
        flop_bound=round(flop_bound, 3),
        share_of_bound=round(speedup / flop_bound, 3),
        max_logprob_diff=logprob_diff,
        grad_rel_diff=grad_diff,
        rounding_logprob_diff=rounding[0],
        rounding_grad_diff=rounding[1],
        tokens_per_s=round(G * (P + R) / medians["ours"]),
        baseline_tokens_per_s=round(G * (P + R) / medians[rows]),
        flops_share=round((linear + attention * 3 / 3.5) / medians["ours"] / matmul_flops, 3),
        peak_gib=peaks["ours"],
        baseline_peak_gib=peaks[rows],
    )


def show(cases: Sequence[Case], console: Console) -> None:
    """Print the cases as a table."""
    table = Table()
    table.add_column("")
    for case in cases:
        table.add_column(f"P = {case.P:,}, R = {case.R:,}, G = {case.G}", justify="right")
    for name in list(asdict(cases[0]))[3:]:
        values = [getattr(case, name) for case in cases]
        table.add_row(name, *(f"{v:.4g}" if isinstance(v, float) else str(v) for v in values))
    console.print(table)


def parsed(told: str | None) -> argparse.Namespace:
    """The command line of a benchmark that says `told` of itself; torch has the threads it asks for."""
    parser = argparse.ArgumentParser(description=told, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=sorted(SETTINGS), default="cpu")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    return arguments


def main() -> None:
    """Command line."""
    arguments = parsed(__doc__)
    bench = Bench(SETTINGS[arguments.device], torch.device(arguments.device))
    speed = bench.matmul_flops()
    cases = [measure(bench, *case, arguments.repeats, speed) for case in bench.setting.cases]
    if arguments.json:
        found: dict[str, Any] = {
            "device": torch.cuda.get_device_name() if arguments.device == "cuda" else "cpu",
            "threads": arguments.threads,
            "matmul_tflops": round(speed / 1e12, 3),
            "cases": [asdict(case) for case in cases],
        }
        print(json.dumps(found))
    else:
        show(cases, Console())


if __name__ == "__main__":
    main()
