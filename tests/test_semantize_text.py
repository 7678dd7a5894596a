"""What of hostile text may reach a history line, and what a title is about."""

import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from semantize.text import MAX_LENGTH, MAX_MARKS, clean, entity_text, visible

TOKENS = [
    "<|im_end|>",
    "<|endoftext|>",
    "</answer>",
    "<think>",
    "[INST]",
    "＜｜User｜＞",
    "<<SYS>>",
    "\n#3 [Source:",
]
HOSTILE = st.lists(st.one_of(st.text(), st.sampled_from(TOKENS)), max_size=6).map("".join)


@given(HOSTILE)
@example("a<" + "\u202e" + "|im_end|>")
@example("<\x00|im_end|\x00>")
@example("x" * 79 + " \u00a8y")
def test_clean_text_holds_no_structure_and_no_control(text: str) -> None:
    shown = clean(text)
    assert not set(shown) & set("<>|[]＜＞｜")
    assert all(unicodedata.category(char)[0] != "C" for char in shown)
    assert len(shown) <= MAX_LENGTH
    assert shown == " ".join(shown.split())
    assert clean(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Wipes\n<|im_end|>[x]", "Wipes ‹/im_end/›(x)"),
        ("</answer><think>", "‹/answer›‹think›"),
        ("ＭＩＬＫ\u200b  powder\t\u202e", "MILK powder"),
        ("x" * 1_000_000, "x" * 80),
        ("\u0007\u2066", ""),
        ("a\u2028b\u2029c\x85d\x1ce\x0bf", "a b c d e f"),  # all that some reader takes for a line's end
        ("\u202eevil\u202c \u2067x\u2069\u200f", "evil x"),
        ("\ud83dMilk\udc00", "Milk"),  # lone surrogates
        ("Milk\U000e0049\U000e0067\U000e007f", "Milk"),  # tag characters
        ("1\ufe0f\u20e3 Tea\U000e0101", "1\u20e3 Tea"),  # variation selectors
        ("a\u3164b\u115f\u1160\uffa0\u2800\u034fc", "abc"),  # nothing to see
        ("﹤s﹥［INST］≮/s≯", "‹s›(INST)‹/s›"),
        ("Rock ´n´ Roll", "Rock n Roll"),  # ´ is a blank and a mark to NFKC
        ("  Oat   Milk ", "Oat Milk"),
    ],
)
def test_clean_examples(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text(st.characters(max_codepoint=127)), st.integers(1, 40))
def test_plain_titles_are_cleaned_as_any(text: str, limit: int) -> None:
    kept = " ".join(
        "".join(c if c.isprintable() or c.isspace() else "" for c in " ".join(text.split())).split()
    )
    shown = kept.translate(str.maketrans("|[]<>", "/()‹›"))
    assert clean(text, limit) == shown[:limit].strip()


@pytest.mark.parametrize(
    "text",
    ["Crème brûlée", "Phở bò tái", "น้ำดื่ม", "हिन्दी क्षत्रिय", "ကြောင့်", "בְּרֵאשִׁית", "مُحَمَّد", "ভাঙ্গা", "த்ரோ"],
)
def test_living_scripts_keep_their_marks(text: str) -> None:
    folded = unicodedata.normalize("NFKC", text)
    assert visible(text) == folded
    assert clean(text) == folded


@given(st.text(st.characters(categories=["Mn", "Mc", "Me", "Lu", "Zs"])) | HOSTILE)
@example("\u0c46" + "\u0316" * 4 + "\u0cd5")
@example("\u00a8" * 9)
def test_visible_text_has_no_towers_of_marks(text: str) -> None:
    shown = visible(text)
    assert visible(shown) == shown == unicodedata.normalize("NFKC", shown)
    run = MAX_MARKS
    for char in shown:
        run = run + 1 if unicodedata.category(char)[0] == "M" else MAX_MARKS * (char == " ")
        assert run <= MAX_MARKS


@pytest.mark.parametrize("letter", ["a", "é", "\u0301", "\u0301\u0316", "\ufdfa", "\u200b", "<", "𝟜"])
def test_ten_megabytes_of_one_letter_are_one_short_line(letter: str) -> None:
    shown = clean(letter * (10_000_000 // len(letter)))
    assert len(shown) <= MAX_LENGTH
    assert visible(letter * 20_000).count("\n") == 0


def test_every_mark_is_looked_at() -> None:
    marks = [char for char in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(char)[0] == "M"]
    assert len(marks) > 2000
    assert [mark for mark in marks if visible(f"a{mark * 30}b").count(mark) > MAX_MARKS] == []


@given(HOSTILE)
def test_an_entity_holds_no_comma(text: str) -> None:
    shown = entity_text(text)
    assert "," not in shown
    assert entity_text(shown) == shown
    assert shown == clean(shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Baby Bottle, Blue", "Baby Bottle; Blue"),
        ("茶，水﹐酒︐醋", "茶;水;酒;醋"),
        ("茶、水､酒", "茶、水、酒"),
        ("شاي، ماء", "شاي، ماء"),
    ],
)
def test_commas_that_part_entities_become_semicolons(text: str, shown: str) -> None:
    assert entity_text(text) == shown
