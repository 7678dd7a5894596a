"""The tokenizer of a model: a new byte-level BPE one, and the one door through which text enters."""

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from lm.phrases import OPENINGS
from lm.plain import PlainTokenizer
from records.errors import UserError

PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

# BPE merges never cross these boundaries; within them a frequent phrase can become one token. Kept
# whole are the fixed parts of answers (a key, what stands between key and value) and of history lines
# (a field's name), and whatever stands between commas: an entity of a line without its notes (×3, ~night), a
# clause of a sentence.
# A tag key reads the same in the question and in the answer, so that it can be copied; a clause reads the
# same wherever in a sentence it stands.
_OPENING = "|".join(map(re.escape, OPENINGS.values()))
_BOUNDARIES = "|".join(
    (
        r"</?(?:think|answer)>",
        r'"[a-z_]+"',
        r':\{"value":["\[]?|"?\]?,"lines":\[|\]\},?',
        r'(?<="value":")[^"\n]+',
        r"\]? ?\[[A-Z][A-Za-z]+:|\] \|",
        r" ?\d{4}-\d{2}|-\d{2}(?!\d)",
        rf'(?<=[|,:"]|{_OPENING}) (?:[^ ,\n\[\]|"<.=#]| (?![×~]))+',
        r" ×\d+| ~[a-z]+",
        r"[=+][a-z0-9_-]+",
        r"#\d{1,3}",
        r" ?[\p{L}\p{M}_]+(?:-[\p{L}\p{M}]+)*",
        r" ?\p{N}{1,3}",
        r' ?[^\s\p{L}\p{N}<"]+|<|"',
        r"\s+",
    )
)


def train_tokenizer(
    texts: Iterable[str], vocab_size: int, pieces: Sequence[str] = ()
) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer with a chat template on `texts`.

    Every byte is in the vocabulary, so any text can be encoded and decoded without loss. `pieces` are
    patterns of what is kept whole before all else.
    """
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex("|".join((*pieces, _BOUNDARIES))), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[PAD, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token=PAD, eos_token=END, clean_up_tokenization_spaces=False
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


class ChatTokenizer:
    """A model's tokenizer as this project uses it.

    Log text and answers are data: `encode` knows no control token, so `<|im_end|>` in a title
    becomes the plain characters. Control ids come from the chat template alone.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        if not tokenizer.chat_template:
            raise UserError(f"{tokenizer.name_or_path}: the tokenizer has no chat template; add one")
        self.tokenizer = tokenizer
        self._plain = PlainTokenizer(tokenizer.backend_tokenizer)

    @classmethod
    def load(cls, directory: Path) -> "ChatTokenizer":
        """Load from a Hugging Face model directory.

        Raises:
            UserError: the directory holds no tokenizer.
        """
        if not (directory / "tokenizer.json").is_file():
            raise UserError(f"{directory}: no tokenizer.json; name a Hugging Face model directory")
        from transformers import AutoTokenizer  # comes with torch, which who only counts can do without

        return cls(AutoTokenizer.from_pretrained(directory, local_files_only=True))

    @cached_property
    def end_id(self) -> int:
        """The id that ends a turn."""
        return int(self.tokenizer.eos_token_id)

    @cached_property
    def pad_id(self) -> int:
        pad = self.tokenizer.pad_token_id
        return int(self.end_id if pad is None else pad)

    @cached_property
    def _frame(self) -> tuple[list[int], list[int]]:
        """Template ids before and after the user's message, generation prompt included."""
        mark = "\x00"
        text = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": mark}], tokenize=False, add_generation_prompt=True
        )
        before, after = text.split(mark)
        return (
            self.tokenizer.encode(before, add_special_tokens=False),
            self.tokenizer.encode(after, add_special_tokens=False),
        )

    def encode(self, text: str) -> list[int]:
        """Ids of `text` as plain data."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text as plain data."""
        return self._plain.encode_batch(texts)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text."""
        return self._plain.count(texts)

    def prompt_ids(self, message: str) -> list[int]:
        """Ids of a one-message chat up to where the assistant begins to write."""
        before, after = self._frame
        return [*before, *self.encode(message), *after]

    def response_ids(self, answer: str) -> list[int]:
        """Ids of an assistant's turn, its end included."""
        return [*self.encode(answer), self.end_id]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of `ids` without the end of the turn; a control token elsewhere stays to be seen."""
        shown = list(ids[:-1]) if ids and ids[-1] == self.end_id else list(ids)
        return str(self.tokenizer.decode(shown, skip_special_tokens=False))
