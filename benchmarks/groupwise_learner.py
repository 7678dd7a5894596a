"""A group of groupwise DPO in the learner, against the same ranking in the ways of a learner of pairs.

    python -m benchmarks.groupwise_learner --json
    python -m benchmarks.groupwise_learner --json --device cuda

The reference's forward pass and the policy's forward and backward pass over one group (K = G responses of R
tokens to a prompt of P, all of different levels), in this process and without optimiser, on the networks of
`benchmarks.learner` with random weights, the policy's a little moved from the reference's.

    ours       one row, the prompt once, the loss of the whole ranking
    repeated   one row, each response behind its own prompt, the same loss (equal to ours but for rounding)
    pairs      DPO of the best against each of the others: G − 1 pairs, one after the other, two prompts each

`loss_diff` and `grad_rel_diff` compare ours with `repeated`. Medians; all take turns.
"""

import json
import statistics
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from transformers import Qwen3Config, Qwen3ForCausalLM

from benchmarks.learner import SETTINGS, Bench, batch_of, parsed, relative_difference
from lm.packing import Tree
from lm.scorer import TokenScorer, run_scorer
from rl.groupwise_batches import GroupwiseMicroBatch
from rl.groupwise_objective import GroupwiseObjective

BETA = 0.1

MOVED = 1.0 + 2**-7
"""The policy's output layer over the reference's, so that they differ."""


def micro_batch(trees: Sequence[Tree], levels: Sequence[int], size: int) -> GroupwiseMicroBatch:
    """A row of `trees`, whose responses are groups of `size`."""
    lengths = [len(one) for tree in trees for one in tree.responses]
    return GroupwiseMicroBatch(
        tokens=batch_of(trees),
        lengths_R=np.array(lengths),
        levels_R=np.array(levels),
        sizes=(size,) * (len(lengths) // size),
    )


def ways(P: int, R: int, G: int, vocabulary: int) -> dict[str, list[GroupwiseMicroBatch]]:
    """Way → micro-batches of one group."""
    random = np.random.default_rng(0)
    prompt = random.integers(vocabulary, size=P).tolist()
    responses = [random.integers(vocabulary, size=R).tolist() for _ in range(G)]
    apart = [Tree(prompt_ids=prompt, responses=[one]) for one in responses]
    levels = range(G)
    return {
        "ours": [micro_batch([Tree(prompt_ids=prompt, responses=responses)], levels, G)],
        "repeated": [micro_batch(apart, levels, G)],
        "pairs": [micro_batch([apart[0], other], (0, 1), 2) for other in apart[1:]],
    }


class GroupBench(Bench):
    """A policy, and the reference beside it."""

    def __init__(self, name: str) -> None:
        setting, device = SETTINGS[name], torch.device(name)
        super().__init__(setting, device)
        config = Qwen3Config(**setting.network, tie_word_embeddings=False)
        config._attn_implementation = self.scorer.network.config._attn_implementation
        with device:
            self.reference = TokenScorer(Qwen3ForCausalLM(config)).requires_grad_(False)
        for parameter in self.reference.parameters():
            parameter.data = parameter.data.to(setting.dtype)
        self.reference.load_state_dict(self.scorer.state_dict())
        with torch.no_grad():
            self.scorer.network.lm_head.weight.mul_(MOVED)

    def step(self, batches: Sequence[GroupwiseMicroBatch]) -> tuple[float, float, float | None]:
        """Seconds, the loss summed over groups, and GiB at the most."""
        objective = GroupwiseObjective(BETA)
        policy, reference = (
            partial(_scores, scorer, self.device) for scorer in (self.scorer, self.reference)
        )
        self.scorer.zero_grad()
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        started, total = self.now(), 0.0
        for batch in batches:
            with torch.no_grad():
                prepared = objective.prepare(None, reference, batch)
            loss, _ = objective.loss(policy, batch, prepared)
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        seconds = self.now() - started
        peak = torch.cuda.max_memory_allocated() / 2**30 if self.device.type == "cuda" else None
        return seconds, total, peak


def _scores(scorer: TokenScorer, device: torch.device, tokens: Any, ask: Any) -> Any:
    return run_scorer(scorer, tokens, ask, device)


def measure(bench: GroupBench, P: int, R: int, G: int, repeats: int) -> dict[str, Any]:
    """One shape: seconds and memory by way, how much faster ours is, and how equal to `repeated`."""
    todo = ways(P, R, G, bench.setting.network["vocab_size"])
    losses, gradients, peaks = {}, {}, {}
    for name, batches in todo.items():  # and warm up
        _, losses[name], peaks[name] = bench.step(batches)
        gradients[name] = bench.gradients()
    seconds: dict[str, list[float]] = {name: [] for name in todo}
    for _ in range(repeats):
        for name, batches in todo.items():
            seconds[name].append(bench.step(batches)[0])
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    return {
        "P": P,
        "R": R,
        "G": G,
        "seconds": {name: round(one, 4) for name, one in medians.items()},
        "over_repeated": round(medians["repeated"] / medians["ours"], 3),
        "over_pairs": round(medians["pairs"] / medians["ours"], 3),
        "loss": losses["ours"],
        "loss_diff": abs(losses["ours"] - losses["repeated"]),
        "grad_rel_diff": relative_difference(gradients["ours"], gradients["repeated"]),
        "peak_gib": {name: None if one is None else round(one, 2) for name, one in peaks.items()},
    }


def show(cases: Sequence[dict[str, Any]], console: Console) -> None:
    """Print the cases as a table."""
    table = Table()
    table.add_column("")
    for case in cases:
        table.add_column(f"P = {case['P']:,}, R = {case['R']:,}, G = {case['G']}", justify="right")
    for name in list(cases[0])[3:]:
        table.add_row(name, *(str(case[name]) for case in cases))
    console.print(table)


def main() -> None:
    """Command line."""
    arguments = parsed(__doc__)
    bench = GroupBench(arguments.device)
    cases = [measure(bench, *case, arguments.repeats) for case in bench.setting.cases]
    if arguments.json:
        device = torch.cuda.get_device_name() if arguments.device == "cuda" else "cpu"
        print(json.dumps({"device": device, "threads": arguments.threads, "cases": cases}))
    else:
        show(cases, Console())


if __name__ == "__main__":
    main()
