"""What the end-to-end benchmark gives and notes; the runs themselves take engines."""

from benchmarks.end_to_end import SYLLABLES, Times, texts_of, vowels
from lm.tokenizer import ChatTokenizer, train_tokenizer


def test_a_step_is_noted_when_all_its_parts_were_told() -> None:
    times = Times()
    times.scalars(0, {"sync/seconds": 9.0})  # before the first step
    times.scalars(1, {"time/generate": 1.0, "time/learn": 2.0})
    times.scalars(1, {"sync/seconds": 0.5, "time/step": 3.5})
    times.scalars(2, {"time/generate": 1.0, "time/learn": 2.0})
    assert times.steps == [{"time/generate": 1.0, "time/learn": 2.0, "sync/seconds": 0.5, "time/step": 3.5}]


def test_prompts_have_the_length_asked_for_and_differ() -> None:
    tokenizer = ChatTokenizer(train_tokenizer([f" {a}{b}" for a in SYLLABLES for b in SYLLABLES], 600))
    texts = texts_of(tokenizer, 50, 4)
    assert all(50 <= len(tokenizer.encode(text)) <= 54 for text in texts)
    assert len(set(texts)) == 4


def test_the_reward_is_the_share_of_vowels() -> None:
    assert (vowels("baba"), vowels("xyz"), vowels("")) == (0.5, 0.0, 0.0)
