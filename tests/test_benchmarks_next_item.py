"""Public logs as interactions, and the whole comparison on a small one."""

from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks import next_item
from benchmarks.next_item_logs import complete_journey, online_retail
from hprbench.next_item.split import COLUMNS, split_log
from records.errors import UserError
from records.events import EVENT_SCHEMA

RETAIL = {
    "InvoiceNo": ["1", "C2", "1", "3", "4", "5"],
    "Description": [" RED CUP ", "RED CUP", "PLATE", "PLATE", None, "PLATE"],
    "Quantity": [6, -6, 1, -1, 1, 1],
    "InvoiceDate": ["2010-12-01 08:26:00"] * 6,
    "UnitPrice": [2.5] * 6,
    "CustomerID": ["17850.0", "17850.0", "17850.0", "17850.0", "17850.0", None],
}


def test_online_retail_keeps_what_a_customer_bought(tmp_path: Path) -> None:
    """Out go the cancelled, the negative, the unnamed and the one of nobody."""
    pl.DataFrame(RETAIL).write_parquet(tmp_path / "log.parquet")
    found = online_retail(tmp_path / "log.parquet")
    assert set(found.columns) == {*COLUMNS, *EVENT_SCHEMA}
    assert found.select("user_id", "session", "item", "event_id").rows() == [
        ("17850", "1", "RED CUP", "r0"),
        ("17850", "1", "PLATE", "r2"),
    ]


def test_complete_journey_names_kinds_of_product(tmp_path: Path) -> None:
    pl.DataFrame(
        {
            "household_id": [7, 7],
            "basket_id": [1, 1],
            "product_id": [11, 12],
            "transaction_timestamp": [datetime(2017, 1, 1)] * 2,
            "quantity": [2, 1],
            "sales_value": [3.0, 1.0],
        }
    ).write_parquet(tmp_path / "transactions.parquet")
    pl.DataFrame(
        {"product_id": [11, 12], "product_category": ["MILK", None], "product_type": ["WHOLE MILK", None]}
    ).write_parquet(tmp_path / "products.parquet")
    found = complete_journey(tmp_path)
    assert found.select("user_id", "session", "item").rows() == [("7", "1", "MILK WHOLE MILK")]
    assert found.select("content", "category", "count", "value").rows() == [("WHOLE MILK", "MILK", 2, 3.0)]


def test_a_log_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere.parquet: not readable"):
        online_retail(tmp_path / "nowhere.parquet")


def test_the_comparison_is_whole_and_repeats_itself() -> None:
    """Users keep to a quarter of the things each, so that the history tells more than popularity."""
    generator = np.random.default_rng(0)
    rows = [
        (
            f"u{user}",
            datetime(2020, 1, 1 + place // 4, place % 4),
            f"{user}-{place // 4}",
            item,
            item,
            f"{user}.{place}",
        )
        for user in range(40)
        for place, number in enumerate(generator.integers(0, 35, 30))
        for item in [f"quarter{user % 4} thing{35 * (user % 4) + number}"]
    ]
    split = split_log(pl.DataFrame(rows, schema=list(COLUMNS), orient="row"))
    quarters = np.eye(4, dtype=np.float32)[[int(title[7]) for title in split.titles]]
    tasks = [
        next_item.task(one, next_item.stand_ins(one, quarters), quarters) for one in (split.earlier(), split)
    ]
    found = next_item.measure(*tasks, seed=0)
    assert found == next_item.measure(*tasks, seed=0)
    assert next_item.described(split)["users"] == 40
    hits = {name: row["all"]["hit"]["value"] for name, row in found.items()}
    assert len(hits) == 22  # seven without personas, five of each kind: sessions, things, and these shuffled
    assert hits["TF-IDF of the history"] > hits["popularity"] + 0.1
    assert found[next_item.TFIDF]["minus_tfidf"]["all"]["hit"] == {"value": 0.0, "interval": [0.0, 0.0]}
    assert {name for name, row in found.items() if "minus_shuffled" in row} == {
        name for name in found if name.endswith("(things)")
    }
