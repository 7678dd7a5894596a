"""What persona sets cost in tokens: fixed parts are one each, and so are pointers to names."""

import pytest

from induce.answers import render_personas
from induce.pieces import CLAIM_PIECES
from induce.prompting import persona_message
from lm.tokenizer import ChatTokenizer, train_tokenizer
from records.persona import Persona, PersonaSet, Statement
from rewards.personas.claims import OFTEN, SPENDS, WHEN, Claim, render
from tests.induction import shown
from tests.personas import memory

LINES = shown([memory(1, ["Wet Wipes", "Milk Powder", "Tea"], category="Baby Care", source="My Shop")])
FIXED = [sentence for table in (OFTEN, WHEN, SPENDS) for sentence in table.values()] + [
    "Still so when last seen."
]
WANTS = [
    Claim(kind="wants", arguments=(verb, *names))
    for verb in ("buys", "looks", "searches")
    for names in (
        ("Wet Wipes",), ("Wet Wipes", "Milk Powder"), ("Milk Powder", "Wet Wipes", "Tea"),
    )
]  # fmt: skip
OTHERS = [Claim(kind="about", arguments=("Baby Care",)), Claim(kind="where", arguments=("My Shop",))]


def answered(*texts: str) -> str:
    description = tuple(Statement(text=text, memories=(1,)) for text in texts)
    persona = Persona(label="Baby Care: Wet Wipes, Tea", description=description, memories=(1,))
    return render_personas(PersonaSet(user_id="u", personas=(persona,)), LINES)


CORPUS = [persona_message(LINES.text), answered(*FIXED), answered(*(render([one]) for one in WANTS + OTHERS))]
TOKENIZER = ChatTokenizer(train_tokenizer(CORPUS * 8, 1200, CLAIM_PIECES))


def pieces(text: str) -> list[str]:
    return [TOKENIZER.tokenizer.decode([token]) for token in TOKENIZER.encode(text)]


@pytest.mark.parametrize("sentence", FIXED)
def test_a_claim_without_names_is_one_token(sentence: str) -> None:
    found = pieces(answered("Since 2026-01.", sentence, sentence))
    assert found[found.index(sentence) - 1] == ']},{"text":"'
    assert found.count(sentence) == 2


@pytest.mark.parametrize("claim", WANTS)
def test_a_pointer_is_one_token(claim: Claim) -> None:
    said = pieces(answered(render([claim])))
    start = said.index('],"description":[{"text":"')
    names = {"Wet Wipes": " @1", "Milk Powder": " @1b", "Tea": " @1c"}
    for name in claim.names:
        assert names[name] in said[start:]


@pytest.mark.parametrize("claim", OTHERS)
def test_a_name_is_the_token_that_it_is_on_its_line(claim: Claim) -> None:
    on_line = set(pieces(persona_message(LINES.text)))
    said = pieces(answered(render([claim])))
    start = said.index('],"description":[{"text":"')
    for name in claim.names:
        assert f" {name}" in on_line
        assert f" {name}" in said[start:]


def test_a_sentence_costs_four_tokens_beside_its_own() -> None:
    one, two = (len(TOKENIZER.encode(answered(*["Only once."] * times))) for times in (1, 2))
    assert two - one == 4  # between two sentences, the sentence, `","lines":[`, the line
    # Once in the label, once in the sentence.
    assert pieces(answered("Only once.", "Buys Tea.")).count(" @1c") == 2
