"""One Ray for all stages of a command."""

from collections.abc import Iterator
from contextlib import contextmanager

from actors.cluster import ray_cluster
from records.config import Recipe


@contextmanager
def joined(recipe: Recipe) -> Iterator[bool]:
    """Inside the block there is a Ray; an outer block's is used. Yields whether it is one machine."""
    with ray_cluster(recipe.cluster) as local:
        yield local
