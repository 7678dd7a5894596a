"""The answer a model is shown: true, reasoned from evidence, citing it."""

from lm.answers import Answer, parse_answer
from records.config import AnswerConfig
from records.history import HistoryLine, SemanticHistory
from records.prompt import COMPOSITE_TASK, TAGS_TASK
from records.tags import GIVEN, GoldTag
from sft.demonstration import gold_answer, named_evidence, reasoning


def _label(tag: str, values: tuple[str, ...], events: tuple[str, ...], *shows: int) -> GoldTag:
    return GoldTag(
        user_id="u1", tag=tag, values=values, event_ids=events, event_values=shows, difficulty="explicit"
    )


# Of gender's evidence e1, e2, e4, e5: Beard Oil has e1; Razor has e2 in line 1, e4 and e5 in line 3.
HISTORY = SemanticHistory(
    user_id="u1",
    lines=(
        HistoryLine(
            number=1, text="#1", event_ids=("e1", "x", "e2"), entities=(("Beard Oil", 2), ("Razor", 1))
        ),
        HistoryLine(number=2, text="#2", event_ids=("e6", "e7"), entities=(("Tent", 1), ("Bib Shorts", 1))),
        HistoryLine(
            number=3, text="#3", event_ids=("e4", "e5", "e3"), entities=(("Razor", 2), ("<answer>", 1))
        ),
    ),
)
GOLD = {
    "gender": _label("gender", ("male",), ("e1", "e2", "e4", "e5"), 0, 0, 0, 0),
    "pet": _label("pet", (), ()),
    "interests": _label("interests", ("cycling", "hiking", "baking"), ("e7", "e6", "e9"), 0, 1, 2),
    "home_city": _label("home_city", ("Oslo",), ("e3", "e4"), 0, 0),
    "income_band": _label("income_band", ("low",), ("e3",), 0),
}


def _reasoned(*tags: str) -> str:
    return reasoning({tag: named_evidence(HISTORY, GOLD[tag]) for tag in tags})


def test_reasoning_names_the_entity_most_evidence_stands_behind() -> None:
    assert _reasoned("gender") == '"gender" Razor=male'


def test_a_tag_without_evidence_has_its_turn() -> None:
    assert _reasoned("pet", "gender") == '"pet" NA,"gender" Razor=male'


def test_of_a_city_the_name_is_quoted() -> None:
    assert _reasoned("home_city") == '"home_city" Oslo'


def test_every_value_of_a_list_is_reasoned_from_evidence_of_its_own() -> None:
    # e9 is in no line: nothing is quoted for baking.
    assert _reasoned("interests") == '"interests" Bib Shorts=cycling,"interests" Tent=hiking'


def test_log_text_cannot_close_the_reasoning() -> None:
    assert _reasoned("income_band") == '"income_band" ‹answer›=low'


def test_a_gold_answer_is_true_and_cites_the_evidence_it_names() -> None:
    tags = ("gender", "pet", "home_city")
    text = gold_answer(HISTORY, GOLD, tags, COMPOSITE_TASK, AnswerConfig(max_citations=1))
    answer = parse_answer(text, tags=tags, summary=True, history_lines=3)
    assert isinstance(answer, Answer)
    assert answer.think == '"gender" Razor=male,"pet" NA,"home_city" Oslo'
    assert {name: (tag.values, tag.lines) for name, tag in answer.tags.items()} == {
        "gender": (("male",), (3,)),
        "pet": ((), ()),
        "home_city": (("Oslo",), (3,)),
    }
    assert [(sentence.text, sentence.lines) for sentence in answer.summary] == [
        ("The user is a man.", (3,)),
        ("The place is Oslo as home.", (3,)),
    ]


def test_a_summary_speaks_of_the_stated_tags_alone() -> None:
    tags = ("gender", "pet", "home_city")
    text = gold_answer(HISTORY, GOLD, tags, COMPOSITE_TASK, AnswerConfig(), ("home_city", "pet"))
    answer = parse_answer(text, tags=tags, summary=True, history_lines=3)
    assert isinstance(answer, Answer)
    assert answer.tags["gender"].values == ("male",)
    assert answer.summary_text == "The place is Oslo as home."


def test_a_sentence_cites_the_lines_of_all_tags_it_states() -> None:
    tags = ("interests", "gender", "home_city", "income_band")
    text = gold_answer(HISTORY, GOLD, tags, COMPOSITE_TASK, AnswerConfig(max_citations=2))
    answer = parse_answer(text, tags=tags, summary=True, history_lines=3)
    assert isinstance(answer, Answer)
    # The line named comes first; what room is left goes to the line with most of the other evidence.
    assert answer.tags["gender"].lines == (1, 3)
    assert answer.tags["interests"].lines == (2,)
    assert [sentence.lines for sentence in answer.summary] == [(1, 3), (2,), (3,), (3,)]


def test_a_sentence_cites_its_first_tags_lines_where_room_is_scarce() -> None:
    tags = ("interests", "gender", "home_city", "income_band")
    config = AnswerConfig(max_citations=2, sentence_citations=1)
    answer = parse_answer(
        gold_answer(HISTORY, GOLD, tags, COMPOSITE_TASK, config), tags=tags, summary=True, history_lines=3
    )
    assert isinstance(answer, Answer)
    assert [sentence.lines for sentence in answer.summary] == [(1,), (2,), (3,), (3,)]


def test_without_citations_the_answer_names_no_line() -> None:
    text = gold_answer(HISTORY, GOLD, ("gender",), TAGS_TASK, AnswerConfig(cite=False))
    assert text == '<think>"gender" Razor=male</think><answer>{"gender":{"value":"male"}}</answer>'


def test_evidence_without_an_entity_is_cited_all_the_same() -> None:
    bare = SemanticHistory(
        user_id="u1",
        lines=(
            HistoryLine(number=1, text="#1 a", event_ids=("e1",)),
            HistoryLine(number=2, text="#2 b", event_ids=("e2", "e4")),
        ),
    )
    text = gold_answer(bare, GOLD, ("gender",), TAGS_TASK, AnswerConfig(max_citations=1))
    assert '<think>"gender" NA</think>' in text
    assert '{"gender":{"value":"male","lines":[2]}}' in text


def test_of_a_label_that_is_given_there_is_nothing_to_reason_from_or_to_cite() -> None:
    pet = GoldTag(user_id="u1", tag="pet", values=("cat",), event_ids=(), difficulty=GIVEN)
    gold = GOLD | {"pet": pet}
    text = gold_answer(HISTORY, gold, ("gender", "pet"), TAGS_TASK, AnswerConfig())
    answer = parse_answer(text, tags=("gender", "pet"), summary=False, history_lines=3)
    assert isinstance(answer, Answer)
    assert answer.think == '"gender" Razor=male'
    assert (answer.tags["pet"].values, answer.tags["pet"].lines) == (("cat",), ())
