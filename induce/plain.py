"""The plain baseline: clusters, a sample of each, and what is most frequent in it.

    intents with a text ── Ward, number by silhouette ──> clusters
                                                             ├─ central and diverse ones ──> sample, cited
                                                             └─ counts ──> label, statements, unchecked

What papers hold their inducers against. `ClusterInducer` knows the claims' rules and says only what the
memories that it cites bear out; nothing here does: every statement cites the same sample.

Suffixes: N memories, K of them clustered, D width of a vector.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from induce.embedding import Embedder
from induce.inducers import Given, Settings, sets_of
from induce.labelling import MOST_IN_LABEL, apart, done, terms_of
from induce.population import text_of
from induce.silhouette import silhouette_clusters
from induce.texts import joined_by_names
from induce.vector_cache import Vectors
from induce.ward import Ints
from records.induction import ClusterConfig
from records.persona import IntentMemory, Persona, PersonaSet, Statement
from rewards.personas.claims import MOST_NAMES, VERBS, WHEN, Claim, family, render
from rewards.personas.facts import Facts, Setting, holds

PROTOTYPICALITY = 0.5
"""How much being central counts in a sample; the rest is being unlike what is in it already."""

Memories = Sequence[IntentMemory]


class PlainInducer:
    """Personas by unweighted Ward clustering, evidence by sampling, labels and statements by frequency.

    Clusters are as many as have the highest silhouette, from 2 to `most_personas`, or one. Of more than
    `most_clustered` memories every so many-th is clustered, and the rest joins the nearest centroid. So every
    intent with a text is in exactly one persona, but for texts that are not embedded (`induce.texts`) and
    share no name with one that is. A persona's statements all cite the `citations` memories of
    its `sample`. Personas come in the order of their sizes.

    Example:
        sets = PlainInducer(ClusterConfig(), SentenceEmbedder())(memories)
    """

    def __init__(self, config: ClusterConfig, embedder: Embedder) -> None:
        self.config, self.embedder = config, embedder

    def __call__(self, users: Mapping[str, Memories], settings: Settings | None = None) -> list[PersonaSet]:
        return sets_of(self._personas, users, settings, self.embedder, self.config.most_embedded)

    def _personas(self, given: Given) -> PersonaSet:
        """Clusters of the intents that are `told` by vectors, joined by the `others`."""
        told = given.told
        vectors_ND = given.embedder([text_of(memory) for memory in told])
        cluster_N = _clusters(vectors_ND, self.config)
        rows = [np.flatnonzero(cluster_N == number) for number in np.unique(cluster_N)]
        clusters = [[told[place] for place in row] for row in rows]
        personas = []
        for row, cluster, group in zip(rows, clusters, joined_by_names(clusters, given.others), strict=True):
            cited = sorted(cluster[place].number for place in sample(vectors_ND[row], self.config.citations))
            said = [render((claim,)) for claim in most_frequent(group, given.setting)]
            personas.append(
                Persona(
                    label=_label(group),
                    description=tuple(Statement(text=text, memories=tuple(cited)) for text in said),
                    memories=tuple(memory.number for memory in group),
                )
            )
        personas.sort(key=lambda one: (-len(one.memories), one.memories[0]))
        labels = apart([one.label for one in personas])
        personas = [replace(persona, label=label) for persona, label in zip(personas, labels, strict=True)]
        return PersonaSet(user_id=given.user_id, personas=tuple(personas))


def _clusters(vectors_ND: Vectors, config: ClusterConfig) -> Ints:
    """N: cluster numbers."""
    count = min(len(vectors_ND), config.most_clustered)
    chosen_K = np.linspace(0, len(vectors_ND) - 1, count).astype(int)
    cluster_K = silhouette_clusters(vectors_ND[chosen_K], most=config.most_personas)
    if count == len(vectors_ND):
        return cluster_K
    numbers = np.unique(cluster_K)
    centroids = np.stack([vectors_ND[chosen_K][cluster_K == number].mean(axis=0) for number in numbers])
    # The nearest of unit vectors: |v − c|² less |v|², which is the same for all c.
    nearest_N = ((centroids**2).sum(axis=1) - 2 * vectors_ND @ centroids.T).argmin(axis=1)
    nearest_N[chosen_K] = np.searchsorted(numbers, cluster_K)
    return np.asarray(nearest_N, dtype=np.int64)


def sample(
    vectors_ND: npt.NDArray[np.floating], most: int, prototypicality: float = PROTOTYPICALITY
) -> list[int]:
    """Places of at most `most` of N unit vectors that stand for all of them, in the order they are chosen.

    Greedily, the next has the highest p · cos(x, centroid) − (1 − p) · max cos(x, chosen): central to the
    cluster and unlike what is there already, as PersonaX (arXiv 2503.02398) weighs prototypicality against
    diversity; the form is maximal marginal relevance (Carbonell & Goldstein 1998). Ties go to the earlier.

    Example:
        sample(np.array([[1, 0], [1, 0], [0, 1]]), 2) == [0, 2]
    """
    vectors = np.asarray(vectors_ND, dtype=np.float64)
    centroid = vectors.sum(axis=0)
    length = float(np.linalg.norm(centroid))
    central_N = vectors @ (centroid / length) if length else np.zeros(len(vectors))
    alike_N = np.zeros(len(vectors))
    chosen: list[int] = []
    while len(chosen) < min(most, len(vectors)):
        # Rounded, so that a tie is one on every machine.
        worth_N = np.round(prototypicality * central_N - (1 - prototypicality) * alike_N, 6)
        worth_N[chosen] = -np.inf
        chosen.append(int(worth_N.argmax()))
        cosine_N = vectors @ vectors[chosen[-1]]
        alike_N = cosine_N if len(chosen) == 1 else np.maximum(alike_N, cosine_N)
    return chosen


def most_frequent(group: Memories, setting: Setting) -> list[Claim]:
    """What counts over the group say: its names, category, rhythm and spending; none asks what is cited."""
    facts = Facts(group, setting)
    kind = max(VERBS, key=lambda verb: facts.families[verb])
    terms = terms_of([done(memory) for memory in group if family(memory.action) == kind])
    claims = []
    if terms.names:
        names = [terms.written[name] for name in _ranked(terms.names)[:MOST_NAMES]]
        claims.append(Claim(kind="wants", arguments=(kind, *names)))
    category = _category(group)
    mostly = [Claim(kind="about", arguments=(category,))] if category else []
    mostly += [Claim(kind="when", arguments=(time,)) for time in WHEN]
    claims += [claim for claim in mostly if holds(claim, facts)]
    claims.append(Claim(kind="often", arguments=(facts.often,)))
    if facts.spends is not None:
        claims.append(Claim(kind="spends", arguments=(facts.spends,)))
    return claims


def _label(group: Memories) -> str:
    """The most frequent category, then names; without names, categories alone."""
    terms = terms_of(group)
    category = _category(group)
    names = [terms.written[name] for name in _ranked(terms.names)[: MOST_IN_LABEL + (not category)]]
    # What comes out of a log may hold line breaks; a label is one line.
    return " ".join(": ".join(part for part in (category, ", ".join(names)) if part).split())


def _category(group: Memories) -> str:
    terms = terms_of(group)
    return terms.written[_ranked(terms.categories)[0]] if terms.categories else ""


def _ranked(counts: Counter[str]) -> list[str]:
    """The most frequent first, ties by the alphabet."""
    return sorted(counts, key=lambda term: (-counts[term], term))
