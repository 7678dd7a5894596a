"""Golden numbers of HPR-Bench, each worked by hand in the comments."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from hprbench.metrics import (
    bootstrap_interval,
    compression,
    is_correct,
    paired_interval,
    score_evidence,
    score_summaries,
    score_tags,
)
from records.history import HistoryLine, SemanticHistory
from records.tags import TAG, TAG_NAMES, GoldTag


def gold_user(user: str, known: dict[str, tuple[str, ...]], events: dict[str, tuple[str, ...]] | None = None):
    return {
        tag: GoldTag(
            user_id=user,
            tag=tag,
            values=known.get(tag, ()),
            event_ids=(events or {}).get(tag, ()),
            difficulty="explicit",
        )
        for tag in TAG_NAMES
    }


def run(**known: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {tag: known.get(tag, ()) for tag in TAG_NAMES}


GOLD = {
    "u1": gold_user("u1", {"gender": ("female",), "interests": ("hiking", "chess"), "home_city": ("Lyon",)}),
    "u2": gold_user("u2", {"gender": ("male",)}),
}
PREDICTIONS = {
    "u1": [run(gender=("female",), interests=("Chess", "knitting"), home_city=("lyon",)), None],
    "u2": [run(gender=("female",), home_city=("Paris",)), run()],
}


@pytest.mark.parametrize(
    ("tag", "predicted", "gold", "correct"),
    [
        ("gender", ("female",), ("female",), True),
        ("gender", (), (), True),
        ("gender", (), ("female",), False),
        ("gender", ("female",), (), False),
        ("gender", ("female", "male"), ("female",), False),
        ("home_city", ("LYON",), ("Lyon",), True),
        ("home_city", ("Lyons",), ("Lyon",), False),
        # F1 of sets: 2·1/(1+3) = .5 is enough, 2·1/(2+3) = .4 is not.
        ("interests", ("Chess",), ("chess", "hiking", "jazz"), True),
        ("interests", ("chess", "opera"), ("chess", "hiking", "jazz"), False),
        ("interests", (), (), True),
        ("interests", (), ("chess",), False),
    ],
)
def test_correctness_of_one_prediction(tag, predicted, gold, correct):
    assert is_correct(tag, predicted, gold) is correct


def test_tag_track():
    scores = score_tags(PREDICTIONS, GOLD, seed=0)
    # u1: run 1 has all 18 right, run 2 is malformed: every tag 1/2.
    # u2: gender wrong twice (0), home_city wrong once (1/2), the 16 others right.
    assert scores.per_user == pytest.approx({"u1": 0.5, "u2": 16.5 / 18})
    # By tag: gender (1/2 + 0)/2 = .25, home_city (1/2 + 1/2)/2 = .5, the 16 others (1/2 + 1)/2 = .75.
    assert scores.by_tag["gender"] == pytest.approx(0.25)
    assert scores.by_tag["home_city"] == pytest.approx(0.5)
    assert scores.by_tag["interests"] == scores.by_tag["pet"] == pytest.approx(0.75)
    # (.25 + .5 + 16·.75)/18 = 12.75/18
    assert scores.avg_at_k == pytest.approx(12.75 / 18)
    # LS (.25 + 3·.75)/4 = .625; GC (.5 + .75)/2 = .625
    assert scores.by_dimension == pytest.approx(
        {"LS": 0.625, "HC": 0.75, "LI": 0.75, "EP": 0.75, "GC": 0.625}
    )
    # Known gold: gender of both (.25), interests (.5) and home_city (.5) of u1.
    assert scores.non_na == pytest.approx((0.25 + 0.5 + 0.5) / 3)
    # 3 of 4 responses are well formatted.
    assert (scores.format_rate, scores.k) == (0.75, 2)


def test_macro_f1_counts_na_as_a_value_and_a_malformed_run_as_a_miss():
    # gender: gold F F M M, predicted F – F NA. F: 2·1/(2+2); M: 0; NA: 0. Mean 1/6.
    # home_city: gold lyon lyon NA NA, predicted lyon – paris NA. lyon 2·1/(1+2); paris 0;
    # NA 2·1/(1+2). Mean 4/9.
    # interests, sets pooled: shared 1 + 0 + 1 + 1, predicted 2 + 0 + 1 + 1, true 2 + 2 + 1 + 1:
    # 2·3/(4 + 6) = .6.
    # The 15 others: gold NA ×4, predicted NA ×3: 2·3/(3+4) = 6/7.
    expected = (1 / 6 + 4 / 9 + 0.6 + 15 * 6 / 7) / 18
    assert score_tags(PREDICTIONS, GOLD, seed=0).macro_f1 == pytest.approx(expected)


def test_macro_f1_agrees_with_scikit_learn():
    rng = np.random.default_rng(1)
    choices = [(), *((value,) for value in TAG["occupation"].values)]
    true, ours = rng.integers(0, len(choices), (2, 60))
    gold = {f"u{n}": gold_user(f"u{n}", {"occupation": choices[v]}) for n, v in enumerate(true)}
    predictions = {f"u{n}": [run(occupation=choices[v])] for n, v in enumerate(ours)}
    # The 17 other tags are NA and right: 1 each.
    expected = (17 + f1_score(true, ours, average="macro", zero_division=0)) / 18
    assert score_tags(predictions, gold, seed=0).macro_f1 == pytest.approx(expected)


def test_a_tag_missing_from_a_run_is_wrong():
    incomplete = run()
    del incomplete["pet"]
    assert score_tags({"u2": [incomplete]}, GOLD, seed=0).by_tag["pet"] == 0.0


def test_unequal_runs_and_missing_gold_are_refused():
    with pytest.raises(ValueError, match="same number of runs"):
        score_tags({"u1": [None], "u2": [None, None]}, GOLD, seed=0)
    with pytest.raises(ValueError, match="same number of runs"):
        score_tags({}, GOLD, seed=0)
    with pytest.raises(ValueError, match="u3"):
        score_tags({"u3": [None]}, GOLD, seed=0)


def test_summary_track():
    gold = {
        "u1": gold_user("u1", {"gender": ("female",), "pet": ("cat",), "home_city": ("Lyon",)}),
        "u2": gold_user("u2", {"gender": ("male",)}),
    }
    extracted = {"u1": [run(gender=("female",), pet=("dog",), fitness=("high",))], "u2": [None]}
    scores = score_summaries(extracted, gold, seed=0)
    # Known: 3 + 1 tags, of which gender of u1 is right, and gender and pet of u1 are extracted.
    assert scores.acc_ex == pytest.approx(1 / 4)
    assert scores.cov_ex == pytest.approx(2 / 4)
    # NA: 15 + 17 tags, of which fitness of u1 is asserted.
    assert scores.halluc_ex == pytest.approx(1 / 32)
    assert scores.acc_ex_by_dimension == {"LS": 0.5, "HC": 0.0, "GC": 0.0}
    assert scores.acc_ex_per_user == pytest.approx({"u1": 1 / 3, "u2": 0.0})


def test_summary_track_without_known_tags_has_no_accuracy():
    scores = score_summaries({"u": [run()]}, {"u": gold_user("u", {})}, seed=0)
    assert (scores.acc_ex, scores.acc_ex_interval, scores.cov_ex) == (None, None, None)
    assert (scores.halluc_ex, scores.halluc_ex_interval) == (0.0, (0.0, 0.0))


def test_compression_is_the_mean_over_summaries():
    # 1 − (10/100 + 30/60)/2 = 1 − .3
    assert compression([10, 30], [100, 60]) == pytest.approx(0.7)
    with pytest.raises(ValueError, match="above 0"):
        compression([10], [0])


def test_evidence():
    history = SemanticHistory(
        user_id="u",
        lines=tuple(
            HistoryLine(number=number, text=f"#{number}", event_ids=ids)
            for number, ids in ((1, ("e1",)), (2, ("e2", "e3")), (3, ("e4",)))
        ),
    )
    gold = {
        "u": gold_user(
            "u", {"gender": ("female",), "pet": ("cat",)}, {"gender": ("e1", "e3"), "pet": ("lost",)}
        )
    }
    # Gold lines: gender 1 and 2; pet none, its event is in no line; fitness is NA and not counted.
    citations = {"u": [{"gender": (1, 3), "pet": (3,), "fitness": (2,)}, None]}
    scores = score_evidence(citations, gold, {"u": history})
    # Cited 2 + 1, of which line 1 is right; to be cited 2 lines in each of 2 runs.
    assert scores.precision == pytest.approx(1 / 3)
    assert scores.recall == pytest.approx(1 / 4)
    silent = score_evidence({"u": [{}]}, gold, {"u": history})
    assert (silent.precision, silent.recall) == (None, 0.0)


def test_interval_of_two_users_spans_both():
    # Draws of two from {0, 1}: mean 0, .5, 1 with probability 1/4, 1/2, 1/4; the tails hold 2.5 %.
    assert bootstrap_interval([0, 1], [1, 1], seed=3) == (0.0, 1.0)


def test_interval_agrees_with_the_normal_one_and_with_its_seed():
    hits = [1.0] * 200 + [0.0] * 200
    low, high = bootstrap_interval(hits, np.ones(400), seed=0)
    # .5 ± 1.96·√(.25/400) = .5 ± .049
    assert (low, high) == pytest.approx((0.451, 0.549), abs=0.006)
    assert bootstrap_interval(hits, np.ones(400), seed=0) == (low, high)


def test_interval_of_a_ratio_weighs_users_by_their_cases():
    # Every user has 1 hit in 4 cases, or 2 in 8: the ratio is 1/4 in every resample.
    assert bootstrap_interval([1, 2], [4, 8], seed=0) == pytest.approx((0.25, 0.25))
    # A user without cases never makes a resample undefined.
    assert bootstrap_interval([1, 0], [2, 0], seed=0) == pytest.approx((0.5, 0.5))
    with pytest.raises(ValueError, match="case"):
        bootstrap_interval([0], [0], seed=0)


def test_paired_interval_sees_a_difference_that_users_hide():
    # Users differ by up to 1, the models by .1 for every user: pairing leaves no doubt.
    sft = {f"u{n}": n / 50 for n in range(50)}
    rl = {user: score + 0.1 for user, score in reversed(sft.items())}
    difference = paired_interval(rl, sft, seed=0)
    assert difference.mean == pytest.approx(0.1)
    assert difference.interval == pytest.approx((0.1, 0.1))
    with pytest.raises(ValueError, match="one side only"):
        paired_interval(rl, {"u0": 0.0}, seed=0)
