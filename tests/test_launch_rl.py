"""Which questions DF-GRPO asks."""

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from launch.stages.rl_prompts import rl_prompts, write_prompts
from lm.tokenizer import ChatTokenizer, train_tokenizer
from records.history import HistoryLine, SemanticHistory
from records.prompt import COMPOSITE_TASK, Prompt
from records.tags import GIVEN, TAG_NAMES, GoldTag
from tests.test_hprbench_build import gold_user

TOKENIZER = ChatTokenizer(train_tokenizer(["#1 [Source: Shop] | Milk"], 300))
USERS = [f"u{number}" for number in range(8)]
HISTORIES = {
    user: SemanticHistory(
        user_id=user, lines=(HistoryLine(number=1, text="#1 [Source: Shop] | Milk", event_ids=("e1",)),)
    )
    for user in USERS
}


def _labelled(user: str, tags: Sequence[str]) -> dict[str, GoldTag]:
    return {tag: GoldTag(user_id=user, tag=tag, values=(), event_ids=(), difficulty=GIVEN) for tag in tags}


GOLD = {user: _labelled(user, TAG_NAMES) for user in USERS}


def _asked(*, composite_share: float = 0.0, tags_per_prompt: int = 0, seed: int = 0) -> list[Prompt]:
    return rl_prompts(
        USERS,
        HISTORIES,
        GOLD,
        TOKENIZER,
        composite_share=composite_share,
        tags_per_prompt=tags_per_prompt,
        seed=seed,
    )


def test_without_a_limit_every_tag_is_asked() -> None:
    assert {prompt.tags for prompt in _asked()} == {TAG_NAMES}


def test_with_one_a_choice_in_the_order_of_the_tag_table_that_the_seed_decides() -> None:
    prompts = _asked(tags_per_prompt=5)
    for prompt in prompts:
        assert len(prompt.tags) == 5
        assert list(prompt.tags) == sorted(prompt.tags, key=TAG_NAMES.index)
    assert len({prompt.tags for prompt in prompts}) > 1
    assert prompts == _asked(tags_per_prompt=5)
    assert prompts != _asked(tags_per_prompt=5, seed=1)


def test_composites_are_spread_evenly_over_users() -> None:
    tasks = [prompt.task == COMPOSITE_TASK for prompt in _asked(composite_share=0.25)]
    assert tasks == [False, False, False, True] * 2


def test_prompts_are_a_file_with_counts(tmp_path: Path) -> None:
    gold = {user: gold_user(user, gender="female") for user in USERS[:6]}
    gold |= {user: gold_user(user, gender="male", age_group="55+") for user in USERS[6:]}
    asked = _asked(composite_share=0.25)
    write_prompts(tmp_path, {"rl": asked, "probe": asked[:1]}, gold)
    table = pl.read_parquet(tmp_path / "prompts.parquet")
    assert table["purpose"].to_list() == ["rl"] * 8 + ["probe"]
    assert table.row(7, named=True) == {
        "purpose": "rl",
        "prompt_id": "u7/composite",
        "user_id": "u7",
        "task": "composite",
        "tags": list(TAG_NAMES),
        "lines": 1,
        "tokens": len(asked[7].token_ids),
        "gender": "male",
        "age_group": "55+",
    }
    counts = json.loads((tmp_path / "prompts.json").read_text())
    assert counts["rl"]["tasks"] == {"composite": 2, "tags": 6}
    assert counts["rl"]["strata"] == {"female NA": 6, "male 55+": 2}
    assert counts["rl"]["tokens"]["most"] == max(len(prompt.token_ids) for prompt in asked)
    assert counts["probe"]["users"] == counts["probe"]["prompts"] == 1


def test_a_user_is_asked_about_known_tags_alone() -> None:
    gold = {"u0": _labelled("u0", ["pet", "gender"]), "u1": _labelled("u1", ["pet"])}
    prompts = rl_prompts(
        ["u0", "u1"], HISTORIES, gold, TOKENIZER, composite_share=1.0, tags_per_prompt=0, seed=0
    )
    assert [prompt.tags for prompt in prompts] == [("gender", "pet"), ("pet",)]
