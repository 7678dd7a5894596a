"""Who is in the benchmark, and that a frozen one is used only as it was frozen."""

import json
from collections import Counter

import pytest

from hprbench.build import draw_candidates, freeze, load
from hprbench.candidates import stratify
from records.errors import UserError
from records.history import HistoryLine, SemanticHistory
from records.tags import TAG_NAMES, GoldTag


def gold_user(user: str, **known: str) -> dict[str, GoldTag]:
    return {
        tag: GoldTag(
            user_id=user,
            tag=tag,
            values=(known[tag],) if tag in known else (),
            event_ids=("e1",) if tag in known else (),
            difficulty="explicit",
        )
        for tag in TAG_NAMES
    }


@pytest.fixture
def gold():
    """40 women of 18-24, 40 men of 55+ and 2 users without evidence of gender."""
    users = {f"f{n:02}": gold_user(f"f{n:02}", gender="female", age_group="18-24") for n in range(40)}
    users |= {f"m{n:02}": gold_user(f"m{n:02}", gender="male", age_group="55+") for n in range(40)}
    return users | {f"x{n}": gold_user(f"x{n}", age_group="55+") for n in range(2)}


@pytest.fixture
def histories(gold):
    line = HistoryLine(number=1, text="#1 [TYPE: Order] | Tram", event_ids=("e1",))
    return {user: SemanticHistory(user_id=user, lines=(line,)) for user in gold}


def test_strata_are_even_until_one_runs_out(gold):
    drawn = draw_candidates(gold, 22, seed=0)
    # Three strata: the small one gives its 2, the others 10 each.
    assert Counter(user[0] for user in drawn) == {"f": 10, "m": 10, "x": 2}
    assert len(set(drawn)) == 22
    # Who is drawn first is who would have been drawn alone: spare candidates come after.
    assert drawn[:9] == draw_candidates(gold, 9, seed=0)
    assert Counter(user[0] for user in drawn[:6]) == {"f": 2, "m": 2, "x": 2}


def test_selection_is_deterministic_and_blind_to_order(gold):
    backwards = dict(reversed(gold.items()))
    assert draw_candidates(gold, 9, seed=4) == draw_candidates(backwards, 9, seed=4)
    assert draw_candidates(gold, 9, seed=4) != draw_candidates(gold, 9, seed=5)


@pytest.mark.parametrize("count", [0, 83])
def test_impossible_counts_are_the_users_to_mend(gold, count):
    with pytest.raises(UserError, match=f"bench.users={count}"):
        draw_candidates(gold, count, seed=0)


def frozen(path, users, gold, histories, **more):
    strata = stratify(users, gold, histories, dict.fromkeys(users, 900))
    freeze(path, users=users, gold=gold, strata=strata, histories=histories, **more)
    return path


def test_freeze_and_load(gold, histories, tmp_path):
    path = frozen(tmp_path / "bench" / "benchmark.json", ["f01", "x0"], gold, histories)
    bench = load(path, histories=histories, training_users={"f02"})
    assert bench.users == ("f01", "x0")
    assert bench.gold == {user: gold[user] for user in bench.users}
    assert bench.histories.keys() == set(bench.users)
    assert (bench.strata["f01"].gender, bench.strata["x0"].gender) == ("female", "NA")
    assert (bench.version, bench.reviews) == (1, ())


def test_a_file_changed_by_hand_is_refused(gold, histories, tmp_path):
    path = frozen(tmp_path / "benchmark.json", ["f01"], gold, histories)
    body = json.loads(path.read_text())
    body["gold"]["f01"]["gender"]["values"] = ["male"]
    path.write_text(json.dumps(body))
    with pytest.raises(UserError, match="changed by hand"):
        load(path, histories=histories, training_users=())


def test_load_refuses_training_users_and_other_histories(gold, histories, tmp_path):
    path = frozen(tmp_path / "benchmark.json", ["f01", "x0"], gold, histories)
    with pytest.raises(UserError, match="x0"):
        load(path, histories=histories, training_users={"x0", "f02"})
    line = HistoryLine(number=1, text="#1 [TYPE: Order] | Tram!", event_ids=("e1",))
    changed = histories | {"f01": SemanticHistory(user_id="f01", lines=(line,))}
    with pytest.raises(UserError, match="not those it was frozen with"):
        load(path, histories=changed, training_users=())
    with pytest.raises(UserError, match="no history"):
        load(path, histories={}, training_users=())


@pytest.mark.parametrize("key", ["extractor_version", "format"])
def test_load_refuses_another_version(gold, histories, tmp_path, key):
    path = frozen(tmp_path / "benchmark.json", ["f01"], gold, histories)
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: "other"}))
    with pytest.raises(UserError, match="other"):
        load(path, histories=histories, training_users=())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"users": ["a"], "gold": {"a": 3}}'])
def test_load_refuses_what_is_no_benchmark(tmp_path, text):
    path = tmp_path / "benchmark.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"benchmark\.json"):
        load(path, histories={}, training_users=())
    with pytest.raises(UserError, match=r"missing\.json"):
        load(tmp_path / "missing.json", histories={}, training_users=())
