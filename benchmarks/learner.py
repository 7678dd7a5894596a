"""What sharing a group's prompt is worth in the learner, against the same learner on repeated prompts.

    python -m benchmarks.learner --json

Forward and backward pass of one DF-GRPO group (G responses of R tokens to a prompt of P), float32, in this
process, without optimiser. The baseline is tuned as ours is: no padding, causal attention without a mask,
log-probs at response positions only, in chunks; and it may choose between all sequences in one row and one
after the other, whichever is faster. Both take turns, and medians are compared.

`flop_bound` is the arithmetic of the baseline over ours: of linear layers (`token_bound`), of attention
(`attention_bound`) and of both together for this network, the output layer included.
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from transformers import AttentionInterface, Qwen3Config, Qwen3ForCausalLM

from actors.learner import TokenScorer, run_scorer
from lm.attention import ATTENTION, packed_attention
from lm.objective import TokenBatch
from lm.packing import Tree, pack
from lm.scoring import Ask

CASES = ((512, 128, 8), (2048, 128, 8), (4096, 256, 8))
"""(P, R, G)"""

NETWORK = {
    "vocab_size": 4096,
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
}
"""5.2M parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One shape: medians of seconds, the baseline's time over ours, and how equal the results are."""

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


def flops(sequences: Sequence[tuple[int, int, int]], predicted: int) -> tuple[float, float]:
    """Floating-point operations of linear layers and of attention, forward and backward.

    `sequences` are (tokens, tokens before them that they attend to as well, copies); `predicted` positions go
    through the output layer. The backward pass costs twice the forward pass, and of attention two and a half
    times, as probabilities are computed again.
    """
    heads = NETWORK["num_attention_heads"] * NETWORK["head_dim"]
    keys = NETWORK["num_key_value_heads"] * NETWORK["head_dim"]
    width, layers = NETWORK["hidden_size"], NETWORK["num_hidden_layers"]
    weights = width * (2 * heads + 2 * keys + 3 * NETWORK["intermediate_size"])
    tokens = sum(copies * own for own, _, copies in sequences)
    pairs = sum(copies * (own * before + own * own / 2) for own, before, copies in sequences)
    linear = 3 * 2 * (layers * weights * tokens + width * NETWORK["vocab_size"] * predicted)
    return linear, 3.5 * layers * 4 * heads * pairs


def bounds(P: int, R: int, G: int) -> tuple[float, float, float]:
    """Arithmetic of the baseline over ours: of tokens, of attention, of both."""
    base = flops([(P + R, 0, G)], G * R)
    ours = flops([(P, 0, 1), (R, P, G)], G * R)
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


def measure(scorer: TokenScorer, P: int, R: int, G: int, repeats: int) -> Case:
    """Time one shape."""
    random = np.random.default_rng(0)
    prompt = random.integers(NETWORK["vocab_size"], size=P).tolist()
    responses = [random.integers(NETWORK["vocab_size"], size=R).tolist() for _ in range(G)]
    apart = [Tree(prompt_ids=prompt, responses=[response]) for response in responses]
    ways = {
        "ours": [batch_of([Tree(prompt_ids=prompt, responses=responses)])],
        "one row": [batch_of(apart)],
        "one by one": [batch_of([tree]) for tree in apart],
    }
    weights_N = torch.from_numpy(random.standard_normal(G * R).astype(np.float32))

    def run(batches: Sequence[TokenBatch]) -> tuple[float, torch.Tensor]:
        scorer.zero_grad()
        started, done, found = time.perf_counter(), 0, []
        for batch in batches:
            logprobs_N = run_scorer(scorer, batch, Ask(temperature=0.7), torch.device("cpu")).logprobs_N
            (logprobs_N * weights_N[done : done + len(logprobs_N)]).sum().backward()  # type: ignore[no-untyped-call]
            done += len(logprobs_N)
            found.append(logprobs_N.detach())
        return time.perf_counter() - started, torch.cat(found)

    def gradient() -> torch.Tensor:
        return torch.cat([p.grad.flatten() for p in scorer.parameters() if p.grad is not None])

    logprobs, gradients = {}, {}
    for name, batches in ways.items():  # and warm up
        _, logprobs[name] = run(batches)
        gradients[name] = gradient()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, batches in ways.items():
            seconds[name].append(run(batches)[0])
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    rows = min(("one row", "one by one"), key=medians.__getitem__)
    token_bound, attention_bound, flop_bound = bounds(P, R, G)
    speedup = medians[rows] / medians["ours"]
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
        max_logprob_diff=float((logprobs["ours"] - logprobs[rows]).abs().max()),
        grad_rel_diff=float((gradients["ours"] - gradients[rows]).norm() / gradients[rows].norm()),
    )


def network() -> TokenScorer:
    """A network with random weights, in float32."""
    AttentionInterface.register(ATTENTION, packed_attention)
    torch.manual_seed(0)
    config = Qwen3Config(**NETWORK, tie_word_embeddings=False, attn_implementation=ATTENTION)
    return TokenScorer(Qwen3ForCausalLM(config))


def show(cases: Sequence[Case], console: Console) -> None:
    """Print the cases as a table."""
    table = Table()
    for name in asdict(cases[0]):
        table.add_column(name, justify="right")
    for case in cases:
        table.add_row(*(f"{v:.2g}" if "diff" in k else str(v) for k, v in asdict(case).items()))
    console.print(table)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    scorer = network()
    cases = [measure(scorer, *case, arguments.repeats) for case in CASES]
    if arguments.json:
        found: dict[str, Any] = {"threads": arguments.threads, "cases": [asdict(case) for case in cases]}
        print(json.dumps(found))
    else:
        show(cases, Console(width=200))


if __name__ == "__main__":
    main()
