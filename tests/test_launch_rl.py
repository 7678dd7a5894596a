"""Which questions DF-GRPO asks."""

from launch.stages.rl import rl_prompts
from lm.tokenizer import ChatTokenizer, train_tokenizer
from records.history import HistoryLine, SemanticHistory
from records.prompt import COMPOSITE_TASK, Prompt
from records.tags import TAG_NAMES

TOKENIZER = ChatTokenizer(train_tokenizer(["#1 [Source: Shop] | Milk"], 300))
USERS = [f"u{number}" for number in range(8)]
HISTORIES = {
    user: SemanticHistory(
        user_id=user, lines=(HistoryLine(number=1, text="#1 [Source: Shop] | Milk", event_ids=("e1",)),)
    )
    for user in USERS
}


def _asked(*, composite_share: float = 0.0, tags_per_prompt: int = 0, seed: int = 0) -> list[Prompt]:
    return rl_prompts(
        USERS,
        HISTORIES,
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
