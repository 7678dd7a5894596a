"""The schema of persona induction: sessions and memories, clusters, quality."""

from dataclasses import dataclass

from records.actions import LOW_IMPACT
from records.options import opt


@dataclass
class MemoryConfig:
    """From events to intent memories."""

    gap_minutes: float = opt(
        0.0, "Silence that ends a session; 0: chosen from the valley in the log's own pauses.", low=0
    )
    wants: int = opt(5, "Names a memory holds, those with most events.", low=1)
    low_impact: str = opt(LOW_IMPACT, "Regular expression of actions that an order goes before.")
    searches: str = opt(
        r"(?i)search|query", "Regular expression of actions that take typing: no slip of the finger."
    )
    cancels: str = opt(
        r"(?i)cancel|return|refund",
        "Regular expression of actions that undo an order, as a negative count does.",
    )
    value_per_piece: bool = opt(
        True, "The log's `value` is the price of a piece; false: that of the row, pieces included."
    )
    loop_events: int = opt(
        4, "The same action on the same title so many times in a row is a dead loop.", low=2
    )
    loop_seconds: float = opt(5.0, "Longest pause in a dead loop; a person who looks takes longer.", low=0)
    slip_events: int = opt(20, "Events a user has at least before any of them is called a mis-click.", low=2)
    machine_events: int = opt(
        1000, "Events at a constant pace from which a user, or a session, is a machine's.", low=10
    )


@dataclass
class ClusterConfig:
    """From memories to groups of them."""

    method: str = opt(
        "ward",
        "How memories are grouped: ward (by weight, one persona or more) or hdbscan (by density, or none).",
    )
    embeddings: str = opt(
        "all-MiniLM-L6-v2", "Sentence-embedding model: the one installed with the project, or a directory."
    )
    cached_texts: int = opt(
        500_000, "Vectors kept in memory and on disk, 784 bytes each; the oldest go first.", low=1
    )
    worth: float = opt(
        0.6,
        "How foreign two groups must be to become two personas, and a memory to stay in none: 0: as alike as "
        "each is in itself, 1: as foreign as texts of the whole population.",
        low=0,
    )
    most_personas: int = opt(8, "Personas a user, at most.", low=1, high=12)
    least_memories: int = opt(3, "Memories that a persona of several must stand on.", low=1)
    least_share: float = opt(0.03, "The same as a share of the user's memories.", low=0, high=1)
    most_clustered: int = opt(
        512,
        "Distinct texts of a user that are clustered; of more, a sample, and the rest joins what is near.",
        low=2,
    )
    most_embedded: int = opt(
        4_000,
        "Distinct texts of a user that are embedded, those behind which most stands; memories with others "
        "join by their names.",
        low=2,
    )
    citations: int = opt(6, "Memories that a statement cites, at most.", low=3)


@dataclass
class QualityConfig:
    """How persona sets are scored. A middle is halfway between bad and good, a spread how fast that goes."""

    cohesion_middle: float = opt(
        0.2,
        "Cosine within a persona less that to others, at which cohesion is one half.",
        low=-1,
        high=1,
    )
    cohesion_spread: float = opt(0.1, "Distance from it at which cohesion is .73.", low=1e-3, high=1)
    alignment_middle: float = opt(
        0.35,
        "Cosine of a statement and memories it cites, at which it is half supported.",
        low=-1,
        high=1,
    )
    alignment_spread: float = opt(0.1, "Distance from it at which support is .73.", low=1e-3, high=1)
    telling_claims: int = opt(
        3, "True claims that tell a persona from the user's other memories and make it fully told.", low=1
    )
    overlap_floor: float = opt(
        0.55, "Cosine of two personas' mean memories from which on they begin to be one.", low=0, high=0.99
    )


INDUCERS = ("clusters", "plain", "endpoint")
"""Who may induce personas without a trained model."""


@dataclass
class InduceConfig:
    """From a log to personas."""

    inducer: str = opt(
        "clusters",
        "Who induces, where no run's model does: clusters (checks what it says), plain (the usual baseline, "
        "which does not) or endpoint (the language model of section llm).",
    )
    line_tokens: int = opt(
        2048, "Tokens of the memory lines that a language model is shown of a user, at most.", low=16
    )
    memories: MemoryConfig = opt(MemoryConfig, "From events to intent memories.")
    clusters: ClusterConfig = opt(ClusterConfig, "From memories to groups of them.")
    quality: QualityConfig = opt(QualityConfig, "How persona sets are scored.")
