"""Users beyond those of a simulation: those that a larger one with the same settings and seed would have."""

from collections.abc import Mapping

import polars as pl

from records.history import gold_tags
from records.simulation import SimulateConfig
from records.tags import GoldTag
from simulate.block import BLOCK, Simulator
from simulate.engine import MAX_USERS, check_config
from simulate.frames import Tables, observe
from simulate.gold import gold_of
from simulate.world_reader import load_world


def first_block_beyond(users: int) -> int:
    """Number of the first block that holds none of the first `users` users."""
    return -(-users // BLOCK)


MAX_BLOCKS = MAX_USERS // BLOCK
"""Blocks whose users all have names."""


class UserSource:
    """Draws blocks of BLOCK users in memory, each from settings, seed and its number alone."""

    def __init__(self, config: SimulateConfig, seed: int) -> None:
        self.simulator = Simulator(config, load_world(config), seed, check_config(config, seed))
        self.tables = Tables(self.simulator)

    def draw(self, block: int) -> tuple[list[str], pl.DataFrame, Mapping[str, Mapping[str, GoldTag]]]:
        """Ids of a block's users, their log (EVENT_SCHEMA) and their gold tags."""
        drawn = self.simulator.draw(block)
        ids = self.tables.user_ids(block)
        log = self.tables.events(observe(drawn, BLOCK), ids)
        gold = self.tables.gold(gold_of(drawn), log["event_id"], ids, BLOCK)
        return ids.to_list(), log, gold_tags(gold)
