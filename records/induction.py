"""The schema of persona induction: sessions and memories, clusters, quality."""

from dataclasses import dataclass

from records.options import opt


@dataclass
class MemoryConfig:
    """From events to intent memories."""

    gap_minutes: float = opt(
        0.0, "Silence that ends a session; 0: chosen from the valley in the log's own pauses.", low=0
    )


@dataclass
class ClusterConfig:
    """From memories to groups of them."""


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


@dataclass
class InduceConfig:
    memories: MemoryConfig = opt(MemoryConfig, "From events to intent memories.")
    clusters: ClusterConfig = opt(ClusterConfig, "From memories to groups of them.")
    quality: QualityConfig = opt(QualityConfig, "How persona sets are scored.")
