"""Recorded groups in the place of prompts, engines and scorers: the loop runs on a ledger.

    ledger ──► prompts, by place ──► rollouts, as sampled ──► scores, as given ──► filters, learner

What the loop asks for comes at once and as it was. Groups keep their places in the prompt stream, so that the
same settings take the same groups in the same steps, whatever other ones make of them.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from records.errors import UserError
from records.prompt import Prompt, Request, Rollout, RolloutGroup, Sampling, Score, ScoredGroup
from rl.ledger import TOKENS, ledger_path, read_ledger, read_step
from rl.prompts import cursor_of
from rl.protocols import Finished, PromptsEndedError
from rl.seeds import group_seed

ANSWERED_S = 60.0
"""Far more than an answer takes that is there, seconds."""


class RecordedGroups:
    """The groups of a ledger by their places in the prompt stream; a step is read when it is asked for.

    `seed` is that of the run that replays them, `group_size` the samples that it wants of a group.

    Raises:
        UserError: no ledger, no groups or no tokens in it, or groups of another size.
    """

    def __init__(self, directory: Path, seed: int, group_size: int) -> None:
        self.directory = directory
        rows = read_ledger(directory, ("step", "group_id", "prompt_id"))
        if rows.is_empty():
            raise UserError(f"{directory}: the ledger holds no groups; take that of a run that trained")
        groups = rows.group_by(["step", "group_id"], maintain_order=True).agg(
            pl.col("prompt_id").first(), pl.len().alias("samples")
        )
        self._step: dict[int, int] = {}
        self._asked: dict[tuple[str, int], int] = {}
        for step, group_id, prompt_id, samples in groups.iter_rows():
            if samples != group_size:
                raise UserError(
                    f"{directory}: group {group_id} has {samples} samples; set rl.group_size={samples}, "
                    f"now {group_size}"
                )
            cursor = cursor_of(group_id)
            self._step[cursor] = step
            self._asked[prompt_id, group_seed(seed, cursor)] = cursor
        self._last = max(self._step)
        self._read = lru_cache(maxsize=4)(self._groups)  # overlapped steps settle draws of several
        self._read(min(self._step.values()))

    def __len__(self) -> int:
        return len(self._step)

    def at(self, cursor: int) -> Prompt | None:
        """As `Prompts.at`: None where the recording run took no prompt."""
        if cursor > self._last:
            raise PromptsEndedError(f"{self.directory}: its {len(self)} groups are spent")
        return self.of(cursor).group.prompt if cursor in self._step else None

    def ready(self, cursor: int) -> bool:
        """As `Prompts.ready`: all groups are there."""
        return True

    def asked(self, request: Request) -> ScoredGroup:
        """The group that answers a request for a prompt from `at`."""
        return self.of(self._asked[request.prompt.prompt_id, request.seed])

    def of(self, cursor: int) -> ScoredGroup:
        """The group of the draw at a place."""
        return self._read(self._step[cursor])[cursor]

    def _groups(self, step: int) -> dict[int, ScoredGroup]:
        path = ledger_path(self.directory, step)
        rows = read_step(path)
        if "response_ids" not in rows.columns or rows["response_ids"].has_nulls():
            raise UserError(f"{path}: holds no token ids and log-probs; record them with rl.ledger={TOKENS}")
        parts = rows.partition_by("group_id", maintain_order=True)
        return {cursor_of(part["group_id"][0]): _group(part.to_dicts()) for part in parts}


class RecordedRollouts:
    """Rollouts as they were sampled; nothing is left under way."""

    lost: Sequence[str] = ()
    patience_s = ANSWERED_S

    def __init__(self, groups: RecordedGroups) -> None:
        self.groups = groups
        self._finished: list[Finished] = []
        self._next_key = 0

    def submit(self, request: Request, sampling: Sampling, place: int | None = None) -> int:
        """As `Rollouts.submit`."""
        key = self._next_key
        self._next_key += 1
        group = self.groups.asked(request).group
        self._finished.append(Finished(key=key, rollouts=group.rollouts, attempt=group.attempt))
        return key

    def poll(self, timeout_s: float) -> list[Finished]:
        """As `Rollouts.poll`."""
        finished, self._finished = self._finished, []
        return finished

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Rollout]]:
        """As `Generator.generate`."""
        return [list(self.groups.asked(request).group.rollouts) for request in requests]


class RecordedScorers:
    """Scores as they were given."""

    lost: Sequence[str] = ()
    patience_s = ANSWERED_S

    def __init__(self, groups: RecordedGroups) -> None:
        self.groups = groups
        self._scored: list[tuple[int, ScoredGroup]] = []
        self._next_key = 0

    def submit(self, group: RolloutGroup) -> int:
        """As `Scorers.submit`."""
        key = self._next_key
        self._next_key += 1
        self._scored.append((key, self._as_scored(group)))
        return key

    def poll(self, timeout_s: float) -> list[tuple[int, ScoredGroup]]:
        """As `Scorers.poll`."""
        scored, self._scored = self._scored, []
        return scored

    def score(self, groups: Sequence[RolloutGroup]) -> list[ScoredGroup]:
        """As `Scorers.score`."""
        return [self._as_scored(group) for group in groups]

    def _as_scored(self, group: RolloutGroup) -> ScoredGroup:
        return ScoredGroup(group=group, scores=self.groups.of(cursor_of(group.group_id)).scores)


def _group(rows: Sequence[dict[str, Any]]) -> ScoredGroup:
    first = rows[0]
    group = RolloutGroup(
        group_id=first["group_id"],
        round=first["round"],
        attempt=first["attempt"],
        # Nobody but a scorer asks for a prompt's tags.
        prompt=Prompt(
            prompt_id=first["prompt_id"],
            user_id=first["user_id"],
            task=first["task"],
            tags=(),
            history_lines=first["history_lines"],
            token_ids=tuple(first["prompt_ids"]),
        ),
        rollouts=tuple(
            Rollout(
                prompt_id=row["prompt_id"],
                sample_idx=row["sample_idx"],
                seed=row["seed"],
                token_ids=tuple(row["response_ids"]),
                logprobs=tuple(row["logprobs"]),
                text=row["text"],
                finish_reason=row["finish_reason"],
                policy_version=row["policy_version"],
                gen_seconds=row["gen_seconds"],
            )
            for row in rows
        ),
    )
    scores = tuple(
        Score(
            format_ok=row["format_ok"],
            format_reason=row["format_reason"],
            reward=row["reward"],
            atomic=row["reward_atomic"],
            summary=row["reward_summary"],
            error=row["score_error"],
            reasons=tuple(row["score_reasons"]),
        )
        for row in rows
    )
    return ScoredGroup(group=group, scores=scores)
