"""Seeds that depend on where a sample stands, never on when it ran."""

import numpy as np


def derived_seed(*place: int) -> int:
    """A 31-bit seed from a place such as (run seed, step, round, prompt)."""
    return int(np.random.SeedSequence(place).generate_state(1)[0]) >> 1
