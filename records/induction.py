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
    """How persona sets are scored."""


@dataclass
class InduceConfig:
    memories: MemoryConfig = opt(MemoryConfig, "From events to intent memories.")
    clusters: ClusterConfig = opt(ClusterConfig, "From memories to groups of them.")
    quality: QualityConfig = opt(QualityConfig, "How persona sets are scored.")
