"""A budget that outlives who spends it."""

import asyncio
from pathlib import Path

import pytest

from lm.budget import Budget
from records.errors import UserError


def reserve(budget: Budget, tokens: int) -> bool:
    return asyncio.run(budget.reserve(tokens))


def test_who_comes_next_goes_on_with_what_is_left(tmp_path: Path) -> None:
    record = tmp_path / "spent" / "0"
    first = Budget(100, record)
    assert reserve(first, 60)
    first.settle(60, 20)
    assert reserve(first, 50)
    # Killed here: 20 are spent, and of the 50 in flight nobody will ever know.
    second = Budget(100, record)
    assert not reserve(second, 31)
    assert reserve(second, 30)
    second.settle(30, 0)
    assert reserve(Budget(100, record), 30)
    assert record.read_text() == "70\n30\n"


def test_without_a_record_everybody_begins_anew() -> None:
    for _ in range(2):
        assert reserve(Budget(100), 100)


@pytest.mark.parametrize(("text", "spent"), [("70\n3", 70), ("70\n50\n-4", 120), ("5", 0), ("", 0)])
def test_a_line_that_was_cut_off_is_none(text: str, spent: int, tmp_path: Path) -> None:
    record = tmp_path / "0"
    record.write_text(text)
    budget = Budget(200, record)
    assert record.read_text() == f"{spent}\n"
    assert reserve(budget, 200 - spent)
    budget = Budget(200, record)
    assert not reserve(budget, 1)


def test_a_record_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("many\n")
    with pytest.raises(UserError, match=r"words: no record of tokens spent; delete it"):
        Budget(1, tmp_path / "words")
    with pytest.raises(UserError, match=r"what is spent cannot be recorded there"):
        Budget(1, tmp_path / "words" / "0")
    record = tmp_path / "gone" / "0"
    budget = Budget(1, record)
    record.unlink()
    record.parent.rmdir()
    with pytest.raises(UserError, match=r"what is spent cannot be recorded there"):
        reserve(budget, 1)
