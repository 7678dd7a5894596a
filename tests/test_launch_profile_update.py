"""Profiles brought up to date: what new events show takes the place of what was, the rest stays."""

import json
from pathlib import Path
from typing import Any

import pytest

from launch.profile_update import agreement, agreement_told, read_profiles, settled, updated
from lm.phrases import sentences
from records.errors import UserError
from records.tags import NA, TAG, TAG_NAMES


def line(text: str) -> dict[str, Any]:
    return {"line": 1, "text": text, "events": []}


def profile(shown: str = "old", error: str | None = None, **values: Any) -> dict[str, Any]:
    """A profile whose values cite the line `shown`; values in a tuple are cited by nothing."""
    if error:
        return {"user_id": "u", "error": error, "tags": {}, "summary": []}
    tags, said = {}, {}
    for name in TAG_NAMES:
        given = values.get(name)
        cited = not isinstance(given, tuple)
        value = given if cited else given[0]
        tags[name] = {"value": value or NA, "evidence": [line(shown)] if value and cited else []}
        if value:
            said[name] = value if isinstance(value, list) else [value]
    summary = [{"text": text, "evidence": [line(shown)]} for text, _ in sentences(said).values()]
    return {"user_id": "u", "error": None, "tags": tags, "summary": summary, "dropped_citations": 0}


def values(one: dict[str, Any]) -> dict[str, Any]:
    return {name: tag["value"] for name, tag in one["tags"].items() if tag["value"] != NA}


def test_what_new_events_show_takes_the_place_of_what_was() -> None:
    old = profile(gender="female", child_stage="expecting", pet="cat", home_city="Lyon")
    new = profile("new", child_stage="infant", pet=("dog",), fitness="high")
    found = updated(old, new)
    # The dog is cited by no line: a guess from little does not take the cat's place.
    assert values(found) == {
        "gender": "female", "child_stage": "infant", "pet": "cat", "home_city": "Lyon", "fitness": "high",
    }  # fmt: skip
    assert found["updated"] == ["child_stage", "fitness"]
    texts = [sentence["text"] for sentence in found["summary"]]
    assert texts == [
        "The user is a woman.",
        "The household has an infant, a cat.",
        "Daily life means hard training.",
        "The place is Lyon as home.",
    ]
    household = found["summary"][1]["evidence"]
    assert [one["text"] for one in household] == ["new", "old"]
    assert [one["text"] for one in found["summary"][0]["evidence"]] == ["old"]


def test_interests_are_joined_the_new_ones_first() -> None:
    old = profile(interests=["chess", "golf"])
    found = updated(old, profile("new", interests=["golf", "yoga"]))
    assert found["tags"]["interests"]["value"] == ["golf", "yoga", "chess"]
    assert [one["text"] for one in found["tags"]["interests"]["evidence"]] == ["new", "old"]
    assert TAG["interests"].max_values == 3


def test_nothing_new_changes_nothing() -> None:
    old = profile(gender="female", interests=["chess"])
    assert updated(old, profile("new")) == old | {"updated": []}
    assert updated(old, profile("new", gender="female"))["updated"] == []


def test_sentences_in_words_of_their_own_stay() -> None:
    old = profile(gender="female")
    old["summary"].append({"text": "She is fond of the sea.", "evidence": []})
    found = updated(old, profile("new", pet="dog"))
    assert [sentence["text"] for sentence in found["summary"]] == [
        "The user is a woman.", "The household has a dog.", "She is fond of the sea.",
    ]  # fmt: skip


def test_answers_that_cannot_be_read() -> None:
    old, broken = profile(gender="female"), profile(error="truncated")
    assert updated(old, broken) == old | {"update_error": "truncated"}
    assert updated(broken, old) == old | {"updated": ["gender"]}
    assert updated(broken, broken) == broken


def test_what_an_update_noted_is_gone_before_the_next() -> None:
    first = updated(profile(gender="female"), profile("new", pet="dog"))
    assert first["updated"] == ["pet"]
    failed = updated(settled(first), profile(error="truncated"))
    assert "updated" not in failed
    assert failed["update_error"] == "truncated"
    assert set(updated(settled(failed), profile("newer"))) == {*profile(), "updated"}


def test_agreement_by_hand() -> None:
    ours = {
        "a": profile(gender="female", interests=["Chess", "golf"]),
        "b": profile(pet="cat"),
        "c": profile(),
    }
    theirs = {
        "a": profile(gender="female", interests=["golf", "chess"]),
        "b": profile(pet="dog"),
        "c": profile(error="truncated"),
        "d": profile(),
    }
    found = agreement(ours, theirs)
    assert found["users"] == 2
    assert found["by_tag"]["pet"] == 0.5
    assert found["by_tag"]["interests"] == 1.0
    assert found["mean"] == pytest.approx(17.5 / 18)
    # Where nobody could be read there is no agreement, which is not one of 0.
    nobody = agreement({"c": ours["c"]}, theirs)
    assert nobody == {"users": 0, "by_tag": {}, "mean": None}
    assert agreement_told(nobody) == "none to tell (0 users could be read on both sides)"
    assert agreement_told(found) == "0.972 of tags, 2 users"


def test_files_that_hold_no_profiles_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no profiles\.jsonl; name the --out of a finished"):
        read_profiles(tmp_path)
    good = json.dumps(profile(pet="cat"))
    for bad in ("{", "[]", '{"user_id": "u"}', json.dumps({"user_id": "u", "error": None, "tags": {}})):
        (tmp_path / "profiles.jsonl").write_text(f"{good}\n{bad}\n")
        with pytest.raises(UserError, match=r"profiles\.jsonl: line 2 is no profile"):
            read_profiles(tmp_path)
    (tmp_path / "profiles.jsonl").write_text(f"{good}\n")
    assert values(read_profiles(tmp_path)["u"]) == {"pet": "cat"}
