"""Golden numbers of HPR-Bench, each worked by hand in the comments."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score

from hprbench.breakdown import length_medians, parts_of
from hprbench.candidates import stratify
from hprbench.intervals import Tally, difference_of, paired_interval, pooled, share_of
from hprbench.metrics import compression, is_correct, score_evidence, score_summaries, score_tags, vote
from records.history import HistoryLine, SemanticHistory
from records.tags import GIVEN, TAG, TAG_NAMES, GoldTag


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


def value(tally: Tally) -> float | None:
    found = share_of(tally, seed=0)
    return None if found is None else found.value


def strata_of(gold, tokens):
    """Strata of users whose histories do not matter."""
    histories = {user: SemanticHistory(user_id=user, lines=()) for user in gold}
    return stratify(list(gold), gold, histories, tokens)


def part_values(tallies, gold, metric, by):
    tokens = {user: 1000 * (place + 1) for place, user in enumerate(gold)}
    parts = parts_of(tallies, gold, strata_of(gold, tokens), seed=0)
    return {name: share.value for name, share in parts[metric].get(by, {}).items()}


def test_tag_track():
    tallies = score_tags(PREDICTIONS, GOLD)
    # u1: run 1 has all 18 right, run 2 is malformed: every tag 1/2.
    # u2: gender wrong twice (0), home_city wrong once (1/2), the 16 others right.
    assert tallies["avg_at_k"].per_user() == pytest.approx({"u1": 0.5, "u2": 16.5 / 18})
    # By tag: gender (1/2 + 0)/2 = .25, home_city (1/2 + 1/2)/2 = .5, the 16 others (1/2 + 1)/2 = .75.
    by_tag = part_values(tallies, GOLD, "avg_at_k", "tag")
    assert by_tag["gender"] == pytest.approx(0.25)
    assert by_tag["home_city"] == pytest.approx(0.5)
    assert by_tag["interests"] == by_tag["pet"] == pytest.approx(0.75)
    # (.25 + .5 + 16·.75)/18 = 12.75/18
    assert value(tallies["avg_at_k"]) == pytest.approx(12.75 / 18)
    # LS (.25 + 3·.75)/4 = .625; GC (.5 + .75)/2 = .625
    assert part_values(tallies, GOLD, "avg_at_k", "dimension") == pytest.approx(
        {"LS": 0.625, "HC": 0.75, "LI": 0.75, "EP": 0.75, "GC": 0.625}
    )
    # Known gold: gender of both (.25), interests (.5) and home_city (.5) of u1.
    assert value(tallies["non_na"]) == pytest.approx((0.25 + 0.5 + 0.5) / 3)
    # 3 of 4 responses are well formatted.
    assert value(tallies["format_rate"]) == 0.75


def test_the_vote_is_what_most_runs_say_of_each_tag():
    cat, dog, none = {"pet": ("cat",)}, {"pet": ("dog",)}, {"pet": ()}
    assert vote([dog, cat, None, cat]) == cat
    assert vote([none, cat, none]) == none
    # Of equals, what was said first.
    assert vote([dog, cat]) == dog
    # Values are compared as they are scored: order and case of open tags do not matter.
    assert vote([{"interests": ("Tea",)}, {"interests": ("Go", "tea")}, {"interests": ("tea", "go")}]) == {
        "interests": ("Go", "tea")
    }
    # A tag that few runs name is still voted on among them.
    assert vote([cat, {"gender": ("male",)}]) == {"pet": ("cat",), "gender": ("male",)}
    assert vote([None, None]) is None


def test_scores_of_the_vote_by_hand():
    gold = {"u1": {"pet": gold_user("u1", {"pet": ("cat",)})["pet"]}}
    cat, dog = {"pet": ("cat",)}, {"pet": ("dog",)}
    tallies = score_tags({"u1": [cat, cat, dog, None]}, gold)
    assert value(tallies["avg_at_k"]) == 0.5
    assert value(tallies["maj_at_k"]) == value(tallies["maj_macro_f1"]) == 1.0
    # Of one run the vote is that run; of none that can be read, it is wrong.
    for runs, right in (([dog], 0.0), ([None], 0.0), ([cat], 1.0)):
        tallies = score_tags({"u1": runs}, gold)
        assert value(tallies["avg_at_k"]) == value(tallies["maj_at_k"]) == right


def test_parts_by_difficulty_and_length():
    gold = {
        user: {
            tag: replace(one, difficulty="trap" if (user, tag) == ("u1", "gender") else "explicit")
            for tag, one in tags.items()
        }
        for user, tags in GOLD.items()
    }
    tallies = score_tags(PREDICTIONS, gold)
    # The one trap is gender of u1, right in one of two runs; the explicit ones are macro over tags:
    # gender of u2 0, home_city .5, the 16 others .75.
    assert part_values(tallies, gold, "avg_at_k", "difficulty") == pytest.approx(
        {"explicit": (0 + 0.5 + 16 * 0.75) / 18, "trap": 0.5}
    )
    # Logs of 1,000 and 2,000 tokens; the quartiles 1250, 1500, 1750 are the bounds (of two digits).
    by_length = part_values(tallies, gold, "avg_at_k", "length")
    assert by_length == pytest.approx({"≤ 1,200": 0.5, "> 1,800": 16.5 / 18})
    assert part_values(tallies, gold, "format_rate", "length") == {"≤ 1,200": 0.5, "> 1,800": 1.0}
    assert part_values(tallies, gold, "format_rate", "tag") == {}
    assert length_medians(strata_of(gold, {"u1": 1000, "u2": 2000})) == {"≤ 1,200": 1000, "> 1,800": 2000}


def test_macro_f1_counts_na_as_a_value_and_a_malformed_run_as_a_miss():
    # gender: gold F F M M, predicted F – F NA. F: 2·1/(2+2); M: 0; NA: 0. Mean 1/6.
    # home_city: gold lyon lyon NA NA, predicted lyon – paris NA. lyon 2·1/(1+2); paris 0;
    # NA 2·1/(1+2). Mean 4/9.
    # interests, sets pooled: shared 1 + 0 + 1 + 1, predicted 2 + 0 + 1 + 1, true 2 + 2 + 1 + 1:
    # 2·3/(4 + 6) = .6.
    # The 15 others: gold NA ×4, predicted NA ×3: 2·3/(3+4) = 6/7.
    expected = (1 / 6 + 4 / 9 + 0.6 + 15 * 6 / 7) / 18
    assert value(score_tags(PREDICTIONS, GOLD)["macro_f1"]) == pytest.approx(expected)


def test_macro_f1_agrees_with_scikit_learn():
    rng = np.random.default_rng(1)
    choices = [(), *((value,) for value in TAG["occupation"].values)]
    true, ours = rng.integers(0, len(choices), (2, 60))
    gold = {f"u{n}": gold_user(f"u{n}", {"occupation": choices[v]}) for n, v in enumerate(true)}
    predictions = {f"u{n}": [run(occupation=choices[v])] for n, v in enumerate(ours)}
    # The 17 other tags are NA and right: 1 each.
    expected = (17 + f1_score(true, ours, average="macro", zero_division=0)) / 18
    assert value(score_tags(predictions, gold)["macro_f1"]) == pytest.approx(expected)


def test_a_tag_missing_from_a_run_is_wrong():
    incomplete = run()
    del incomplete["pet"]
    assert score_tags({"u2": [incomplete]}, GOLD)["avg_at_k"].hits_UG[0, TAG_NAMES.index("pet")] == 0.0


def test_unequal_runs_and_missing_gold_are_refused():
    with pytest.raises(ValueError, match="same number of runs"):
        score_tags({"u1": [None], "u2": [None, None]}, GOLD)
    with pytest.raises(ValueError, match="same number of runs"):
        score_tags({}, GOLD)
    with pytest.raises(ValueError, match="u3"):
        score_tags({"u3": [None]}, GOLD)


def test_summary_track():
    gold = {
        "u1": gold_user("u1", {"gender": ("female",), "pet": ("cat",), "home_city": ("Lyon",)}),
        "u2": gold_user("u2", {"gender": ("male",)}),
    }
    extracted = {"u1": [run(gender=("female",), pet=("dog",), fitness=("high",))], "u2": [None]}
    tallies = score_summaries(extracted, gold)
    # Known: 3 + 1 tags, of which gender of u1 is right, and gender and pet of u1 are extracted.
    assert value(tallies["acc_ex"]) == pytest.approx(1 / 4)
    assert value(tallies["cov_ex"]) == pytest.approx(2 / 4)
    # NA: 15 + 17 tags, of which fitness of u1 is asserted.
    assert value(tallies["halluc_ex"]) == pytest.approx(1 / 32)
    assert part_values(tallies, gold, "acc_ex", "dimension") == {"LS": 0.5, "HC": 0.0, "GC": 0.0}
    assert tallies["acc_ex"].per_user() == pytest.approx({"u1": 1 / 3, "u2": 0.0})


def test_summary_track_without_known_tags_has_no_accuracy():
    tallies = score_summaries({"u": [run()]}, {"u": gold_user("u", {})})
    assert share_of(tallies["acc_ex"], seed=0) is None
    found = share_of(tallies["halluc_ex"], seed=0)
    assert (found.value, found.interval, found.users) == (0.0, (0.0, 0.0), 1)


def test_who_writes_no_summary_invents_nothing_and_has_no_number_for_it():
    gold = {"u1": gold_user("u1", {"pet": ("cat",)}), "u2": gold_user("u2", {})}
    tallies = score_summaries({"u1": [None, None], "u2": [None, None]}, gold)
    assert share_of(tallies["halluc_ex"], seed=0) is None
    assert value(tallies["cov_ex"]) == 0
    # A single summary, which says nothing, is one that could: 0 of 17 + 18 NA tags, twice.
    tallies = score_summaries({"u1": [None, run()], "u2": [None, None]}, gold)
    assert value(tallies["halluc_ex"]) == 0
    assert tallies["halluc_ex"].cases_UG.sum() == 70


def test_compression_is_the_mean_over_summaries():
    # 1 − (10/100 + 30/60)/2 = 1 − .3; c wrote none.
    tally = compression({"a": [10], "b": [30], "c": []}, {"a": 100, "b": 60, "c": 50})
    assert value(tally) == pytest.approx(0.7)
    assert tally.per_user() == pytest.approx({"a": 0.9, "b": 0.5})
    with pytest.raises(ValueError, match="above 0"):
        compression({"a": [10]}, {"a": 0})


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
    tallies = score_evidence(citations, gold, {"u": history})
    # Cited 2 + 1, of which line 1 is right; to be cited 2 lines in each of 2 runs.
    assert value(tallies["evidence_precision"]) == pytest.approx(1 / 3)
    assert value(tallies["evidence_recall"]) == pytest.approx(1 / 4)
    silent = score_evidence({"u": [{}]}, gold, {"u": history})
    assert (value(silent["evidence_precision"]), value(silent["evidence_recall"])) == (None, 0.0)


def interval(hits, cases, seed=0):
    users = tuple(f"u{number}" for number in range(len(hits)))
    return share_of(pooled(users, hits, cases), seed=seed).interval


def test_interval_of_two_users_spans_both():
    # Draws of two from {0, 1}: mean 0, .5, 1 with probability 1/4, 1/2, 1/4; the tails hold 2.5 %.
    assert interval([0, 1], [1, 1], seed=3) == (0.0, 1.0)


def test_interval_agrees_with_the_normal_one_and_with_its_seed():
    hits = [1.0] * 200 + [0.0] * 200
    low, high = interval(hits, np.ones(400))
    # .5 ± 1.96·√(.25/400) = .5 ± .049
    assert (low, high) == pytest.approx((0.451, 0.549), abs=0.006)
    assert interval(hits, np.ones(400)) == (low, high)


def test_interval_of_a_ratio_weighs_users_by_their_cases():
    # Every user has 1 hit in 4 cases, or 2 in 8: the ratio is 1/4 in every resample.
    assert interval([1, 2], [4, 8]) == pytest.approx((0.25, 0.25))
    # A user without cases never makes a resample undefined.
    assert interval([1, 0], [2, 0]) == pytest.approx((0.5, 0.5))


def test_a_weighted_tally_is_a_mean_of_groups():
    tally = Tally(
        users=("a", "b"),
        hits_UG=np.array([[1.0, 0.0, 0.0], [1.0, 3.0, 0.0]]),
        cases_UG=np.array([[1.0, 0.0, 0.0], [3.0, 4.0, 0.0]]),
        weights_G=np.array([1.0, 3.0, 5.0]),
    )
    # Groups 2/4 and 3/4, weighed 1 and 3; the third has no case: (.5 + 2.25)/4.
    assert value(tally) == pytest.approx(2.75 / 4)
    # Of user a alone the second group has no case: 1/1.
    assert value(tally.where([[1], [0]])) == 1.0
    assert value(tally.where([[0, 0, 1]])) is None
    assert tally.per_user() == pytest.approx({"a": 1.0, "b": 4 / 7})


def test_differences_are_paired():
    users = tuple(f"u{number}" for number in range(50))
    hits = np.linspace(0, 0.9, 50)
    a, b = pooled(users, hits + 0.1, np.ones(50)), pooled(users, hits, np.ones(50))
    # Users differ by up to .9, the models by .1 for every user.
    found = difference_of(a, b, seed=0)
    assert found.mean == pytest.approx(0.1)
    assert found.interval == pytest.approx((0.1, 0.1))
    assert difference_of(a, b.where([[0]]), seed=0) is None
    with pytest.raises(ValueError, match="on one side only"):
        difference_of(a, pooled(("x",), [1], [1]), seed=0)


def test_users_without_a_case_on_one_side_are_in_no_difference():
    # User b is wrong on the one side and has no case on the other: of users a and c both sides are the same.
    ours = pooled(("a", "b", "c"), [1, 0, 1], [1, 2, 2])
    theirs = pooled(("a", "b", "c"), [1, 0, 1], [1, 0, 2])
    found = difference_of(ours, theirs, seed=0)
    assert (found.mean, found.interval, found.users) == (0.0, (0.0, 0.0), 2)
    assert difference_of(ours.where([[1], [0], [0]]), theirs.where([[0], [0], [1]]), seed=0) is None


def test_paired_interval_sees_a_difference_that_users_hide():
    # Users differ by up to 1, the models by .1 for every user: pairing leaves no doubt.
    sft = {f"u{n}": n / 50 for n in range(50)}
    rl = {user: score + 0.1 for user, score in reversed(sft.items())}
    difference = paired_interval(rl, sft, seed=0)
    assert difference.mean == pytest.approx(0.1)
    assert difference.interval == pytest.approx((0.1, 0.1))
    with pytest.raises(ValueError, match="one side only"):
        paired_interval(rl, {"u0": 0.0}, seed=0)


def given(user: str, **known: tuple[str, ...]) -> dict[str, GoldTag]:
    return {
        tag: GoldTag(user_id=user, tag=tag, values=values, event_ids=(), difficulty=GIVEN)
        for tag, values in known.items()
    }


PARTLY = {
    "u1": given("u1", gender=("female",), pet=()),
    "u2": given("u2", gender=("male",)),
}
SAID = {
    "u1": [{"gender": ("female",), "pet": ("cat",)}, {"gender": ("male",), "pet": ()}],
    "u2": [{"gender": ("male",), "pet": ("dog",)}, None],
}


def test_a_tag_of_which_nothing_is_known_counts_nowhere():
    tallies = score_tags(SAID, PARTLY)
    # u1: gender 1/2, pet (NA) 1/2; u2: gender 1/2, and whatever is said of the pet does not count.
    assert tallies["avg_at_k"].per_user() == {"u1": 0.5, "u2": 0.5}
    assert part_values(tallies, PARTLY, "avg_at_k", "tag") == {"gender": 0.5, "pet": 0.5}
    assert part_values(tallies, PARTLY, "avg_at_k", "dimension") == {"LS": 0.5, "HC": 0.5}
    # Gender alone has values.
    assert value(tallies["non_na"]) == 0.5
    assert part_values(tallies, PARTLY, "avg_at_k", "difficulty") == {GIVEN: 0.5}
    # gender: female 2·1/(1+2), male 2·1/(2+2) → (2/3 + 1/2)/2 = 7/12.
    # pet, of u1 alone: cat 0, NA 2·1/(1+2) → 1/3.
    assert value(tallies["macro_f1"]) == pytest.approx((7 / 12 + 1 / 3) / 2)


def test_summaries_of_partly_known_users():
    tallies = score_summaries(SAID, PARTLY)
    # Known: gender of u1 twice (right once, asserted twice) and of u2 twice (right once, asserted once).
    assert (value(tallies["acc_ex"]), value(tallies["cov_ex"])) == (0.5, 0.75)
    # NA: the pet of u1, asserted once of twice; that of u2 is nothing to invent.
    assert value(tallies["halluc_ex"]) == 0.5
    assert tallies["acc_ex"].per_user() == {"u1": 0.5, "u2": 0.5}


def test_of_labels_that_are_given_no_evidence_is_known():
    line = HistoryLine(number=1, text="#1", event_ids=("e1",))
    histories = {user: SemanticHistory(user_id=user, lines=(line,)) for user in PARTLY}
    tallies = score_evidence({user: [{"gender": (1,)}] for user in PARTLY}, PARTLY, histories)
    assert [value(tally) for tally in tallies.values()] == [None, None]


def test_a_user_of_whom_nothing_is_known_is_no_case():
    with pytest.raises(ValueError, match="gold knows nothing of user u3"):
        score_tags({"u3": [None]}, PARTLY)
