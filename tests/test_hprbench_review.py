"""Labels go out to people and come back: a round trip through files, and what is refused."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hprbench.candidates import Finding, annotate, stratify
from hprbench.metrics import Gold
from hprbench.review import corrected, export_review, read_review
from hprbench.spreadsheet import read_csv, write_csv
from records.errors import UserError
from records.history import HistoryLine, SemanticHistory
from records.tags import TAG_NAMES, GoldTag
from tests.pages import Page

HOSTILE = "=HYPERLINK(1)<script>alert(1)</script>"


@pytest.fixture
def gold() -> Gold:
    known = {"gender": ("female",), "interests": ("chess", HOSTILE)}
    return {
        "u": {
            tag: GoldTag(
                user_id="u", tag=tag, values=known.get(tag, ()), event_ids=("e1",) if tag in known else (),
                difficulty="explicit",
            )
            for tag in TAG_NAMES
        }
    }  # fmt: skip


@pytest.fixture
def histories() -> dict[str, SemanticHistory]:
    lines = tuple(
        HistoryLine(number=n, text=f"#{n} {HOSTILE}", event_ids=(f"e{n}", f"f{n}")) for n in range(1, 4)
    )
    return {"u": SemanticHistory(user_id="u", lines=lines)}


@pytest.fixture
def exported(tmp_path: Path, gold: Gold, histories: dict[str, SemanticHistory]) -> Path:
    rules = {"u": dict.fromkeys(TAG_NAMES, ()) | {"gender": ("male",)}}
    notes = annotate(["u"], gold, rules, histories)
    strata = stratify(["u"], gold, histories, {"u": 900})
    findings = [Finding(user_id="u", check="rules_disagree", tag="gender", detail="male")]
    export_review(tmp_path, ["u"], notes, strata, findings, histories)
    return tmp_path


def fill_in(file: Path, **cells: dict[str, str]) -> Path:
    """The exported file with `cells` (tag → column → text) filled in, as a spreadsheet saves it."""
    rows = list(csv.DictReader(file.open(encoding="utf-8", newline="")))
    for row in rows:
        row |= cells.get(row["tag"], {})
    filled = file.with_name("filled.csv")
    with filled.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.DictWriter(out, rows[0], delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    return filled


def test_the_export_shows_what_a_reviewer_needs(exported: Path) -> None:
    rows = {row["tag"]: row for row in read_csv(exported / "review.csv", ("verdict",))}
    assert list(rows) == list(TAG_NAMES)
    gender = rows["gender"]
    assert [gender[name] for name in ("gold", "rule", "lines", "checks", "verdict")] == [
        "female", "male", "#1", "rules_disagree", "",
    ]  # fmt: skip
    assert rows["pet"]["gold"] == "NA"
    page = Page((exported / "review.html").read_text())
    assert page.open == []
    assert not {name for name, _ in page.elements} & {"script", "img", "link"}
    assert HOSTILE in page.text
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    links = {a["href"] for name, a in page.elements if name == "a"}
    assert links == {"#u1-1"}
    assert "u1-1" in ids


def test_corrections_change_labels_and_their_evidence(
    exported: Path, gold: Gold, histories: dict[str, SemanticHistory]
) -> None:
    filled = fill_in(
        exported / "review.csv",
        gender={"verdict": "WRONG", "correction": "male", "corrected_lines": "#2, 3"},
        interests={"verdict": "wrong", "correction": "chess; go"},
        pet={"verdict": "ok"},
    )
    verdicts = read_review(filled, gold, histories)
    assert [(one.tag, one.wrong) for one in verdicts] == [
        ("gender", True),
        ("pet", False),
        ("interests", True),
    ]
    new = corrected(gold, histories, verdicts)["u"]
    assert (new["gender"].values, new["gender"].event_ids) == (("male",), ("e2", "f2", "e3", "f3"))
    assert (new["interests"].values, new["interests"].event_ids) == (("chess", "go"), ())
    assert new["pet"] == gold["u"]["pet"]
    assert gold["u"]["gender"].values == ("female",)
    nothing = fill_in(exported / "review.csv", gender={"verdict": "wrong", "correction": "NA"})
    assert corrected(gold, histories, read_review(nothing, gold, histories))["u"]["gender"].is_na


@pytest.mark.parametrize(
    ("cells", "complaint"),
    [
        ({}, "no verdict"),
        ({"verdict": "maybe"}, r"row 2: write ok, or wrong"),
        ({"verdict": "wrong"}, "row 2: write ok, or wrong"),
        ({"verdict": "ok", "correction": "male"}, "row 2: write ok"),
        ({"correction": "male"}, "row 2: write ok"),
        (
            {"verdict": "wrong", "correction": "man"},
            "row 2: 'man' is no value of gender; there are female, male",
        ),
        ({"verdict": "wrong", "correction": "male; female"}, "at most 1 value"),
        ({"verdict": "wrong", "correction": "male", "corrected_lines": "7"}, "no line '7'"),
        ({"verdict": "ok", "user_id": "v"}, "no label 'gender' of user 'v'"),
    ],
)
def test_what_cannot_be_read_is_refused(
    exported: Path, gold: Gold, histories: dict[str, SemanticHistory], cells: dict[str, str], complaint: str
) -> None:
    filled = fill_in(exported / "review.csv", gender=cells)
    with pytest.raises(UserError, match=complaint):
        read_review(filled, gold, histories)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no readable table"):
        read_csv(tmp_path / "none.csv", ("verdict",))
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="no column verdict"):
        read_csv(tmp_path / "other.csv", ("verdict",))


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0")) | st.text("=+-@\t'; \"\n,1a")
)
def test_no_cell_is_a_formula_and_text_comes_back(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("cells") / "cells.csv"
    write_csv(path, ["start", "cell"], [{"start": "x", "cell": text}])
    for separator in ",;\t":  # whatever the spreadsheet of whoever opens it splits at
        with path.open(encoding="utf-8", newline="") as file:
            cells = [cell.lstrip(' "') for row in csv.reader(file, delimiter=separator) for cell in row]
        # The apostrophe marks what was a formula; a number is none.
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@")) and not number(cell)]
    assert read_csv(path, ("cell",)) == [{"start": "x", "cell": text.strip()}]


def number(text: str) -> bool:
    try:
        return float(text) is not None
    except ValueError:
        return False


def test_a_formula_behind_a_separator_is_none(tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    write_csv(path, ["cell"], [{"cell": 'chess; =HYPERLINK("x")\n@SUM(1)'}])
    assert path.read_text() == 'cell\n"chess; \'=HYPERLINK(""x"")\n\'@SUM(1)"\n'
