"""The judge of summaries: golden parts by hand, and no way of gaming it pays."""

import pytest

from lm.answers import Answer
from lm.phrases import sentences
from records.config import ScorerConfig
from records.tags import TAG, TAG_NAMES, TAGS
from rewards.atomic import TagScorer
from rewards.claims import Claim, read_claims
from rewards.rule_judge import RuleJudge, aesthetics, completeness, conciseness, consistency
from rewards.summary import Judgment, SummaryScorer
from tests.summaries import GAMES, HONEST, USER, Values, judged, written

TAG_SCORES = TagScorer()


def _quality(answer: Answer, gold: Values, **weights: float) -> float:
    scorer = SummaryScorer(RuleJudge(TAG_SCORES), weights or ScorerConfig().summary_weights)
    (opinion,) = scorer.score([judged(answer, gold)])
    return opinion.value


@pytest.mark.parametrize("tag", [tag.name for tag in TAGS if not tag.is_open])
def test_every_closed_clause_is_read_back_as_its_value_alone(tag: str) -> None:
    for value in TAG[tag].values:
        ((text, _),) = sentences({tag: (value,)}).values()
        assert read_claims(text) == [Claim(tag=tag, values=(value,))]


def test_open_clauses_are_read_back() -> None:
    assert read_claims("Daily life means a liking for chess and hiking, active at night.") == [
        Claim(tag="chronotype", values=("night",)),
        Claim(tag="interests", values=("chess", "hiking")),
    ]
    assert read_claims("Now a liking for chess, a liking for chess. And a liking for opera and golf.") == [
        Claim(tag="interests", values=("chess", "opera", "golf"))
    ]
    assert read_claims("The place is New Haven as home.") == [Claim(tag="home_city", values=("New Haven",))]


def test_clauses_are_read_as_whole_words() -> None:
    assert read_claims("A catalogue, unmarried people, a category, single-minded work.") == []


GOLD = {"gender": ("female",), "pet": ("cat",), "home_city": ("Lyon",), "fitness": ()}


def test_parts_by_hand() -> None:
    summary = ["The user is a woman.", "The household has a dog."]
    answer = written(summary, {**GOLD, "pet": ("dog",)})
    claims = read_claims(answer.summary_text)
    assert len(claims) == 2
    # Of gender, pet and home_city (fitness is NA) one is stated truly.
    assert completeness(claims, GOLD, answer, TAG_SCORES) == pytest.approx(1 / 3)
    # One of two claims is true.
    assert consistency(claims, GOLD, answer, TAG_SCORES) == pytest.approx(1 / 2)
    # 5 + 5 words for two claims, which may take 20.
    assert conciseness(claims, answer.summary_text) == 1.0
    assert aesthetics(summary) == 1.0
    # (.4·1/3 + .3·1/2 + .15·1 + .15·1) / 1
    assert _quality(answer, GOLD) == pytest.approx(0.4 / 3 + 0.15 + 0.15 + 0.15)
    # Weights are relative: (2·1/3 + 1·1/2) / 3
    assert _quality(answer, GOLD, completeness=2, consistency=1) == pytest.approx((2 / 3 + 1 / 2) / 3)


def test_consistency_by_hand() -> None:
    own = written(["x"], {"gender": ("male",), "pet": ("cat",)})
    woman, cat = Claim(tag="gender", values=("female",)), Claim(tag="pet", values=("cat",))
    trained, lyon = Claim(tag="fitness", values=("high",)), Claim(tag="home_city", values=("lyon",))
    # True, but the answer's own tag says otherwise.
    assert consistency([woman], GOLD, own, TAG_SCORES) == 0.0
    assert consistency([cat], GOLD, own, TAG_SCORES) == 1.0
    # A claim about a tag that is NA is an invention: (1 + 0)/2; the city has no tag of its own to contradict.
    assert consistency([cat, trained], GOLD, own, TAG_SCORES) == pytest.approx(1 / 2)
    assert consistency([cat, lyon], GOLD, own, TAG_SCORES) == 1.0
    # A half-right list earns its F1: 2·1/(1+2).
    interest = Claim(tag="interests", values=("chess",))
    assert consistency([interest], {"interests": ("chess", "opera")}, own, TAG_SCORES) == pytest.approx(2 / 3)
    assert consistency([], GOLD, own, TAG_SCORES) == 0.0


def test_completeness_of_a_user_nothing_is_known_of() -> None:
    answer = written(["The household has a cat."], {"pet": ()})
    assert completeness([], {"pet": ()}, answer, TAG_SCORES) == 1.0
    assert completeness([Claim(tag="pet", values=("cat",))], {"pet": ()}, answer, TAG_SCORES) == 0.0


def test_what_was_not_asked_neither_earns_nor_costs() -> None:
    gold = {"age_group": ("25-34",), "pet": ()}
    answer = written(["The user is aged 25-34, married.", "The household has an owned home."], gold)
    (found,) = RuleJudge(TAG_SCORES).judge([judged(answer, gold)])
    assert found == Judgment(completeness=1.0, consistency=1.0, conciseness=1.0, aesthetics=1.0)
    # NA is known: a pet is an invention. (1 + 0)/2
    invented = written(["The user is aged 25-34, married.", "The household has a dog."], gold)
    (found,) = RuleJudge(TAG_SCORES).judge([judged(invented, gold)])
    assert (found.consistency, found.reasons) == (0.5, ("claim:pet",))
    # And where nothing asked is known, other claims are no claims.
    (found,) = RuleJudge(TAG_SCORES).judge(
        [judged(written(["The user is married."], {"pet": ()}), {"pet": ()})]
    )
    assert (found.completeness, found.consistency) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("words", "score"),
    [(1, 1.0), (10, 1.0), (15, 0.5), (20, 0.0), (60, 0.0)],  # one claim: 2 − words/10, within 0 and 1
)
def test_conciseness_by_hand(words: int, score: float) -> None:
    claim = Claim(tag="pet", values=("cat",))
    assert conciseness([claim], " ".join(["word"] * words)) == pytest.approx(score)
    assert conciseness([], "word") == 0.0


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("The user is a woman, married.", 1.0),
        # Three clauses, of which two say something; then six, of which two do.
        ("The user is a woman, married, married.", 2 / 3),
        ("The user is a woman, married, married, married, married, married.", 2 / 6),
        # A sentence said again is its clauses said again.
        ("The user is a woman, married. The user is a woman, married.", 2 / 4),
        ("Daily life means a liking for tea and tea.", 1 / 2),
        ("The place is Lyon as home, Lyon as home.", 1 / 2),
        # The value of another tag is no repetition.
        ("The user is a woman. The household has a dog.", 1.0),
    ],
)
def test_clauses_said_again_by_hand(text: str, score: float) -> None:
    assert conciseness(read_claims(text), text) == pytest.approx(score)


@pytest.mark.parametrize("times", [1, 5])
def test_saying_a_clause_again_scores_below_saying_it_once(times: int) -> None:
    gold = {"gender": ("female",), "relationship": ("married",), "pet": ("dog",)}
    once = ["The user is a woman, married.", "The household has a dog."]
    again = [f"The user is a woman, married{', married' * times}.", once[1]]
    # Of conciseness (.15) what says nothing new is lost.
    lost = 0.15 * (1 - 3 / (3 + times))
    assert _quality(written(again, gold), gold) == pytest.approx(_quality(written(once, gold), gold) - lost)


@pytest.mark.parametrize(
    ("texts", "score"),
    [
        (["The user is a woman."], 1.0),
        (["The user is a woman.", "The user is a woman."], 0.5),
        (["the user is a woman."], 0.0),
        (["The user is a woman"], 0.0),
        (["The user is a woman..."], 0.0),
        (["A woman."], 0.0),
        ([" ".join(["Word"] * 40) + "."], 1.0),
        ([" ".join(["Word"] * 41) + "."], 0.0),
        ([], 0.0),
    ],
)
def test_aesthetics_by_hand(texts: list[str], score: float) -> None:
    assert aesthetics(texts) == pytest.approx(score)


def test_the_honest_summary_is_perfect() -> None:
    assert _quality(written(HONEST, USER), USER) == pytest.approx(1.0)


@pytest.mark.parametrize("game", list(GAMES))
def test_gaming_scores_below_honesty(game: str) -> None:
    honest = _quality(written(HONEST, USER), USER)
    assert _quality(written(GAMES[game], USER), USER) < honest - 0.02


def test_contradicting_the_own_tags_scores_below_honesty() -> None:
    silent = dict.fromkeys(TAG_NAMES, ())
    honest = _quality(written(HONEST, USER), USER)
    # Every claim contradicts a tag answered NA: all of completeness (.4) and consistency (.3) is lost.
    assert _quality(written(HONEST, silent), USER) == pytest.approx(honest - 0.7)


def test_reasons_name_what_is_false() -> None:
    answer = written(["The household has a dog.", "The user is a woman."], {**GOLD, "pet": ("dog",)})
    (judgment,) = RuleJudge(TAG_SCORES).judge([judged(answer, GOLD)])
    assert judgment.reasons == ("claim:pet",)
