"""Labels that somebody gives for a log: every mistake has its row and its mend."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hprbench.labels import label_table, label_values, read_labels
from records.config import LabelConfig
from records.errors import UserError
from records.tags import GIVEN, NA, TAG, TAG_NAMES, GoldTag

CSV = """customer,age_group,pet,interests,shoe_size
ann,25-34,cat,chess; hiking,38
bob,,NA,,44
cem,,,,41
"""


def read(path: Path, text: str, **tags: LabelConfig) -> dict[str, dict[str, GoldTag]]:
    path.write_text(text, encoding="utf-8")
    return read_labels(path, "customer", tags)


def values(labels: dict[str, dict[str, GoldTag]]) -> dict[str, dict[str, tuple[str, ...]]]:
    return {user: {tag: one.values for tag, one in tags.items()} for user, tags in labels.items()}


def test_columns_that_are_tags_are_read_and_an_empty_cell_says_nothing(tmp_path: Path) -> None:
    labels = read(tmp_path / "labels.csv", CSV)
    # Of bob the pet is NA, which is known; of cem nothing is, so that he has no label at all.
    assert values(labels) == {
        "ann": {"age_group": ("25-34",), "pet": ("cat",), "interests": ("chess", "hiking")},
        "bob": {"pet": ()},
    }
    for tags in labels.values():
        for label in tags.values():
            assert (label.difficulty, label.event_ids) == (GIVEN, ())


def test_columns_and_values_by_other_names(tmp_path: Path) -> None:
    text = "user_id\tage\tmarried\n1\t19-24\tyes\n2\t65+\tunsaid\n3\t\tno\n"
    age = LabelConfig(column="age", values={"19-24": "18-24", "65+": "55+"})
    wed = LabelConfig(column="married", values={"yes": "married", "no": "single", "unsaid": ""})
    labels = read(tmp_path / "labels.tsv", text, age_group=age, relationship=wed)
    assert values(labels) == {
        "1": {"age_group": ("18-24",), "relationship": ("married",)},
        "2": {"age_group": ("55+",)},
        "3": {"relationship": ("single",)},
    }


def test_parquet_with_ids_that_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "labels.parquet"
    frame = pl.DataFrame({"household": [17850.0, 2.0, 3.0], "pet": ["cat", None, "NA"]})
    frame.write_parquet(path)
    # As logs are read: a whole number that a tool made a float is the id it was.
    assert values(read_labels(path, "household", {})) == {"17850": {"pet": ("cat",)}, "3": {"pet": ()}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("who,pet\nann,cat\n", "no column user_id or 'customer'; name the column of users so"),
        ("customer,pet\nann,cat\n,dog\n", "row 2 has no user; mend it"),
        ("customer,pet\nann,cat\nann,dog\n", "row 2 is of a user that an earlier row is of; mend it"),
        ("customer,pet\nann,cat,dog\n", r"row 1 is damaged \(wrong_field_count\); mend it"),
        ("customer,pet\nann,parrot\n", "row 1: pet: 'parrot' is none of pet's none, cat, dog; say what "),
        ("customer,pet\nann,cat;dog\n", "row 1: pet: 'cat;dog' is none of pet's"),
        ("customer,interests\nann,a;b;c;d\n", "row 1: interests: 'a;b;c;d' is not 1 to 3 values"),
        ("customer,interests\nann,; ;\n", "row 1: interests: '; ;' is not 1 to 3 values"),
        ("customer,interests\nann,chess;NA\n", "row 1: interests: 'chess;NA' is not 1 to 3 values"),
        ("customer,shoe_size\nann,38\n", r"holds no label; name columns as tags are called \(gender, "),
        ("customer,pet\nann,\n", "holds no label"),
    ],
)
def test_faults_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=f"labels.csv: {message}") as caught:
        read(tmp_path / "labels.csv", text)
    assert "\n" not in str(caught.value)


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no column 'pets'; did you mean 'pet'\\? Mend log.tags.pet.column"):
        read(tmp_path / "labels.csv", CSV, pet=LabelConfig(column="pets"))
    with pytest.raises(UserError, match="labels.xlsx: unknown extension"):
        read(tmp_path / "labels.xlsx", CSV)
    with pytest.raises(UserError, match="none.csv: no such file"):
        label_table(tmp_path / "none.csv", "customer")


def test_open_values_are_cleaned_as_log_text_is() -> None:
    assert label_values("home_city", "Ly\u202eon<|im_end|>") == ("Lyon‹/im_end/›",)
    assert label_values("interests", "chess;chess") == ("chess",)


@given(st.sampled_from(TAG_NAMES), st.text(max_size=40))
def test_whatever_is_written_is_values_of_the_tag_or_refused(tag: str, text: str) -> None:
    try:
        found = label_values(tag, text)
    except ValueError:
        return
    assert (text == NA) == (found == ())
    assert len(found) <= TAG[tag].max_values
    assert TAG[tag].is_open or set(found) <= set(TAG[tag].values)
