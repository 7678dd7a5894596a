"""A user's own table of titles: what it makes of entities, what is refused, and how a folder keeps it."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.config import SemantizeConfig
from records.errors import UserError
from semantize.folder import Job, open_log, open_update
from semantize.refining.entity import Entity
from semantize.refining.knowledge import KnowledgeRefiner, fingerprint, read_knowledge
from semantize.refining.refine import RuleRefiner
from semantize.store import KNOWLEDGE, read_histories
from semantize.text import clean
from tests.test_semantize_folder import done, log, write

TABLE = """match,entity,attributes
AirPods,Wireless Earbuds,AirPods
white hart  ,Pub,
Paris Pool Hotel,,Family Run; Central ;central
ＡＢＣ Tower,Viewpoint,
[Sale] Red Thing!!,Blue Thing,
"""


def table(tmp_path: Path, text: str, name: str = "table.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("title", "entity"),
    [
        ("[Hot Sale] AirPods | Free Shipping", Entity(core="Wireless Earbuds", attributes=("AirPods",))),
        ("White  Hart", Entity(core="Pub")),
        ("Hotel in Rome with Pool", None),
        ("hotel in paris with pool", Entity(core="Hotel", attributes=("Family Run", "Central", "Paris"))),
        ("abc tower", Entity(core="Viewpoint")),
        ("[Sale] Red Thing!!", Entity(core="Blue Thing")),
        ("AirPods, gift wrapped", Entity(core="Wireless Earbuds", attributes=("AirPods",), gift=True)),
        ("!!!", Entity(core="")),
    ],
)
def test_titles_and_entities_are_looked_up(tmp_path: Path, title: str, entity: Entity | None) -> None:
    knowledge = read_knowledge(table(tmp_path, TABLE))
    rules = RuleRefiner()
    (refined,) = KnowledgeRefiner(knowledge, rules).refine([title])
    assert refined == (entity or rules.refine([title])[0])


def test_attributes_are_as_many_as_wanted(tmp_path: Path) -> None:
    knowledge = read_knowledge(table(tmp_path, TABLE))
    for most, attributes in enumerate([(), ("Family Run",), ("Family Run", "Central")]):
        refiner = KnowledgeRefiner(knowledge, RuleRefiner(most), most)
        assert [one.attributes for one in refiner.refine(["Paris pool hotel"])] == [attributes]


def test_format_and_order_do_not_matter(tmp_path: Path) -> None:
    first = read_knowledge(table(tmp_path, TABLE))
    header, *rows = TABLE.splitlines()
    turned = "\n".join([header, *rows[::-1], "airpods,Wireless Earbuds,"])
    with pytest.raises(UserError, match="row 6: 'airpods' means something else in row 5; keep one of them"):
        read_knowledge(table(tmp_path, turned, "contradiction.csv"))
    again = [header, *rows[::-1], rows[0].replace("AirPods,W", "AIRPODS,W")]
    tabs = table(tmp_path, "\n".join(again).replace(",", "\t"), "table.tsv")
    parquet = tmp_path / "table.parquet"
    pl.read_csv(tmp_path / "table.csv").select("attributes", "entity", "match").write_parquet(parquet)
    assert {fingerprint(read_knowledge(path)) for path in (tabs, parquet)} == {fingerprint(first)}
    other = read_knowledge(table(tmp_path, TABLE.replace("Pub", "Bar"), "other.csv"))
    assert fingerprint(other) != fingerprint(first)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "match,entity\nTea,Drink\n", r"a\.csv: no column 'attributes'"),
        ("a.csv", "", r"a\.csv: no column 'match'"),
        ("a.csv", "match,entity,attributes\n", r"a\.csv: holds no rows"),
        ("a.csv", "match,entity,attributes\nTea,Drink,\n ,Drink,\n", r"a\.csv: row 2 has no match"),
        ("a.csv", "match,entity,attributes\nTea,Drink\n", r"a\.csv: row 1 is no record \(wrong_field_count"),
        ("a.csv", "match,entity,attributes\nTea,Drink,\nTEA,Herb,\n", r"row 2: 'TEA' .* in row 1"),
        ("a.csv", "match,entity,attributes\nTea,Drink,\nTEA,Drink,Hot\n", r"row 2: 'TEA' .* in row 1"),
        ("a.jsonl", '{"match": "Tea", "entity": "Drink", "attributes": ""}\n', "JSON lines are not read"),
        ("a.xls", "match", "unknown extension"),
    ],
)
def test_a_table_at_fault_is_refused_in_one_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        read_knowledge(table(tmp_path, text, name))
    assert "\n" not in str(error.value)


class Silent:
    """Refines every title to the same."""

    def refine(self, titles: Sequence[str]) -> list[Entity]:
        return [Entity(core="Thing") for _ in titles]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=4), titles=st.lists(TEXTS))
def test_any_table_gives_short_clean_entities(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], titles: list[str]
) -> None:
    path = tmp_path_factory.mktemp("knowledge") / "table.parquet"
    columns = ["match", "entity", "attributes"]
    pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row").write_parquet(path)
    with suppress(UserError):
        knowledge = read_knowledge(path)
        asked = [*titles, *(match for match, _, _ in rows)]
        for entity in KnowledgeRefiner(knowledge, Silent()).refine(asked):
            assert entity.core == clean(entity.core)
            assert len(entity.attributes) <= 3
            assert all(one and one == clean(one) for one in entity.attributes)


def test_a_folder_keeps_its_table(tmp_path: Path) -> None:
    path = table(tmp_path, "match,entity,attributes\n3 thing,Kettle,\nNew Thing 4,Teapot,Round\n")
    config = SemantizeConfig(token_budget=2000, knowledge=str(path))
    source = write(tmp_path / "log", log([1, 2]))
    out = tmp_path / "out"
    done(open_log(str(source), Job(config=config), out), None)
    text = read_histories(out)[0].text
    assert "Kettle" in text
    assert "Round Teapot" in text
    assert str(path) not in (out / "settings.json").read_text()

    # What it says counts, not where it lies.
    moved = path.rename(tmp_path / "moved.csv")
    moved_config = SemantizeConfig(token_budget=2000, knowledge=str(moved))
    assert open_log(str(source), Job(config=moved_config), out).is_finished
    moved.write_text(moved.read_text().replace("Kettle", "Pot"))
    for config in (moved_config, SemantizeConfig(token_budget=2000)):
        with pytest.raises(UserError, match=r"other settings \(config\.knowledge differs"):
            open_log(str(source), Job(config=config), out)

    moved.unlink()
    done(open_update(str(write(tmp_path / "new", log([7], day=90))), out, None), None)
    (new,) = [one for one in read_histories(out) if one.user_id == "u7"]
    assert "Kettle" in new.text
    assert len(pl.read_parquet(out / KNOWLEDGE)) == 2
