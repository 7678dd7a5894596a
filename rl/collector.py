"""From prompts to judged groups: generate, score, judge, and again until a batch is full.

    prompts ──► rollouts ──► scorers ──► verdicts ──► ready ──► the batch
       ▲                                        └──► dropped
       └── as many as `max_staleness` lets run ahead

With `max_staleness` 0 the groups that a batch lacks are asked for in rounds, and a round is judged when all
of it is there, in the order of its prompts: nothing depends on who was faster. With k ≥ 1 prompts are under
way all the time, also while the learner is at work: as many as can be trained within k updates if none is
dropped.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic

from records.config import RLConfig
from records.prompt import Request, RolloutGroup, Sampling, ScoredGroup
from rl.filters import STALE, JudgedGroup, filters_at, judge
from rl.modes import REPLAY
from rl.prompts import Draw, PromptStream, group_name
from rl.protocols import Finished, NoAnswerError, PromptsEndedError, Rollouts, Scorers
from rl.refill import StarvedError, reasons_told, rescued
from rl.seeds import group_seed

Recorder = Callable[[Sequence[JudgedGroup], Sequence[JudgedGroup]], None]
"""Takes all groups that a step settles, as far as they are known, and those of them that train."""

LOOK_S = 0.02
"""How long to wait for one kind of actor while the other is at work too, seconds."""

EMPTY_STEPS = 3
"""Steps in a row without any group to train on that end a run, whatever policy is declared."""

WAIT_S = 1.0
"""How long to wait for the only kind at work before looking again, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """Every group that a step settles (those it drops and those it trains), and those that train."""

    judged: tuple[JudgedGroup, ...]
    training: tuple[JudgedGroup, ...]
    rounds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A draw under way, and the names that its group goes by."""

    draw: Draw
    group_id: str
    round: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """A judged group that no step has settled yet."""

    draw: Draw
    group: JudgedGroup


class Collector:
    """All that happens between the prompt stream and the batch; `collect` is called step by step.

    `empty_steps` counts the last steps in a row that had nothing to train on; a resumed run hands them in.
    """

    def __init__(
        self,
        config: RLConfig,
        stream: PromptStream,
        rollouts: Rollouts,
        scorers: Scorers,
        seed: int,
        empty_steps: int = 0,
    ) -> None:
        self.config = config
        self.stream = stream
        self.rollouts = rollouts
        self.scorers = scorers
        self.seed = seed
        self._sampling = Sampling(
            temperature=config.temperature, top_p=config.top_p, max_tokens=config.max_response_tokens
        )
        self._at_engines: dict[int, _Asked] = {}
        self._at_scorers: dict[int, _Asked] = {}
        self._ready: list[_Judged] = []
        self._dropped: list[_Judged] = []
        self._version = self._next_step = 0
        self._rounds = self._judged = 0
        self._silent_s, self._lost = 0.0, 0
        self.empty_steps = empty_steps

    def collect(self, step: int, record: Recorder) -> Collected:
        """The groups of one step; the weights of version `step` are published.

        `record` is given what the step settles and what of it trains, each time before that acts. Where the
        filters leave too little, the declared policy acts (`rl.refill`).

        Raises:
            StarvedError: as declared, or for EMPTY_STEPS steps in a row nothing was left to train on.
            NoAnswerError: a group that engines or scorers were given does not come back.
        """
        config, wanted = self.config, self.config.groups_per_step
        self._version = self._next_step = step
        self._rounds = self._judged = 0
        self._silent_s = 0.0
        self._judge_anew()
        while len(self._ready) < wanted and not self._spent():
            if config.max_staleness:
                self.pump(wait=True)
            else:
                self._play_round(wanted - len(self._ready))
                record(*self._settled(wanted))
        if config.max_staleness:
            self._rounds = -(-self._judged // wanted)
            record(*self._settled(wanted))
        if len(self._ready) < wanted:
            try:
                self._rescue(wanted - len(self._ready))
            except StarvedError:
                record(self._settled(wanted)[0], ())  # kept or not, nothing of it trains
                raise
            record(*self._settled(wanted))
        self.empty_steps = 0 if self._ready else self.empty_steps + 1
        if self.empty_steps >= EMPTY_STEPS:
            nothing = [one.group for one in self._dropped]
            raise StarvedError(
                f"{EMPTY_STEPS} steps in a row had nothing to train on; {reasons_told(nothing)}"
            )
        judged, training = self._settled(wanted)
        for group in judged:
            if STALE not in group.verdict.group_reasons:  # of which its prompt is innocent
                self.stream.note(group.scored.group.prompt, kept=group.verdict.kept)
        self._ready, self._dropped = self._ready[wanted:], []
        self._next_step = step + 1
        return Collected(judged=tuple(judged), training=tuple(training), rounds=self._rounds)

    def pump(self, *, wait: bool = False) -> None:
        """Move on whatever can move; with `wait`, after something did or a second has passed."""
        if self.config.max_staleness:
            self._ask_ahead(wait=wait)
        began = monotonic()
        both = self._at_engines and self._at_scorers
        finished = self.rollouts.poll((LOOK_S if both else WAIT_S) if wait else 0.0)
        for done in finished:
            if done.key in self._at_engines:
                self._to_scorers(self._at_engines.pop(done.key), done)
        alone = not self._at_engines
        scored = self.scorers.poll((WAIT_S if alone else 0.0) if wait else 0.0)
        for key, group in scored:
            if key in self._at_scorers:  # and not left over from before a learner was lost
                self._judge(self._at_scorers.pop(key).draw, group)
        if wait:
            self._listen(monotonic() - began, heard=bool(finished or scored))

    def unsettled(self) -> list[int]:
        """Places in the stream of draws that no step has settled: a resumed run takes them again."""
        draws = [asked.draw for asked in (*self._at_engines.values(), *self._at_scorers.values())]
        draws += [one.draw for one in (*self._ready, *self._dropped)]
        return sorted([*(draw.cursor for draw in draws), *self.stream.not_taken_again()])

    def _listen(self, looked_s: float, *, heard: bool) -> None:
        """Bound the silence of pools that owe groups: their own bounds end every wait before it is over.

        A look that took longer than it may wait counts as that: the pool was at something itself meanwhile.
        """
        lost = len(self.rollouts.lost) + len(self.scorers.lost)
        owed = {"rollout engines": self._at_engines, "scorers": self._at_scorers}
        if heard or lost != self._lost or not any(owed.values()):
            self._silent_s, self._lost = 0.0, lost
            return
        self._silent_s += min(looked_s, WAIT_S)
        if self._silent_s > self.rollouts.patience_s + self.scorers.patience_s:
            told = " and ".join(f"{pool} owe {_named(asked)}" for pool, asked in owed.items() if asked)
            raise NoAnswerError(
                f"{told}, and gave no sign for {self._silent_s:.0f} s, longer than their own bounds allow "
                "(cluster.timeout_s, scorer.timeout_s); run it again: it goes on from the newest checkpoint"
            )

    def _play_round(self, count: int) -> None:
        self._ask(count)
        while self._at_engines or self._at_scorers:
            self.pump(wait=True)
        self._rounds += 1
        for groups in (self._ready, self._dropped):
            groups.sort(key=lambda one: one.group.scored.group.group_id)

    def _ask(self, count: int, *, wait: bool = True) -> int:
        """Have groups sampled for the next `count` draws; without `wait`, for those that are there. Returns
        how many there were."""
        draws = self.stream.take(count, wait=wait)
        for place, draw in enumerate(draws):
            request = Request(
                prompt=draw.prompt,
                samples=self.config.group_size,
                seed=group_seed(self.seed, draw.cursor),
            )
            key = self.rollouts.submit(request, self._sampling, None if self.config.max_staleness else place)
            name = group_name(self._next_step, draw.cursor)
            rounds = 0 if self.config.max_staleness else self._rounds
            self._at_engines[key] = _Asked(draw=draw, group_id=name, round=rounds)
            self._silent_s = 0.0
        return len(draws)

    def _ask_ahead(self, *, wait: bool) -> None:
        """Ask for as much as there is room for, as far as its prompts are there; with nothing else to `wait`
        for, until they are."""
        room, idle = self._room(), not (self._at_engines or self._at_scorers)
        try:
            while room and self._ask(1, wait=wait and idle):
                room, idle = room - 1, False
        except PromptsEndedError:
            if wait:  # and not beside an update, which has to end first
                raise

    def _room(self) -> int:
        """How many more groups may be under way: what batches take within `max_staleness` updates."""
        ahead = self._next_step - self._version
        batches = min(self.config.max_staleness + 1 - ahead, self.config.steps - self._next_step)
        under_way = len(self._at_engines) + len(self._at_scorers) + len(self._ready)
        return max(0, batches * self.config.groups_per_step - under_way)

    def _to_scorers(self, asked: _Asked, done: Finished) -> None:
        group = RolloutGroup(
            group_id=asked.group_id,
            round=asked.round,
            attempt=done.attempt,
            prompt=asked.draw.prompt,
            rollouts=done.rollouts,
        )
        self._at_scorers[self.scorers.submit(group)] = asked

    def _judge(self, draw: Draw, scored: ScoredGroup) -> None:
        """Both filters' verdict for the step whose batch is next, and whether the group is too old for it."""
        verdict = judge(scored, filters_at(self.config.filters, self._next_step))
        oldest = min(rollout.policy_version for rollout in scored.group.rollouts)
        # The versions of what is replayed are those of another run's policy.
        if self.config.mode != REPLAY and self._next_step - oldest > self.config.max_staleness:
            verdict = replace(verdict, group_reasons=(*verdict.group_reasons, STALE))
        judged = _Judged(draw=draw, group=JudgedGroup(scored=scored, verdict=verdict))
        self._judged += 1
        (self._ready if verdict.kept else self._dropped).append(judged)

    def _judge_anew(self) -> None:
        """Judge what no step has settled for the step that begins: thresholds move, and groups grow old."""
        waiting, self._ready, self._dropped = [*self._ready, *self._dropped], [], []
        for one in waiting:
            self._judge(one.draw, one.group.scored)
        self._judged = 0

    def _rescue(self, missing: int) -> None:
        config = replace(self.config, filters=filters_at(self.config.filters, self._next_step))
        saved = rescued([one.group for one in (*self._ready, *self._dropped)], config, missing)
        for group in saved:  # in the order of the policy
            self._ready += [one for one in self._dropped if one.group is group]
        self._dropped = [one for one in self._dropped if all(one.group is not group for group in saved)]

    def _settled(self, wanted: int) -> tuple[list[JudgedGroup], list[JudgedGroup]]:
        training = [one.group for one in self._ready[:wanted]]
        judged = [*training, *(one.group for one in self._dropped)]
        return sorted(judged, key=lambda group: group.scored.group.group_id), training

    def _spent(self) -> bool:
        """Whether the step has had all the generation that it may have."""
        rounds = self._judged // self.config.groups_per_step if self.config.max_staleness else self._rounds
        return rounds >= self.config.refill.max_rounds


def _named(asked: Mapping[int, _Asked]) -> str:
    """The group that was asked for first, and how many more there are."""
    first, more = next(iter(asked.values())).group_id, len(asked) - 1
    return f"group {first}" + (f" and {more} more" if more else "")
