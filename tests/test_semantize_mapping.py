"""Mappings from YAML: what they may say, and how they are refused."""

from pathlib import Path

import pytest

from records.errors import UserError
from semantize.reading.mapping import Condition, Mapping, load_mapping

FULL = "columns: {user_id: A, timestamp: B}, constants: {source: S, action: O}"


def load(folder: Path, text: str) -> Mapping:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return load_mapping(str(path))


def test_a_mapping_says_all_it_can(tmp_path: Path) -> None:
    mapping = load(
        tmp_path,
        "columns: {user_id: u, timestamp: t, action: kind, content: title}\n"
        "constants: {source: Shop}\n"
        "time_format: [iso, epoch_s, '%d/%m/%Y']\n"
        "timezone: Europe/London\n"
        "log: 'days/*.csv'\n"
        "join: {path: items.csv, on: item, key: id, columns: [title]}\n"
        "actions: {1: View, buy: Order, 2.0: Like}\n"
        "where: [{column: kind, one_of: [1, buy]}, {column: price, min: 0.5, max: 9, negate: true}]\n"
        "overrides: [{field: action, column: qty, matches: '^-', value: Cancel}]\n",
    )
    assert mapping.time_format == ["iso", "epoch_s", "%d/%m/%Y"]
    assert mapping.actions == {"1": "View", "buy": "Order", "2": "Like"}
    assert mapping.where == [
        Condition(column="kind", one_of=[1, "buy"]),
        Condition(column="price", min=0.5, max=9, negate=True),
    ]
    assert mapping.join is not None
    assert (mapping.join.on, mapping.join.key) == ("item", "id")


@pytest.mark.parametrize(
    ("text", "expected"), [("epoch_us", ["epoch_us"]), ("''", []), ("'%d.%m.%Y'", ["%d.%m.%Y"])]
)
def test_one_time_format_needs_no_list(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert load(tmp_path, f"{{{FULL}, time_format: {text}}}").time_format == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("column: {}", "unknown key 'column'; did you mean 'columns'"),
        ("columns: {userid: A}", "columns: unknown key 'userid'; did you mean 'user_id'"),
        ("columns: {user_id: A, timestamp: B}\nconstants: {source: S}", "action needs a column"),
        ("join: {file: x}", "join: unknown key 'file'"),
        ("join: {keys: x}", "join: unknown key 'keys'; did you mean 'key'"),
        ("columns: [a]", "columns"),
        ("columns: {user_id: [A], timestamp: B}", "columns: user_id: needs one value"),
        ("constants: {source: {S: 1}}", "constants: source: needs one value"),
        ("actions: {view: [a]}", "actions: view: needs one value"),
        ("actions: [view]", "actions: needs keys and values"),
        ("a: [", "not readable as YAML"),
        ("- a", "needs keys"),
        ("{FULL, timezone: Europe/Londn}", "did you mean 'Europe/London'"),
        ("{FULL, time_format: epochs}", "did you mean 'epoch_s'"),
        ("{FULL, time_format: [iso, epoch_uss]}", "did you mean 'epoch_us'"),
        ("{FULL, time_format: '%H:%M'}", "time_format '%H:%M' is no strptime format of a date"),
        ("{FULL, time_format: '%Y-%q'}", "time_format '%Y-%q' is no strptime format of a date"),
        ("{FULL, join: {path: a.csv}}", "join needs path, on and columns"),
        ("{FULL, overrides: [{field: acton, column: A, matches: x, value: y}]}", "did you mean 'action'"),
        ("{FULL, overrides: [{field: action, column: A, matches: '(', value: y}]}", "no regular expression"),
        ("{FULL, where: {column: A}}", "where: needs a list"),
        ("{FULL, where: [{column: A, equal: x}]}", "where: unknown key 'equal'; did you mean 'equals'"),
        ("{FULL, where: [{equals: x}]}", "where: every condition needs a column"),
        ("{FULL, where: [{column: A}]}", "where: A needs one of equals, one_of, matches, or min and max"),
        ("{FULL, where: [{column: A, equals: x, min: 1}]}", "where: A needs one of equals"),
        ("{FULL, where: [{column: A, matches: '('}]}", "no regular expression"),
        ("{FULL, where: [{column: A, min: 1, max: z}]}", "where: A: min and max must both be numbers"),
        ("{FULL, where: [{column: A, equals: [x]}]}", "where: A: compare with plain values"),
    ],
)
def test_mapping_errors_name_the_key_and_the_nearest(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        load(tmp_path, text.replace("FULL", FULL))
    assert str(tmp_path / "mine.yaml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_mapping_lists_the_built_in_ones() -> None:
    with pytest.raises(UserError, match="complete_journey, online_retail"):
        load_mapping("complete_jorney")
