"""What of hostile text may reach a history line, and what a title is about."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from semantize.refine import RuleRefiner
from semantize.text import MAX_LENGTH, clean

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
    ],
)
def test_clean_examples(text: str, shown: str) -> None:
    assert clean(text) == shown


@pytest.mark.parametrize(
    ("title", "entity"),
    [
        ("[Hot Sale] Premium Wet Wipes, 80 pcs | Free Shipping", "Wet Wipes"),
        ("【2026 NEW】Milk Powder Stage 1 (Free Shipping)", "Milk Powder Stage 1"),
        ("Wet Wipes by Huggies 80 pcs", "Wet Wipes"),
        ("Step by Step Workbook", "Step by Step Workbook"),
        ("Bestselling Coffee 2 x 500 ml", "Coffee"),
        ("T-Shirt, Size L", "T-Shirt"),
        ("WHITE HANGING HEART T-LIGHT HOLDER", "White Hanging Heart T-Light Holder"),
        ("SET OF 3 COLOURED  FLYING DUCKS", "Coloured Flying Ducks"),
        ("cheap hotels near me", "Hotels"),
        ("New York Guide", "New York Guide"),
        ("Sugar Free Cola 1.5L", "Sugar Free Cola"),
        ("iPhone 15 case", "iPhone 15 Case"),
        ("Lego Castle Set - Gift Wrap", "Lego Castle Set (gift)"),
        ("Toy Car [Gift Wrap] 2 x 500 ml", "Toy Car (gift)"),
        ("EMPIRE GIFT WRAP", "Empire Gift Wrap"),
        ("Gift Wrap", "Gift Wrap"),
        ("★★★ wipes ★★★", "Wipes"),
        ("[wipes]", "Wipes"),
        ("best", "Best"),
        ("!!!", ""),
    ],
)
def test_refined_titles(title: str, entity: str) -> None:
    assert RuleRefiner().refine([title]) == [entity]


@given(
    st.lists(st.one_of(st.text(), st.sampled_from(["[", "】", " new ", " gift wrap", " 80 pcs", "(", ")"])))
)
def test_a_title_with_a_letter_stays_a_title(parts: list[str]) -> None:
    title = "".join(parts)[:200]
    (entity,) = RuleRefiner().refine([title])
    if any(char.isascii() and char.isalpha() for char in title):
        assert clean(entity)
    assert "\n" not in entity
