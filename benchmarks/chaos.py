"""One RL run under a random schedule of SIGKILLs, and what became of every group.

    python -m benchmarks.chaos --kills 50 --json

Rollout engines, scorers, learner ranks and the driver are killed in an order and at moments drawn from
`--seed`, on the real stack: Ray, vLLM and DeepSpeed on CPU, two learner ranks, a network of about 100,000
parameters. A driver that was killed is started again, as a user would; all else the run mends itself. Between
two kills the run has to get some steps further. Then it is left to finish, and its ledger is read: the prompt
stream has been drawn from up to the last checkpoint's cursor, and every draw must be a group of the ledger,
once, with each of its samples once.
"""

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil

from benchmarks.driver import ACTORS, Driver
from launch.recipe import load_recipe
from lm import checkpoint
from records.files import read_json
from rl.ledger import read_ledger

RECIPE = """
name: chaos
simulate: {users: 60, min_days: 60, max_days: 120}
semantize: {token_budget: 220, short_term_days: 30, top_k: 5, long_low_impact: 0, drop_implied: false}
model: {vocab_size: 1024, hidden_size: 32, layers: 2, heads: 1, kv_heads: 1, max_length: 640}
learner: {ranks: 2, threads: 1, weight_decay: 0.5}
rollout: {threads: 1}
scorer: {embeddings: ''}
cluster: {cpus: 4}
sft:
  rl_users: 12
  probe_users: 4
  stage1: {examples: 48}
  stage2: {examples: 16}
  stage3: {examples: 32, composite_share: 0.5}
rl:
  groups_per_step: 4
  group_size: 2
  max_response_tokens: 64
  lr: 0.005
  loss: {kl_beta: 0.1}
  probe_every: 1000
  probe_samples: 2
  save_every: 2
  filters: {sample: false, group: false}
  refill: {max_rounds: 1}
bench: {users: 6, k: 2, max_response_tokens: 64}
"""
"""So small a network writes nothing well formed: filters off. Weight decay moves the policy away from the
reference, and the KL pulls it back."""

KINDS = ("driver", *ACTORS)

STEPS_A_KILL = 8
"""Steps of the run for each kill: more than pass between two, so that no kill comes too late."""

FIRST_START_S, START_S = 600.0, 180.0
"""Longest that the first stages, and that a start or a mend, may take, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """Once the run has `steps` more in a checkpoint, `delay_s` seconds later a process of `kind` dies."""

    kind: str
    steps: int
    delay_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Groups: those that the stream was drawn for, those in the ledger once and whole, and the rest."""

    groups_expected: int
    groups_seen_once: int
    lost: int
    doubled: int


def schedule(seed: int, kills: int) -> list[Kill]:
    """A random order of kills, kinds as even as can be."""
    random = np.random.default_rng(seed)
    kinds = [KINDS[number % len(KINDS)] for number in range(kills)]
    return [
        Kill(kind=kinds[place], steps=int(random.integers(1, 4)), delay_s=float(random.uniform(0.0, 1.5)))
        for place in random.permutation(kills)
    ]


def account(ledger: pl.DataFrame, expected: Iterable[int], samples: int) -> Account:
    """Hold a ledger (`step`, `group_id`, `sample_idx`) against the draws that it should hold.

    A group counts as doubled if a sample of its draw stands there twice, under whatever step; as lost if a
    sample is missing, or all of it. Groups of draws that are not expected are doubled too.
    """
    wanted = set(expected)
    seen: dict[int, Counter[int]] = {}
    for name, sample in ledger.select("group_id", "sample_idx").iter_rows():
        seen.setdefault(int(name.rpartition("-")[2]), Counter())[sample] += 1
    once = {draw for draw, counts in seen.items() if counts == Counter(range(samples))}
    doubled = {draw for draw, counts in seen.items() if draw not in wanted or max(counts.values()) > 1}
    return Account(
        groups_expected=len(wanted),
        groups_seen_once=len(once & wanted),
        lost=len(wanted - once - doubled),
        doubled=len(doubled),
    )


def account_of(run: Path, samples: int) -> Account:
    """The account of a finished run: all that it drew, but for what had run ahead of its last step."""
    newest = checkpoint.latest(run / "rl" / "checkpoints")
    assert newest is not None, "a finished run has a checkpoint"
    state = read_json(newest / checkpoint.STATE)
    runs_ahead = load_recipe(run / "rl" / "config.yaml").rl.max_staleness > 0
    expected = set(range(state["cursor"])) - set(state["unsettled"] if runs_ahead else ())
    return account(read_ledger(run / "rl" / "ledger", ["step", "group_id", "sample_idx"]), expected, samples)


def victim(driver: Driver, kind: str, random: np.random.Generator) -> psutil.Process:
    """A process of that kind, once there is one."""
    driver.until(lambda: bool(driver.named(ACTORS[kind])), START_S)
    found = driver.named(ACTORS[kind])
    return found[int(random.integers(len(found)))]


def disturb(
    words: Sequence[str], run: Path, kills: Sequence[Kill], random: np.random.Generator, log: Path
) -> dict[str, Any]:
    """Carry out `kills` against the run that `words` start, and let it finish; returns seconds."""

    def saved() -> int:
        return checkpoint.step_of(checkpoint.latest(run / "rl" / "checkpoints"))

    started = time.monotonic()
    driver = Driver(list(words), log)
    drivers = [driver]
    try:
        for number, kill in enumerate(kills):
            before = saved()
            bound = START_S if number else FIRST_START_S
            driver.until(lambda at=before + kill.steps: saved() >= at, bound, 0.02)  # type: ignore[misc]
            driver.rest(kill.delay_s)
            print(f"kill {number + 1}: {kill.kind} after step {saved()}", file=sys.stderr, flush=True)
            if kill.kind == "driver":
                driver.kill()
                driver = Driver(list(words), log)
                drivers.append(driver)
            else:
                victim(driver, kill.kind, random).kill()
        killed = time.monotonic()
        status = driver.wait(3600)
        if status:
            raise RuntimeError(f"the run ended with status {status}\n{driver.tail()}")
    finally:
        if driver.process.poll() is None:
            driver.kill()
    now = time.monotonic()
    for driver in drivers:
        driver.see_agents_gone()
    return {"seconds": round(now - started, 1), "seconds_undisturbed_end": round(now - killed, 1)}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--staleness", type=int, default=0, help="rl.max_staleness of the run")
    parser.add_argument("--json", action="store_true", help="print JSON alone on standard output")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the driver is ended then
    place = Path(tempfile.mkdtemp(prefix="usergpt-chaos-"))
    (place / "chaos.yaml").write_text(RECIPE)
    steps = STEPS_A_KILL * arguments.kills + 4
    words = [
        "run", str(place / "chaos.yaml"), f"runs_dir={place}", "--until", "rl",
        f"rl.steps={steps}", f"rl.max_staleness={arguments.staleness}",
    ]  # fmt: skip
    kills = schedule(arguments.seed, arguments.kills)
    random = np.random.default_rng([arguments.seed, 1])
    seconds = disturb(words, place / "chaos", kills, random, place / "log.txt")
    losses = place / "chaos" / "rl" / "losses.json"
    told = read_json(losses) if losses.exists() else []
    found = {
        "kills": len(kills),
        **asdict(account_of(place / "chaos", 2)),
        "kills_by_kind": dict(sorted(Counter(kill.kind for kill in kills).items())),
        "losses_told": len(told),
        "steps": steps,
        "seed": arguments.seed,
        "max_staleness": arguments.staleness,
        **seconds,
    }
    shutil.rmtree(place)
    if not arguments.json:
        print(", ".join(f"{name} {value}" for name, value in found.items()))
    else:
        print(json.dumps(found))
    if found["lost"] or found["doubled"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
