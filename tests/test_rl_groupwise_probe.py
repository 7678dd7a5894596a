"""Win rates against the reference, by hand."""

import math
from pathlib import Path

import polars as pl
import pytest

from records.errors import UserError
from rl.groupwise_probe import PROBE_SCHEMA, probe_metrics, win_rate
from rl.ledger import write_table
from rl.probe import probe_path


def _probe(qualities: dict[str, list[float | None]]) -> pl.DataFrame:
    """By prompt the qualities of its responses; None: invalid."""
    rows = [
        {
            "prompt_id": prompt,
            "user_id": prompt,
            "sample_idx": index,
            "response_tokens": 3,
            "quality": quality,
            "invalid": "" if quality is not None else "schema",
        }
        for prompt, mine in qualities.items()
        for index, quality in enumerate(mine)
    ]
    return pl.DataFrame(rows, schema=PROBE_SCHEMA, orient="row")


def test_win_rates_by_hand() -> None:
    reference = _probe({"a": [0.5, None], "b": [0.25]})
    # a: .5 ties with .5 and beats the invalid one: 1.5 / 2. b: .75 beats .25, invalid loses: 1 / 2.
    policy = _probe({"a": [0.5], "b": [0.75, None]})
    assert win_rate(policy, reference, 0.0) == pytest.approx((0.75 + 0.5) / 2)
    # Within τ, the better one only ties: b is (½ + 0) / 2.
    assert win_rate(policy, reference, 0.5) == pytest.approx((0.75 + 0.25) / 2)
    # Invalid against invalid is a tie.
    assert win_rate(_probe({"a": [None]}), reference, 0.0) == pytest.approx(0.25)
    # Valid beats invalid, however low its quality.
    assert win_rate(_probe({"a": [-1.0]}), _probe({"a": [None]}), 0.0) == 1.0
    # Against itself everything comes to a half.
    assert win_rate(reference, reference, 0.0) == 0.5


def test_prompts_that_one_side_lacks_are_left_out() -> None:
    assert win_rate(_probe({"a": [1.0], "c": [0.0]}), _probe({"a": [0.0], "b": [9.0]}), 0.0) == 1.0
    assert math.isnan(win_rate(_probe({"a": [1.0]}), _probe({}), 0.0))


def test_metrics_of_a_probe(tmp_path: Path) -> None:
    write_table(probe_path(tmp_path, 0), _probe({"a": [0.5, 0.5]}))
    write_table(probe_path(tmp_path, 4), _probe({"a": [1.0, None]}))
    assert probe_metrics(tmp_path, 4, 0.0) == {
        "probe/quality": 1.0,
        "probe/valid_share": 0.5,
        "probe/win_rate": 0.5,
    }
    # Where all scoring failed there is nothing to tell.
    write_table(probe_path(tmp_path, 5), _probe({}))
    assert probe_metrics(tmp_path, 5, 0.0) == {}


def test_without_the_reference_it_says_so(tmp_path: Path) -> None:
    write_table(probe_path(tmp_path, 4), _probe({"a": [1.0]}))
    with pytest.raises(UserError, match=r"step_000000\.parquet: the reference's responses are not there"):
        probe_metrics(tmp_path, 4, 0.0)
