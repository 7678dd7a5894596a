"""Tiny tokenizers shaped like those of known models: the same parts, flags and control tokens, few pieces."""

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from lm.tokenizer import ChatTokenizer, train_tokenizer

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
CHATML = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"


def chat(tokenizer: Tokenizer, end: str, template: str, unknown: str | None = None) -> ChatTokenizer:
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=end, unk_token=unknown)
    fast.chat_template = template
    return ChatTokenizer(fast)


def quickstart() -> ChatTokenizer:
    return ChatTokenizer(train_tokenizer(["#1 [Source: Shop] [TIME: 2026-01-02] | Milk, Wet Wipes"] * 4, 400))


def qwen3() -> ChatTokenizer:
    """NFC and byte-level BPE; tool and thinking tags are added tokens that are not special."""
    tokenizer = Tokenizer(models.BPE({byte: index for index, byte in enumerate(BYTES)}, []))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>"])
    tags = ["<tool_call>", "</tool_call>", "<|fim_prefix|>", "<think>", "</think>"]
    tokenizer.add_tokens([AddedToken(tag, normalized=False) for tag in tags])
    template = CHATML + "<|im_start|>assistant\n<think>\n\n</think>\n\n"
    return chat(tokenizer, "<|im_end|>", template)


def llama3() -> ChatTokenizer:
    """Byte-level BPE that takes a word whole where the vocabulary has it, merges or not."""
    names = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    vocabulary = {piece: index for index, piece in enumerate([*BYTES, *names])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\s+"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(names)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", vocabulary["<|begin_of_text|>"])]
    )
    template = (
        "<|begin_of_text|>{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
        "{{ m['content'] | trim }}<|eot_id|>{% endfor %}<|start_header_id|>assistant<|end_header_id|>\n\n"
    )
    return chat(tokenizer, "<|eot_id|>", template)


def mistral() -> ChatTokenizer:
    """SentencePiece as BPE with bytes to fall back on; merges lead to </s> and [INST]."""
    merges = [("<", "/"), ("s", ">"), ("</", "s>"), ("[", "I"), ("[I", "N"), ("S", "T"), ("ST", "]")]
    merges += [("[IN", "ST]"), ("▁", "▁")]
    pieces = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]", "<<SYS>>", "<start_of_turn>"]
    pieces += [f"<0x{byte:02X}>" for byte in range(256)]
    pieces += [chr(code) for code in range(33, 127)] + ["▁"] + [left + right for left, right in merges]
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(
        models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>", "[INST]", "[/INST]"])
    tokenizer.add_tokens(["▁▁", AddedToken("<<SYS>>", normalized=True), "<start_of_turn>"])
    return chat(
        tokenizer, "</s>", "<s>{% for m in messages %}[INST] {{ m['content'] }} [/INST]{% endfor %}", "<unk>"
    )


def unigram() -> ChatTokenizer:
    """SentencePiece as Unigram, whose control tokens are pieces like any other; NFKC drops zero width."""
    pieces = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), ("[INST]", 0.0), ("<start_of_turn>", 0.0)]
    pieces += [(chr(code), -3.0) for code in range(33, 127)] + [("▁", -2.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace("\u200b", ""), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.add_tokens([AddedToken("[INST]", normalized=True), "<start_of_turn>"])
    return chat(
        tokenizer, "</s>", "<s>{% for m in messages %}[INST]{{ m['content'] }}[INST]{% endfor %}", "<unk>"
    )


def flagged() -> ChatTokenizer:
    """Added tokens with every flag, that overlap themselves and each other, of one letter and of blanks."""
    tokenizer = train_tokenizer(["Milk, Wet Wipes"] * 4, 300).backend_tokenizer
    tokenizer.add_tokens(
        [
            "<|im_|<|im_",
            "aa",
            "x",
            "  ",
            "\u200b",
            "<\u200bthink>",
            AddedToken("<|user|>", lstrip=True, rstrip=True, normalized=False),
            AddedToken("Human:", single_word=True, normalized=True),
            AddedToken("### Instruction", lstrip=True),
            "<think>",
            "<|im_",
        ]
    )
    tokenizer.enable_padding(pad_id=0, pad_token="<|endoftext|>", length=64)
    tokenizer.enable_truncation(8)
    return chat(tokenizer, "<|im_end|>", CHATML)


SHAPES = (quickstart, qwen3, llama3, mistral, unigram, flagged)


def control_ids(tokenizer: ChatTokenizer) -> set[int]:
    """Ids of all added tokens but single characters, runs of blanks and the one for what is unknown."""
    added = {index: str(token) for index, token in tokenizer.tokenizer.added_tokens_decoder.items()}
    controls = {index for index, name in added.items() if len(name) > 1 and name.strip(" ▁")}
    return controls - {tokenizer.tokenizer.unk_token_id}
