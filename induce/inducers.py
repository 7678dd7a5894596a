"""Users' memories in, their personas out.

memories ── intents with a text ──> people ──> clusters of each ──> label, statements ──> PersonaSet
                                                                       or the reason why not
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, TypeAlias

from induce.clustering import background_of, check_clusters, cluster
from induce.describing import personas_of
from induce.embedding import Embedder, Prepared
from induce.people import second_person
from induce.population import Population, text_of
from induce.texts import Memories, embedded_of, joined_by_names, weight
from records.induction import ClusterConfig
from records.persona import IntentMemory, PersonaSet
from rewards.personas.facts import Setting, setting_of

NO_MEMORIES = "no_memories"
"""Reason: the user has no memory at all."""
ALL_NOISE = "all_noise"
"""Reason: no memory is an intent of the user's own."""
NO_TEXT = "no_text"
"""Reason: no intent has a name or a category."""
NO_CLUSTER = "no_cluster"
"""Reason: no group of memories is dense enough (`method: hdbscan`)."""


Settings: TypeAlias = Mapping[str, Setting]
"""User → what is known of the whole log: where memories are but a part of it, what is little and much money,
and where the log ends, is the whole's."""


class Inducer(Protocol):
    """Finds the personas of users.

    A user's set depends on nothing but the user's memories: neither on the other users of a call nor on their
    order. A user without personas has the reason in `error`; nothing about one user's memories is raised.
    """

    def __call__(self, users: Mapping[str, Sequence[IntentMemory]]) -> list[PersonaSet]:
        """User id → memories, numbered in time order; a set a user, in the order of `users`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a user's personas are made of: all `memories`, the intents that are `told` by vectors and the
    `others` (`induce.texts`), the `setting` of the whole log, and an embedder with the vectors at hand."""

    user_id: str
    memories: Memories
    told: Memories
    others: Memories
    setting: Setting
    embedder: Embedder


def sets_of(
    personas_of_one: Callable[[Given], PersonaSet],
    users: Mapping[str, Memories],
    settings: Settings | None,
    embedder: Embedder,
    most_embedded: int,
) -> list[PersonaSet]:
    """A set a user: what `personas_of_one` finds, or the reason why there can be none.

    Texts are embedded in one call: a batch of one user's few would leave the model idle.
    """
    parted = embedded_of(users, most_embedded)
    vectors = Prepared(embedder, [text_of(memory) for told, _ in parted.values() for memory in told])
    known = settings or settings_of(users)
    return [
        PersonaSet(user_id=user, personas=(), error=reason)
        if (reason := reason_of(users[user]))
        else personas_of_one(
            Given(
                user_id=user,
                memories=users[user],
                told=told,
                others=others,
                setting=known[user],
                embedder=vectors,
            )
        )
        for user, (told, others) in parted.items()
    ]


class ClusterInducer:
    """Personas without a language model: clusters of embedded memories, described by what can be counted.

    Every intent is in at most one persona, and noise in none. Where two people are seen to use the account,
    no persona is made of memories of both (of those that are not embedded nothing tells whose they are).
    Personas come in the order of what stands behind them, most first.

    Args:
        embedder: what texts mean.
        population: the whole log's, not the call's: the same for all calls about one log.

    Raises:
        UserError: `config` can mean nothing.

    Example:
        inducer = ClusterInducer(ClusterConfig(), SentenceEmbedder(), population_of(memories.values()))
        sets = inducer(memories)
    """

    def __init__(self, config: ClusterConfig, embedder: Embedder, population: Population) -> None:
        check_clusters(config)
        self.config, self.embedder, self.population = config, embedder, population

    def __call__(
        self, users: Mapping[str, Sequence[IntentMemory]], settings: Settings | None = None
    ) -> list[PersonaSet]:
        return sets_of(self._personas, users, settings, self.embedder, self.config.most_embedded)

    @cached_property
    def background(self) -> float:
        """How alike two memories are that have nothing in common: of the population, whoever they are of."""
        return background_of(self.population.texts, self.embedder)

    def _personas(self, given: Given) -> PersonaSet:
        """Clusters of the intents that are `told` by vectors, joined by the `others`."""
        people = self._people(given.told, given.embedder)
        clusters = [group for one, most in people for group in self._clusters(one, most, given.embedder)]
        if len(people) > 1:
            clusters.sort(key=lambda group: -sum(map(weight, group)))
        if not clusters:
            return PersonaSet(user_id=given.user_id, personas=(), error=NO_CLUSTER)
        groups = joined_by_names(clusters, given.others)
        intents = sorted((one for one in given.memories if not one.noise), key=lambda one: one.number)
        most = self.config.citations
        personas = personas_of(groups, intents, given.setting, self.population, most)
        return PersonaSet(user_id=given.user_id, personas=personas)

    def _people(self, told: Memories, embedder: Embedder) -> list[tuple[Memories, int]]:
        """The memories of each person behind the account, and how many personas that one may have."""
        most, least = self.config.most_personas, self._least(len(told))
        distinct = sorted({text_of(memory) for memory in told})
        if most < 2 or len(told) < 2 * least:
            return [(told, most)]
        second_N = second_person(told, distinct, embedder(distinct), most=self.config.most_clustered)
        parts = [[one for one, who in zip(told, second_N, strict=True) if who == person] for person in (0, 1)]
        if min(map(len, parts)) < least:
            return [(told, most)]
        second = min(max(1, round(most * len(parts[1]) / len(told))), most - 1)
        return [(parts[0], most - second), (parts[1], second)]

    def _least(self, memories: int) -> float:
        return max(self.config.least_memories, self.config.least_share * memories)

    def _clusters(self, told: Memories, most: int, embedder: Embedder) -> list[list[IntentMemory]]:
        """Clusters of one person's memories."""
        found_N = cluster(
            [text_of(memory) for memory in told],
            [weight(memory) for memory in told],
            embedder,
            background=self.background,
            config=replace(self.config, most_personas=most),
        )
        return [
            [memory for memory, label in zip(told, found_N, strict=True) if label == number]
            for number in range(found_N.max() + 1)
        ]


def settings_of(users: Mapping[str, Memories]) -> Settings:
    """What is known of each user's whole log, where it is what `users` hold."""
    return {user: setting_of(memories) for user, memories in users.items() if memories}


def reason_of(memories: Sequence[IntentMemory]) -> str:
    """Why a user can have no personas; "" where there are intents with a text."""
    intents = [memory for memory in memories if not memory.noise]
    if not intents:
        return ALL_NOISE if memories else NO_MEMORIES
    return "" if any(map(text_of, intents)) else NO_TEXT
