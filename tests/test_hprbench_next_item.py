"""Next-item prediction: splits, negatives, metrics and rankers by hand, and nothing after the cut is seen."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hprbench.next_item.affinity import of_embeddings, of_sessions, of_titles
from hprbench.next_item.learned import features_of, fit_combination
from hprbench.next_item.metrics import differences, rank_targets, shares, tallies
from hprbench.next_item.negatives import candidates
from hprbench.next_item.neighbours import (
    HistoryNeighbours,
    PersonaNeighbours,
    history_votes,
    persona_votes,
    pool_of_sessions,
    pool_of_users,
)
from hprbench.next_item.personas import PersonaFit, active, earlier_members, members_of, shuffled_members
from hprbench.next_item.rankers import (
    Nearest,
    OwnCount,
    OwnHistory,
    OwnRecency,
    Popularity,
    Profile,
    Ranker,
    fits,
    recency,
)
from hprbench.next_item.split import Split, before_cuts, split_log
from hprbench.next_item.stand_in import stand_in_members
from records.errors import UserError
from records.persona import IntentMemory, Persona, PersonaSet

START = datetime(2020, 1, 1, tzinfo=UTC)


def log_of(bought: dict[str, Sequence[str]], basket: int = 2) -> pl.DataFrame:
    """Events of each user in the order given, an hour apart, `basket` of them a session."""
    return pl.DataFrame(
        [
            {
                "user_id": user,
                "timestamp": START + timedelta(hours=place),
                "session": f"{user}-{place // basket}",
                "item": item,
                "title": f"{item} thing",
                "event_id": f"{user}{place}",
            }
            for user, items in bought.items()
            for place, item in enumerate(items)
        ]
    )


SHOP = {"ann": "aabcb", "bob": "bbcda", "cid": "ab"}


def a_market(users: int = 12) -> Split:
    """Users whose next item is often what they had before."""
    generator = np.random.default_rng(0)
    return split_log(
        log_of({f"u{user:02}": [f"i{n:02}" for n in generator.integers(0, 15, 20)] for user in range(users)})
    )


# splits


def test_a_split_by_hand() -> None:
    """Four of five events are history; cid has too few, and its events count for nothing."""
    split = split_log(log_of(SHOP))
    assert split.users == ("ann", "bob")
    assert split.items == ("a", "b", "c", "d")
    assert [one.items_E.tolist() for one in split.histories] == [[0, 0, 1, 2], [1, 1, 2, 3]]
    assert [one.sessions_E.tolist() for one in split.histories] == [[0, 0, 1, 1], [0, 0, 1, 1]]
    assert split.histories[0].event_ids == ("ann0", "ann1", "ann2", "ann3")
    assert split.targets_U.tolist() == [1, 0]
    assert split.popularity_I.tolist() == [2, 3, 2, 1]
    assert split.repeats_U.tolist() == [True, False]
    assert split.left_out == {"fewer than 5 events": 1, "target not in the training part": 0}


def test_the_earlier_split_holds_out_the_last_training_event() -> None:
    """ann's c is bob's too; bob's d would occur nowhere else, so bob is left out, its b, b, c still count."""
    earlier = split_log(log_of(SHOP)).earlier()
    assert earlier.users == ("ann",)
    assert earlier.histories[0].items_E.tolist() == [0, 0, 1]
    assert earlier.targets_U.tolist() == [2]
    assert earlier.popularity_I.tolist() == [2, 3, 1, 0]


def test_targets_nobody_had_before_are_left_out_and_counted() -> None:
    split = split_log(log_of({"ann": "aabcz", "bob": "bbcda"}))
    assert split.users == ("bob",)
    assert "z" not in split.items
    assert split.popularity_I.tolist() == [2, 3, 2, 1]
    assert split.left_out["target not in the training part"] == 1


def test_rows_of_one_time_keep_their_order() -> None:
    log = log_of({"ann": "edcba"}).with_columns(timestamp=pl.lit(START))
    split = split_log(pl.concat([log, log_of({"bob": "aaaaa"})]))
    assert [split.items[item] for item in split.histories[0].items_E] == ["e", "d", "c", "b"]


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (log_of(SHOP).drop("session"), "no column session"),
        (log_of(SHOP).with_columns(item=pl.lit(None, dtype=pl.String)), "12 rows without item"),
        (log_of({"ann": "ab"}), "no user with 5 events"),
        (log_of(SHOP).clear(), "no user with 5 events"),
    ],
)
def test_bad_logs_are_told_with_the_mend(log: pl.DataFrame, said: str) -> None:
    with pytest.raises(UserError, match=said):
        split_log(log)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdef"), min_size=5, max_size=12), min_size=2, max_size=5))
def test_nothing_after_the_cut_is_seen(bought: list[list[str]]) -> None:
    """What comes after the targets may be anything: splits, negatives and all scores stay what they were."""
    users = {f"u{number}": items for number, items in enumerate(bought)}
    users["zed"] = list("abcdef" * 3)  # so that every target is known
    log = log_of(users)
    cut = (pl.len().over("user_id") * 0.8).floor()
    after = pl.int_range(pl.len()).over("user_id") > cut
    # The targets themselves go, too: they may be in no feature of any user.
    target = pl.int_range(pl.len()).over("user_id") == cut
    other = log.with_columns(
        item=pl.when(after).then(pl.lit("zzz")).when(target).then(pl.lit(bought[0][0])).otherwise("item"),
        title=pl.when(after | target).then(pl.lit("other words")).otherwise("title"),
        session=pl.when(after | target).then(pl.lit("elsewhere")).otherwise("session"),
    )
    whole, cropped = split_log(log), split_log(other)
    assert whole.users == cropped.users == tuple(users)
    assert whole.items == cropped.items
    assert whole.titles == cropped.titles
    assert whole.popularity_I.tolist() == cropped.popularity_I.tolist()
    row_C = np.arange(len(whole.items))
    for user in range(len(users)):
        scores = [
            [ranker(user, row_C).tolist() for ranker in every_ranker(split).values()]
            for split in (whole, cropped)
        ]
        assert scores[0] == scores[1]


def _only(split: Split, users: list[str]) -> Split:
    kept = [place for place, user in enumerate(split.users) if user in users]
    return replace(
        split,
        users=tuple(split.users[place] for place in kept),
        histories=tuple(split.histories[place] for place in kept),
        targets_U=split.targets_U[kept],
    )


def every_ranker(split: Split) -> dict[str, Ranker]:
    titles, together = of_titles(split.titles), of_sessions(split)
    unit = np.eye(len(split.items), dtype=np.float32)
    members = stand_in_members(split, unit, "item")
    return {
        "popularity": Popularity(split=split),
        "own history": OwnHistory(split=split),
        "own count": OwnCount(split=split),
        "running": OwnRecency(split=split, running=True),
        "before": OwnRecency(split=split, running=False),
        "profile": Profile(split=split, affinity=titles, halflife=3),
        "last": Profile(split=split, affinity=titles, last=1),
        "nearest": Nearest(split=split, affinity=together),
        "best": PersonaFit(split=split, members=members, affinity=together, way="best"),
        "next": PersonaFit(split=split, members=members, affinity=together, way="next"),
        "active": PersonaFit(split=split, members=members, affinity=together, way="active"),
        "users": HistoryNeighbours(votes=history_votes(split, pool_of_users(split), halflife=3)),
        "sessions": HistoryNeighbours(votes=history_votes(split, pool_of_sessions(split), last=2)),
        "sides": PersonaNeighbours(
            split=split, members=members, votes=persona_votes(split, members), way="best"
        ),
    }


# negatives


def test_negatives_never_hold_the_target_nor_a_thing_twice() -> None:
    split = a_market()
    found = candidates(split, seed=0, negatives=8)
    assert found.shape == (12, 9)
    assert (found[:, 0] == split.targets_U).all()
    assert not (found[:, 1:] == found[:, :1]).any()
    assert all(len(set(row)) == 9 for row in found.tolist())
    assert split.popularity_I[found].all()
    assert (found == candidates(split, seed=0, negatives=8)).all()
    assert (found != candidates(split, seed=1, negatives=8)).any()


def test_negatives_are_drawn_by_popularity() -> None:
    """One negative of b (3), c (2) and d (1) for target a: shares 3/6, 2/6, 1/6."""
    split = _only(split_log(log_of({"ann": "abbca", "bob": "ccdda"})), ["ann"])
    split = replace(
        split, items=("a", "b", "c", "d"), popularity_I=np.array([9, 3, 2, 1]), targets_U=np.array([0])
    )
    drawn = [int(candidates(split, seed=seed, negatives=1)[0, 1]) for seed in range(3000)]
    share = np.bincount(drawn, minlength=4) / len(drawn)
    assert share == pytest.approx([0, 3 / 6, 2 / 6, 1 / 6], abs=0.03)


def test_too_few_items_are_told() -> None:
    with pytest.raises(UserError, match="4 items for 99 negatives"):
        candidates(split_log(log_of(SHOP)), seed=0)


# metrics


def test_ranks_by_hand() -> None:
    """First; third; eleventh; all of 100 tied: 10/100 and (1 + 1/2 + … + 1/10)/100; second or third."""
    rows = np.zeros((5, 100))
    rows[0, 0] = 1
    rows[1, :3] = 1, 2, 3
    rows[2, :11] = 1, *range(2, 12)
    rows[4, :3] = 1, 2, 1
    found = rank_targets(rows)
    assert found.hit_U.tolist() == [1, 1, 0, 0.1, 1]
    assert found.reciprocal_U == pytest.approx([1, 1 / 3, 0, 0.02928968, (1 / 2 + 1 / 3) / 2])


def test_a_tie_over_the_cutoff() -> None:
    """Nine above and one beside: tenth half of the time."""
    row = np.array([[1.0, *range(2, 11), 1.0, 0.0]])
    found = rank_targets(row)
    assert found.hit_U.tolist() == [0.5]
    assert found.reciprocal_U == pytest.approx([0.05])


@given(st.lists(st.integers(0, 3), min_size=2, max_size=14), st.integers(1, 12))
def test_metrics_are_means_over_orders_of_ties(scores: list[int], cutoff: int) -> None:
    above = sum(score > scores[0] for score in scores)
    tied = sum(score == scores[0] for score in scores)
    ranks = range(above + 1, above + tied + 1)
    found = rank_targets(np.array([scores], dtype=float), cutoff=cutoff)
    assert found.hit_U[0] == pytest.approx(np.mean([rank <= cutoff for rank in ranks]))
    assert found.reciprocal_U[0] == pytest.approx(np.mean([(rank <= cutoff) / rank for rank in ranks]))


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not a number"):
        rank_targets(np.array([[0.0, np.nan]]))


def test_groups_and_differences() -> None:
    """ann repeats and hits, bob is new and misses; the other ranker the other way round."""
    split = split_log(log_of(SHOP))
    ours = tallies(rank_targets(np.array([[1.0, 0], [0, 1]]), cutoff=1), split)
    theirs = tallies(rank_targets(np.array([[0.0, 1], [1, 0]]), cutoff=1), split)
    means = {group: found["hit"] for group, found in shares(ours, seed=0).items()}
    assert {group: (share.value, share.users) for group, share in means.items() if share} == {
        "all": (0.5, 2),
        "repeat": (1.0, 1),
        "new": (0.0, 1),
    }
    less = differences(ours, theirs, seed=0)
    assert {group: found["map"].mean for group, found in less.items() if found["map"]} == {
        "all": 0.0,
        "repeat": 1.0,
        "new": -1.0,
    }


# affinities and rankers


def test_affinity_of_sessions_by_hand() -> None:
    """ann: {a}, {b, c}; bob: {b}, {c, d}: b and c are together once, each in two sessions: 1/2."""
    found = of_sessions(split_log(log_of(SHOP)))
    expected = np.eye(4)
    expected[1, 2] = expected[2, 1] = 1 / 2
    expected[2, 3] = expected[3, 2] = 1 / np.sqrt(2)
    assert found == pytest.approx(expected)


def test_affinity_of_titles_and_embeddings() -> None:
    found = of_titles(["red cup", "red cup", "blue plate", "?"])
    assert found[0, 1] == pytest.approx(1)
    assert found[0, 2] == found[0, 3] == 0
    assert found.diagonal() == pytest.approx(1)
    unit = np.array([[1, 0], [0.6, 0.8]], dtype=np.float32)
    assert of_embeddings(["one", "two"], lambda titles: unit) == pytest.approx(np.array([[1, 0.6], [0.6, 1]]))


def test_own_rankers_by_hand() -> None:
    """ann had a twice in the session before, b and c in the last; popularity of a to d: 2, 3, 2, 1."""
    split, row_C = split_log(log_of(SHOP)), np.arange(4)
    assert OwnHistory(split=split)(0, row_C) == pytest.approx([2 + 2 / 4, 1 + 3 / 4, 1 + 2 / 4, 1 / 4])
    assert OwnCount(split=split)(0, row_C) == pytest.approx(np.log([3, 2, 2, 1]))
    assert Popularity(split=split)(0, row_C) == pytest.approx(np.log([3, 4, 3, 2]))
    assert OwnRecency(split=split, running=True)(0, row_C).tolist() == [0, 1, 1, 0]
    assert OwnRecency(split=split, running=False, halflife=1)(0, row_C).tolist() == [0.5, 0, 0, 0]
    assert recency(split.histories[0], 1).tolist() == [0.5, 0.5, 1, 1]
    assert recency(split.histories[0], 0).tolist() == [0, 0, 1, 1]
    assert recency(split.histories[0], np.inf).tolist() == [1, 1, 1, 1]


def test_a_profile_is_a_cosine() -> None:
    """Two things of cosine 0.6, once each: the sum has length √(2 + 2·0.6), the candidate 1 + 0.6 of it."""
    affinity = np.array([[1, 0.6, 0], [0.6, 1, 0], [0, 0, 1]], dtype=np.float32)
    found = fits(affinity, np.array([0, 1]), np.array([[1.0, 1], [0, 0]]), np.array([0, 2]))
    assert found == pytest.approx(np.array([[1.6 / np.sqrt(3.2), 0], [0, 0]]))


# personas


def a_memory(user: str, number: int, *places: int) -> IntentMemory:
    return IntentMemory(
        user_id=user,
        number=number,
        start=START,
        end=START,
        source="Shop",
        action="Order",
        wants=("a",),
        category="",
        event_ids=tuple(f"{user}{place}" for place in places),
    )


def a_set(user: str, *personas: tuple[int, ...]) -> PersonaSet:
    return PersonaSet(
        user_id=user,
        personas=tuple(Persona(label="", description=(), memories=one) for one in personas),
    )


def test_memories_lead_to_events_of_the_history() -> None:
    split = split_log(log_of(SHOP))
    memories = {"ann": [a_memory("ann", 1, 0), a_memory("ann", 2, 1, 2), a_memory("ann", 3, 3)]}
    found = members_of(split, [a_set("ann", (1, 3), (2,))], memories)
    assert found[0].tolist() == [[True, False, False, True], [False, True, True, False]]
    assert found[1].tolist() == [[True] * 4]  # bob has no personas


def test_a_memory_of_the_future_is_refused() -> None:
    """ann4 is the event to predict."""
    split = split_log(log_of(SHOP))
    with pytest.raises(UserError, match="user ann, event ann4: in a persona, but not in the history"):
        members_of(split, [a_set("ann", (1,))], {"ann": [a_memory("ann", 1, 3, 4)]})


def test_a_memory_that_is_not_given_is_refused() -> None:
    split = split_log(log_of(SHOP))
    with pytest.raises(UserError, match="user ann, memory 7: in a persona, but not among the memories"):
        members_of(split, [a_set("ann", (1, 7))], {"ann": [a_memory("ann", 1, 3)]})


def test_ways_of_taking_personas_together() -> None:
    """ann's a, a are one persona, b and c the other, which is the newest and has all of the last session.

    With things like themselves alone a fits the first with 1, b the second with 1/√2. Halved by session
    the first is as likely as 1/2 + 1/2 against 1 + 1, a third.
    """
    split, row_C = split_log(log_of(SHOP)), np.arange(4)
    members = [np.array([[True, True, False, False], [False, False, True, True]])] * 2
    same = np.eye(4, dtype=np.float32)
    half = 1 / np.sqrt(2)
    for way, expected in {
        "best": [1, half, half, 0],
        "active": [0, half, half, 0],
        "next": [1 / 3, half * 2 / 3, half * 2 / 3, 0],
    }.items():
        ranker = PersonaFit(split=split, members=members, affinity=same, way=way)  # type: ignore[arg-type]
        assert ranker(0, row_C) == pytest.approx(expected), way


def test_the_active_persona() -> None:
    assert active(np.array([[True, False, True], [True, True, False]])) == 0
    assert active(np.array([[False, False, True], [True, False, True]])) == 1
    assert active(np.zeros((2, 3), dtype=bool)) == 0


def test_one_persona_of_everything_is_the_history() -> None:
    split = a_market()
    titles = of_titles(split.titles)
    members = members_of(split, [], {})
    found = candidates(split, seed=0, negatives=8)
    for user in range(len(split.users)):
        whole = Profile(split=split, affinity=titles)(user, found[user])
        for way in ("best", "next", "active"):
            ranker = PersonaFit(split=split, members=members, affinity=titles, way=way)  # type: ignore[arg-type]
            assert ranker(user, found[user]) == pytest.approx(whole)


# neighbours

THREE = {"ann": "aabcb", "bob": "bbcda", "cid": "aaaab"}


def test_votes_of_users_by_hand() -> None:
    """Rarity log(1 + 3/2) of a, b and c, which two users have each, log 4 of d. Counts 2, 1 are log 3, log 2.

    ann (log 3, log 2, log 2)/1.472 = (.746, .471, .471), bob, with .916 and 1.386 in, (0, .658, .415, .628),
    cid (1, 0, 0, 0): cosines of ann .471·(.658 + .415) = .505 and .746, shares .404 and .596.
    """
    split = split_log(log_of(THREE))
    ranker = HistoryNeighbours(votes=history_votes(split, pool_of_users(split)))
    assert ranker(0, np.arange(4)) == pytest.approx([0.596, 0.404, 0.404, 0.404], abs=1e-3)
    # cid has nothing in common with bob, and does not ask itself.
    assert ranker(2, np.arange(4)).tolist() == [1, 1, 1, 0]
    only = HistoryNeighbours(votes=history_votes(split, pool_of_users(split), last=1))
    assert only(0, np.arange(4)).tolist() == [0, 1, 1, 1]  # ann's c is bob's alone


def test_votes_of_sessions() -> None:
    """ann's last session is b, c: bob's b, b and c, d, by rarity; cid's a, a are unlike it."""
    split = split_log(log_of(THREE))
    (found,) = history_votes(split, pool_of_sessions(split), halflife=0)[0]
    assert found[0] == 0
    assert found[1] + found[2] == pytest.approx(1)
    assert found[2] == pytest.approx(found[3])


def test_votes_of_sides() -> None:
    """ann's a, a are cid's, whole; ann's b, c are like bob's only side. Taken together as fits are."""
    split, row_C = split_log(log_of(THREE)), np.arange(4)
    members = [np.array([[True, True, False, False], [False, False, True, True]])]
    members += [np.ones((1, 4), dtype=bool)] * 2
    votes = persona_votes(split, members)
    for way, expected in {
        "best": [1, 1, 1, 1],
        "active": [0, 1, 1, 1],
        "next": [1 / 3, 2 / 3, 2 / 3, 2 / 3],
    }.items():
        ranker = PersonaNeighbours(split=split, members=members, votes=votes, way=way)  # type: ignore[arg-type]
        assert ranker(0, row_C) == pytest.approx(expected), way


def test_nobody_alike_has_no_votes() -> None:
    split = split_log(log_of({"ann": "aaaab", "bob": "bbbba"}))
    assert history_votes(split, pool_of_users(split))[0].tolist() == [[0, 0]]


# learned combinations


def test_a_fit_finds_what_chooses() -> None:
    """Features: one that chooses the target, noise, and one that never differs within a user."""
    generator = np.random.default_rng(0)
    true = generator.normal(size=(300, 10))
    chosen = (2 * true + generator.gumbel(size=true.shape)).argmax(axis=1)
    true[np.arange(300), [0] * 300], true[np.arange(300), chosen] = (
        true[np.arange(300), chosen],
        true[np.arange(300), 0].copy(),
    )
    features = {"true": true, "noise": generator.normal(size=true.shape), "flat": np.ones_like(true)}
    found = fit_combination(features, ("true", "noise", "flat"), penalty=0.0)
    weights = dict(zip(found.names, found.weights_F / found.scale_F, strict=True))
    assert weights["true"] == pytest.approx(2, abs=0.3)
    assert abs(weights["noise"]) < 0.2
    assert weights["flat"] == 0
    again = fit_combination(features, ("true", "noise", "flat"), penalty=0.0)
    assert (again.weights_F == found.weights_F).all()


def test_a_fit_by_hand() -> None:
    """Two users choose x = 1 over x = 0, one the other way: P(1) = e^w/(1 + e^w) = 2/3, so w = log 2."""
    features = {"x": np.array([[1.0, 0], [1, 0], [0, 1]])}
    found = fit_combination(features, ("x",), penalty=0.0)
    assert found.weights_F / found.scale_F == pytest.approx([np.log(2)], abs=1e-4)
    assert found.scores({**features, "other": features["x"]})[:, 0] == pytest.approx(
        [np.log(2), np.log(2), 0], abs=1e-4
    )


def test_features_of_rankers_have_a_row_a_user() -> None:
    split = a_market()
    found = features_of(every_ranker(split), candidates(split, seed=0, negatives=8))
    assert {values.shape for values in found.values()} == {(12, 9)}
    assert all(np.isfinite(values).all() for values in found.values())


def test_members_one_event_earlier_lack_the_newest() -> None:
    split = split_log(log_of(SHOP))
    memories = {"ann": [a_memory("ann", 1, 0, 1), a_memory("ann", 2, 2, 3)]}
    members = members_of(split, [a_set("ann", (1,), (2,))], memories)
    (found,) = earlier_members(split, members, split.earlier())
    assert found.tolist() == [[True, True, False], [False, False, True]]


def test_shuffled_members_keep_number_and_sizes() -> None:
    members = [np.array([[True, True, False, False, False], [False, False, True, True, True]])]
    (found,) = shuffled_members(members, seed=0)
    assert found.sum(axis=1).tolist() == [2, 3]
    assert found.sum(axis=0).tolist() == [1] * 5
    assert (shuffled_members(members, seed=0)[0] == found).all()


def test_what_is_before_the_cuts() -> None:
    log = log_of(SHOP).with_columns(more=pl.lit(1))
    found = before_cuts(log)
    assert found["event_id"].to_list() == [
        "ann0",
        "ann1",
        "ann2",
        "ann3",
        "bob0",
        "bob1",
        "bob2",
        "bob3",
        "cid0",
    ]
    assert found.columns == log.columns
