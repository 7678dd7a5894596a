"""Users beyond a simulation's, and their histories: as if the simulation had been larger."""

from dataclasses import replace
from pathlib import Path

import pytest

from lm.tokenizer import train_tokenizer
from records.config import SemantizeConfig
from records.history import read_gold
from records.simulation import SimulateConfig
from semantize.folder import Job, open_log
from semantize.in_memory import InMemorySemantizer
from semantize.pipeline import LocalRunner, semantize
from semantize.store import read_histories
from semantize.worker import Semantizer
from simulate.beyond import UserSource, first_block_beyond
from simulate.block import BLOCK
from simulate.engine import scan, simulate

CONFIG = SimulateConfig(users=2 * BLOCK, min_days=60, max_days=120)


@pytest.mark.parametrize(("users", "first"), [(1, 1), (BLOCK, 1), (BLOCK + 1, 2), (2000, 16)])
def test_the_first_block_beyond_holds_no_user_of_the_simulation(users: int, first: int) -> None:
    assert first_block_beyond(users) == first
    assert (first - 1) * BLOCK < users <= first * BLOCK


def test_a_block_beyond_is_that_of_a_larger_simulation_and_so_are_its_histories(tmp_path: Path) -> None:
    """Written, read and semantized by the folder, or made in memory: the same users, labels and lines."""
    simulate(CONFIG, 7, tmp_path / "events")
    lines = [f"\n#{n} [Source: E-commerce] [TIME: 2026-01] [TYPE: Order] | Tea" for n in range(50)]
    train_tokenizer(lines, 400).backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
    out = tmp_path / "histories"
    generation = open_log(str(tmp_path / "events"), Job(config=SemantizeConfig(token_budget=400)), out)
    semantizer = Semantizer(out, 0, None)
    tokenizer = tmp_path / "tokenizer.json"
    semantize(generation, semantizer, LocalRunner(semantizer), tokenizer, 0.0, lambda *progress: None)

    users, log, gold = UserSource(replace(CONFIG, users=BLOCK - 5), 7).draw(1)
    whole = scan(tmp_path / "events", "events").collect()
    assert log.equals(whole.filter(whole["user_id"].is_in(users)))
    told = read_gold(tmp_path / "events" / "gold-*.parquet")
    assert gold == {user: told[user] for user in users}
    written = {history.user_id: history for history in read_histories(out)}
    made = InMemorySemantizer(out).histories(log)
    assert made == [written[user] for user in users if user in written]
    assert len(made) > 100
