"""Which of a user's memories are embedded: all, or of a user with too many different texts those that weigh
most; the others go by their names."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from induce.embedding import Embedder
from induce.population import text_of
from induce.vector_cache import Vectors, digest
from records.persona import IntentMemory

Memories = Sequence[IntentMemory]


def weight(memory: IntentMemory) -> float:
    """How much stands behind a memory: 1 + log2 of its events, so that one long session does not outweigh
    weeks of short ones."""
    return 1 + math.log2(max(1, len(memory.event_ids)))


def embedded(memories: Memories, most: int) -> tuple[list[IntentMemory], list[IntentMemory]]:
    """Memories with a text: those that have one of the `most` texts behind which most stands (ties as good as
    by chance), and the others."""
    told = [(memory, text) for memory in memories if (text := text_of(memory))]
    weights: dict[str, float] = {}
    for memory, text in told:
        weights[text] = weights.get(text, 0.0) + weight(memory)
    chosen = set(weights)
    if len(weights) > most:
        chosen = set(sorted(weights, key=lambda text: (-weights[text], digest(text)))[:most])
    return (
        [memory for memory, text in told if text in chosen],
        [memory for memory, text in told if text not in chosen],
    )


def embedded_of(
    users: Mapping[str, Memories], most: int
) -> dict[str, tuple[list[IntentMemory], list[IntentMemory]]]:
    """`embedded` of each user's intents, in the order of their numbers."""
    return {
        user: embedded(sorted((one for one in memories if not one.noise), key=lambda one: one.number), most)
        for user, memories in users.items()
    }


def joined_by_names(groups: Sequence[Memories], others: Memories) -> list[list[IntentMemory]]:
    """`groups` with each of the `others` in the group where most memories want one of its names (ties: the
    first group), or in none where none does; in order of numbers."""
    wanted: dict[str, Counter[int]] = {}
    for place, group in enumerate(groups):
        for memory in group:
            for name in {name.casefold() for name in memory.wants}:
                wanted.setdefault(name, Counter())[place] += 1
    joined = [list(group) for group in groups]
    for memory in others:
        votes = Counter[int]()
        for name in {name.casefold() for name in memory.wants}:
            votes.update(wanted.get(name, {}))
        if votes:
            joined[min(votes, key=lambda place: (-votes[place], place))].append(memory)
    return [sorted(group, key=lambda memory: memory.number) for group in joined]


def vectors_of(memories: Memories, embedder: Embedder, most: int) -> Vectors:
    """N×D: the vectors of memories' texts, of length 0 where a memory is not `embedded`."""
    chosen, _ = embedded(memories, most)
    place = {memory.number: row for row, memory in enumerate(chosen)}
    vectors_MD = embedder([text_of(memory) for memory in chosen])
    found_ND = np.zeros((len(memories), vectors_MD.shape[1]), dtype=np.float32)
    rows = [row for row, memory in enumerate(memories) if memory.number in place]
    found_ND[rows] = vectors_MD
    return found_ND
