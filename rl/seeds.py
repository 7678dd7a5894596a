"""Seeds that depend on where a sample stands, never on when it ran."""

import numpy as np


def derived_seed(use: str, *place: int) -> int:
    """A 31-bit seed for one `use` (train, probe, bench) from a place such as (run seed, step, round, prompt).

    The use and the length of the place are part of it: seeds of different uses do not meet.
    """
    return int(np.random.SeedSequence([*use.encode(), len(place), *place]).generate_state(1)[0]) >> 1


def group_seed(run_seed: int, cursor: int) -> int:
    """The seed of the group of the draw at a place."""
    return derived_seed("train", run_seed, cursor)
