"""Steps 2 to 4 of the benchmark's build, on candidates small enough to be worked out by hand."""

import numpy as np
import pytest

from hprbench.breakdown import parts_of
from hprbench.candidates import Finding, annotate, choose, inspect, length_classes, stratify
from hprbench.intervals import Tally
from launch.stages.benchmark import build_counts
from records.errors import UserError
from records.history import HistoryLine, SemanticHistory
from records.tags import TAG_NAMES, GoldTag


def label(user: str, tag: str, *values: str, events: tuple[str, ...] = (), kind: str = "explicit") -> GoldTag:
    return GoldTag(user_id=user, tag=tag, values=values, event_ids=events, difficulty=kind)


def labels(user: str, *known: GoldTag) -> dict[str, GoldTag]:
    return {tag: label(user, tag) for tag in TAG_NAMES} | {one.tag: one for one in known}


def history(user: str, lines: int = 3) -> SemanticHistory:
    return SemanticHistory(
        user_id=user,
        lines=tuple(
            HistoryLine(number=n, text=f"#{n} {user}", event_ids=(f"e{n}",)) for n in range(1, lines + 1)
        ),
    )


def pet_owner(user: str, kind: str = "explicit") -> dict[str, GoldTag]:
    return labels(user, label(user, "pet", "cat", events=("e2", "e9"), kind=kind))


def test_annotations_hold_gold_beside_rules_and_the_lines_seen() -> None:
    gold = {"u": pet_owner("u")}
    rules = {"u": dict.fromkeys(TAG_NAMES, ()) | {"pet": ("dog",)}}
    notes = {one.tag: one for one in annotate(["u"], gold, rules, {"u": history("u")})}
    pet = notes["pet"]
    # Of the two events only e2 is in the history, in line 2.
    assert (pet.gold, pet.rule, pet.events, pet.lines) == (("cat",), ("dog",), 2, (2,))
    assert pet.disagrees
    assert not notes["gender"].disagrees  # both NA
    (without,) = annotate(["u"], {"u": {"pet": gold["u"]["pet"]}}, None, {"u": history("u")})
    assert (without.rule, without.disagrees) == (None, False)


def test_strata() -> None:
    users = ["a", "b", "c"]
    gold = {"a": pet_owner("a"), "b": pet_owner("b", "trap"), "c": pet_owner("c")}
    gold["c"]["gender"] = label("c", "gender", "male", kind="implicit")
    strata = stratify(users, gold, {user: history(user) for user in users}, {"a": 900, "b": 2100, "c": 9900})
    # Shares of known tags that are not explicit: 0, 1, 1/2; thirds at 1/3 and 2/3.
    assert [strata[user].level for user in users] == ["easy", "hard", "middle"]
    assert strata["c"].kinds == {"explicit": 1, "implicit": 1, "temporal": 0, "trap": 0}
    assert (strata["c"].gender, strata["c"].age_group, strata["c"].unknown) == ("male", "NA", 16)


def test_labels_without_a_kind_of_evidence_give_no_level() -> None:
    gold = {"a": {"pet": label("a", "pet", "cat", kind="given")}, "b": labels("b")}
    strata = stratify(["a", "b"], gold, {user: history(user) for user in "ab"}, {"a": 900, "b": 2100})
    assert [one.level for one in strata.values()] == ["", ""]
    # Nobody was asked for the one's gender, of the other it is not known.
    assert [(one.gender, one.age_group) for one in strata.values()] == [("", ""), ("NA", "NA")]
    tally = Tally(users=("a", "b"), hits_UG=np.ones((2, 1)), cases_UG=np.ones((2, 1)))
    assert parts_of({"bleu": tally}, gold, strata, seed=0)["bleu"]["level"] == {}


def test_classes_of_length_have_bounds_of_two_digits() -> None:
    # Quartiles of 900, 2100, 4300, 9900: 1800, 3200, 5700.
    classes = ["≤ 1,800", "1,800–3,200", "3,200–5,700", "> 5,700"]
    assert length_classes([900, 2100, 4300, 9900]) == classes
    assert length_classes([5, 5, 5]) == ["≤ 5"] * 3


def test_checks() -> None:
    users = ["fine", "short", "copy", "blank", "odd", "lacking"]
    gold = {user: pet_owner(user) for user in users}
    gold["blank"] = labels("blank")
    gold["odd"]["pet"] = label("odd", "pet", "parrot", events=("e1",))
    del gold["lacking"]["mobility"]
    gold["fine"]["gender"] = label("fine", "gender", "male", events=("gone",))
    histories = {user: history(user, 2 if user == "short" else 3) for user in users}
    rules = {user: dict.fromkeys(TAG_NAMES, ()) | {"pet": ("cat",), "gender": ("male",)} for user in users}
    rules["fine"]["pet"] = ("dog",)
    found = inspect(annotate(users, gold, rules, histories), users, histories, {"copy": "t7"})
    hard = {(one.user_id, one.check, one.tag, one.detail) for one in found if one.hard}
    assert hard == {
        ("short", "short_history", "", "2 lines"),
        ("copy", "duplicate", "", "t7"),
        ("odd", "unknown_value", "pet", "parrot"),
    }
    assert [one.tag for one in found if one.check == "unlabelled"] == ["mobility"]
    assert [one.user_id for one in found if one.check == "nothing_known"] == ["blank"]
    soft = {(one.check, one.tag, one.detail) for one in found if one.user_id == "fine"}
    assert soft == {("unseen", "gender", "1 event(s)"), ("rules_disagree", "pet", "dog")}


def test_places_of_those_who_fail_go_to_others_of_their_stratum() -> None:
    users = ["f1", "m1", "f2", "m2", "f3"]
    gold = {u: labels(u, label(u, "gender", "female" if u[0] == "f" else "male")) for u in users}
    strata = stratify(users, gold, {u: history(u) for u in users}, dict.fromkeys(users, 9))
    fail = [Finding(user_id="m1", check="duplicate", hard=True), Finding(user_id="f1", check="unseen")]
    choice = choose(users, strata, fail, 2)
    # m2 is the next man, though f2 was drawn before.
    assert (choice.users, choice.replaced) == (("f1", "m2"), {"m1": "m2"})
    assert choice.left_out == {"m1": ("duplicate",)}
    fail.append(Finding(user_id="m2", check="short_history", hard=True))
    assert choose(users, strata, fail, 2).users == ("f1", "f2")
    with pytest.raises(UserError, match=r"bench\.users=4: 3 of 5 candidates pass"):
        choose(users, strata, fail, 4)
    with pytest.raises(UserError, match=r"bench\.users=6: 5 of 5 candidates pass"):
        choose(users, strata, [], 6)


def test_without_a_count_all_that_pass_are_in() -> None:
    users = ["b", "a", "c"]
    strata = stratify(
        users, {u: labels(u) for u in users}, {u: history(u) for u in users}, dict.fromkeys(users, 9)
    )
    fail = [Finding(user_id="b", check="duplicate", hard=True)]
    choice = choose(users, strata, fail, None)
    assert (choice.users, choice.left_out, choice.replaced) == (("a", "c"), {"b": ("duplicate",)}, {})
    fail += [Finding(user_id=user, check="short_history", hard=True) for user in "ac"]
    with pytest.raises(UserError, match=r"none of the 3 candidates passes .* label other users"):
        choose(users, strata, fail, None)


@pytest.mark.parametrize("events", [("e2",), ()])
def test_counts_say_nothing_of_rules_and_evidence_that_there_are_not(events: tuple[str, ...]) -> None:
    gold = {"u": labels("u", label("u", "pet", "cat", events=events, kind="explicit" if events else "given"))}
    histories = {"u": history("u")}
    rules = {"u": dict.fromkeys(TAG_NAMES, ()) | {"pet": ("dog",)}} if events else None
    notes, strata = annotate(["u"], gold, rules, histories), stratify(["u"], gold, histories, {"u": 9})
    found = build_counts(["u"], notes, strata, [], choose(["u"], strata, [], None))
    assert found["annotations"] == {
        "labels": 18, "known": 1, "rules_agree": 17 if events else None, "seen": 1 if events else None,
    }  # fmt: skip
    assert found["strata"]["level"] == ({"easy": 1} if events else {})
    assert found["strata"]["evidence"] == {"explicit" if events else "given": 1}
