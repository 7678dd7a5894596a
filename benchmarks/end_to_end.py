"""Whole DF-GRPO steps against the same steps of TRL's GRPOTrainer: generate, score, learn, update the engine.

    python -m benchmarks.end_to_end --json

Both get the same network (5M parameters, random weights, float32), prompts, group size, length limit,
sampling and number of threads, a reward that costs nothing, and no KL; filters are off: every sample trains.
Ours is `rl.loop.train` on the real stack: a vLLM engine, the DeepSpeed learner and Ray between them, with
ledger and parity check; running ahead by one update, engine and learner share the threads. TRL is tuned: it
takes all samples at once and keeps activations; `as_shipped` it takes eight and computes activations again.
It runs in an environment of its own (`make build/trl/ready` makes it, at first use) and generates with
transformers. Steps after the first are timed, medians compared.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from actors.cluster import ray_cluster
from actors.learner import LearnerGroup
from actors.rollout import RolloutPool
from launch.stages.rl import CheckedPublisher
from lm.model import create_model
from lm.tokenizer import ChatTokenizer, train_tokenizer
from records.config import (
    ClusterConfig,
    FilterConfig,
    LearnerConfig,
    ModelConfig,
    RefillConfig,
    RLConfig,
    RolloutConfig,
)
from records.prompt import Prompt, RolloutGroup, Score, ScoredGroup
from rl.loop import RLRun, train
from rl.prompts import Shuffled

CASES = ((435, 128), (2000, 128))
"""(P, R)"""

GROUPS, G = 4, 8
TIMEOUT_S = 1800.0
PEER = Path("build/trl")
SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "zu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Medians of seconds a step."""

    step_s: float
    generate_s: float
    learn_s: float


def texts_of(tokenizer: ChatTokenizer, P: int, count: int) -> list[str]:
    """Prompts of P tokens, words of two syllables."""
    random = np.random.default_rng(P)
    texts = []
    for _ in range(count):
        words = ["".join(random.choice(SYLLABLES, 2)) for _ in range(2 * P)]
        lengths = np.cumsum([len(tokenizer.encode(f" {word}")) for word in words])
        texts.append("".join(f" {word}" for word in words[: int(np.searchsorted(lengths, P)) + 1]))
    return texts


def vowels(text: str) -> float:
    """The reward: the share of vowels."""
    return sum(letter in "aeiou" for letter in text) / max(1, len(text))


class Vowels:
    """Scorers in the loop's own process: what they cost is no part of the comparison."""

    lost: Sequence[str] = ()
    patience_s = 60.0

    def __init__(self) -> None:
        self._waiting: list[tuple[int, ScoredGroup]] = []
        self._keys = 0

    def score(self, groups: Sequence[RolloutGroup]) -> list[ScoredGroup]:
        """Score every group."""
        return [
            ScoredGroup(
                group=group,
                scores=tuple(
                    Score(format_ok=True, format_reason="", reward=reward, atomic=reward, summary=None)
                    for reward in (vowels(rollout.text) for rollout in group.rollouts)
                ),
            )
            for group in groups
        ]

    def submit(self, group: RolloutGroup) -> int:
        """Score one group."""
        self._keys += 1
        self._waiting.append((self._keys, self.score([group])[0]))
        return self._keys

    def poll(self, timeout_s: float) -> list[tuple[int, ScoredGroup]]:
        """What was scored."""
        waiting, self._waiting = self._waiting, []
        return waiting


class Times:
    """A log that keeps the times of steps."""

    def __init__(self) -> None:
        self._by_step: dict[int, dict[str, float]] = {}

    @property
    def steps(self) -> list[dict[str, float]]:
        """What each whole step took, in order."""
        return [self._by_step[step] for step in sorted(self._by_step) if "time/step" in self._by_step[step]]

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Keep what is told of a step, which comes in parts."""
        self._by_step.setdefault(step, {}).update(values)

    def histogram(self, step: int, name: str, values: Sequence[float]) -> None:
        """Nothing."""

    def text(self, step: int, name: str, text: str) -> None:
        """Nothing."""


def time_ours(
    model: Path, texts: Sequence[str], R: int, steps: int, threads: int, staleness: int, out: Path
) -> tuple[Timed, float]:
    """Our steps, and the share of a step that weights take."""
    tokenizer = ChatTokenizer.load(model)
    prompts = [
        Prompt(
            prompt_id=f"p{number}",
            user_id=f"u{number}",
            task="tags",
            tags=(),
            history_lines=0,
            token_ids=tuple(tokenizer.encode(text)),
        )
        for number, text in enumerate(texts)
    ]
    config = RLConfig(
        steps=steps,
        groups_per_step=GROUPS,
        group_size=G,
        max_response_tokens=R,
        lr=1e-5,
        max_staleness=staleness,
        save_every=10**6,
        filters=FilterConfig(sample=False, group=False),
        refill=RefillConfig(max_rounds=2),
    )
    length = max(len(prompt.token_ids) for prompt in prompts) + R
    with ray_cluster(ClusterConfig(cpus=4)) as local:
        pool = RolloutPool(model, RolloutConfig(threads=threads), length, TIMEOUT_S)
        learner = LearnerGroup(
            model, LearnerConfig(threads=threads, micro_batch_tokens=8192), TIMEOUT_S, local=local
        )
        times = Times()
        try:
            train(
                RLRun(
                    config=config,
                    directory=out,
                    seed=0,
                    prompts=Shuffled(prompts, seed=0),
                    probe_prompts=[],
                    rollouts=pool,
                    scorers=Vowels(),
                    learner=learner,
                    publish=CheckedPublisher(
                        learner, pool, [prompts[0].token_ids[:64]], 1e-3, overlapped=staleness > 0
                    ),
                    log=times,
                    micro_batch_tokens=8192,
                )
            )
        finally:
            pool.close()
            learner.close()
    names = ("time/step", "time/generate", "time/learn", "sync/seconds")
    median = {name: statistics.median(step[name] for step in times.steps[1:]) for name in names}
    return (
        Timed(step_s=median["time/step"], generate_s=median["time/generate"], learn_s=median["time/learn"]),
        median["sync/seconds"] / median["time/step"],
    )


def peer_python() -> Path:
    """TRL's own environment, made if it is not there."""
    subprocess.run(["make", "--quiet", f"PYTHON={sys.executable}", str(PEER / "ready")], check=True)
    return PEER / "bin" / "python"


def time_peer(
    model: Path, texts: Sequence[str], R: int, steps: int, threads: int, out: Path, *, as_shipped: bool
) -> Timed:
    """TRL's steps, tuned for this machine or with its defaults."""
    out.mkdir(parents=True)
    work = {
        "model": str(model),
        "out": str(out / "trl"),
        "prompts": list(texts),
        "R": R,
        "G": G,
        "groups": GROUPS,
        "steps": steps,
        "temperature": 1.0,
        "top_p": 1.0,
        "lr": 1e-5,
        "threads": threads,
        "as_shipped": as_shipped,
    }
    file = out / "work.json"
    file.write_text(json.dumps(work))
    done = subprocess.run(
        [str(peer_python()), "benchmarks/peer_trl.py", str(file)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=3600,
        check=True,
    )
    timed = json.loads(done.stdout.strip().splitlines()[-1])["steps"][1:]
    step_s, generate_s = (
        statistics.median(step[name] for step in timed) for name in ("step_s", "generate_s")
    )
    return Timed(step_s=step_s, generate_s=generate_s, learn_s=step_s - generate_s)


def run_case(P: int, R: int, steps: int, threads: int) -> dict[str, Any]:
    """One shape, ours (synchronous, and running ahead by one update) and TRL's."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        words = [a + b for a in SYLLABLES for b in SYLLABLES]
        tokenizer = ChatTokenizer(train_tokenizer([f" {a} {b}" for a in words for b in words], 4096))
        network = ModelConfig(
            vocab_size=4096, hidden_size=256, layers=4, heads=4, kv_heads=2, max_length=P + R + 64
        )
        create_model(network, tokenizer, 0, place / "model")
        texts = texts_of(tokenizer, P, GROUPS * steps)
        ours, sync_share = time_ours(place / "model", texts, R, steps, threads, 0, place / "ours")
        ahead, _ = time_ours(place / "model", texts, R, steps, max(1, threads // 2), 1, place / "ahead")
        peer, shipped = (
            time_peer(place / "model", texts, R, steps, threads, place / name, as_shipped=name == "shipped")
            for name in ("peer", "shipped")
        )
    return {
        "P": P,
        "R": R,
        "groups": GROUPS,
        "G": G,
        "generate_s": round(ours.generate_s, 3),
        "learn_s": round(ours.learn_s, 3),
        "step_s": round(ours.step_s, 3),
        "sync_share": round(sync_share, 4),
        "steps_per_s": round(1 / ours.step_s, 4),
        "ahead_steps_per_s": round(1 / ahead.step_s, 4),
        "peer": "TRL 1.16.0, transformers generate",
        "peer_generate_s": round(peer.generate_s, 3),
        "peer_learn_s": round(peer.learn_s, 3),
        "peer_steps_per_s": round(1 / peer.step_s, 4),
        "ratio": round(peer.step_s / ours.step_s, 2),
        "peer_as_shipped_steps_per_s": round(1 / shipped.step_s, 4),
        "ratio_to_as_shipped": round(shipped.step_s / ours.step_s, 2),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=4, help="the first is not timed")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    peer_python()
    cases = [run_case(P, R, arguments.steps, arguments.threads) for P, R in CASES]
    if arguments.json:
        print(json.dumps({"threads": arguments.threads, "cases": cases}))
        return
    table = Table()
    table.add_column("")
    for case in cases:
        table.add_column(f"P = {case['P']}", justify="right")
    for name in cases[0]:
        table.add_row(name, *(str(case[name]) for case in cases))
    Console().print(table)


if __name__ == "__main__":
    main()
