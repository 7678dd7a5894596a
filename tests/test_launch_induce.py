"""`usergpt induce` on small logs, as a user types it: personas, a page, updates, and odd users."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import launch.induce
from induce import store, worker
from induce.folder import Generation
from induce.telling import told
from induce.vector_cache import Vectors
from launch.cli import main
from lm.chat import ChatReply
from records.client import ClientConfig
from records.errors import UserError
from records.files import read_json, write_json
from records.locks import held
from records.persona import Persona, PersonaSet, Statement, persona_sets
from rewards.personas.subject import Subject
from rewards.personas.total import Quality
from semantize.store import finished_generations
from tests.chat_stand_in import Server
from tests.pages import Page
from tests.personas import memory
from tests.test_induce_clustering import letters

MAPPING = """
columns: {user_id: customer, timestamp: when, content: item, action: what}
constants: {source: Shop}
"""
HOSTILE = "<script>alert(1)</script>"


class Letters:
    """Stands in for the sentence-embedding model."""

    def __init__(self, model: str, *, cache: Path, most: int) -> None:
        self.computed = 0

    def __call__(self, texts: list[str]) -> Vectors:
        self.computed += len(texts)
        return letters(texts)


@pytest.fixture(autouse=True)
def _no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "SentenceEmbedder", Letters)


def shop(folder: Path, rows: list[str], name: str = "shop.csv") -> Path:
    (folder / "shop.yaml").write_text(MAPPING)
    path = folder / name
    path.write_text("customer,when,item,what\n" + "\n".join(rows) + "\n")
    return path


@contextmanager
def _after_memories(self: Any, generation: Generation, reporter: Any) -> Iterator[None]:
    """Stands in for engines that take all CPUs while they are up."""
    assert (generation.path / store.CHUNKS).exists(), "workers would wait for the CPUs of engines"
    yield


def test_memories_are_made_before_engines_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch.induce._Who, "inducer", _after_memories)
    log = shop(tmp_path, two_sides("ann"))
    arguments = ["induce", str(log), "--mapping", str(tmp_path / "shop.yaml"), "--out", str(tmp_path / "out")]
    assert main([*arguments, PLAIN]) == 0
    assert persona_sets(pl.read_parquet(tmp_path / "out" / store.PERSONAS))[0].personas


def test_what_was_only_looked_at_is_not_said_to_be_bought(tmp_path: Path) -> None:
    session = [("blue baby", "buy"), ("soft baby", "look"), ("soft baby", "look")]
    rows = [
        f"ann,2026-01-{day:02} 09:0{minute},{item},{what}"
        for day in range(1, 9)
        for minute, (item, what) in enumerate(session)
    ]
    (persona,) = induced(shop(tmp_path, rows), tmp_path / "out")["ann"]["personas"]
    said = [statement["text"] for statement in persona["description"]]
    assert [text for text in said if text.startswith("Buys ")] == ["Buys blue baby."]
    (memory, *_) = persona["evidence"].values()
    assert (memory["wants"], memory["only_seen"]) == (["blue baby"], ["soft baby"])
    assert "(only looked at, given back or taken off: soft baby)" in (
        tmp_path / "out" / store.PAGE
    ).read_text(encoding="utf-8")


def two_sides(user: str, month: int = 1) -> list[str]:
    rows = [f"{user},2026-{month:02}-{day:02} 09:00,baby {day},buy" for day in range(1, 20, 2)]
    return rows + [f"{user},2026-{month:02}-{day:02} 20:00,tent {day},look" for day in range(2, 20, 3)]


PLAIN = "semantize.refine=false"
"""Titles stay as the stand-in for a model knows them."""


def induce(*words: object) -> int:
    return main(["induce", *map(str, words), PLAIN])


def induced(log: Path, out: Path, *words: object) -> dict[str, dict[str, Any]]:
    assert induce(log, "--mapping", log.with_name("shop.yaml"), "--out", out, *words) == 0
    return records(out)


def records(out: Path) -> dict[str, dict[str, Any]]:
    lines = (out / store.TOLD).read_text(encoding="utf-8").splitlines()
    return {record["user_id"]: record for record in map(json.loads, lines)}


def test_from_a_log_to_personas(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = shop(tmp_path, two_sides("ann"))
    ann = induced(log, tmp_path / "out")["ann"]
    shown = capsys.readouterr().out
    assert "16 memories of 1 users" in shown
    assert "2 personas, 2.00 a user" in shown
    assert "cost of a user, the log read:" in shown
    assert [persona["label"][:4] for persona in ann["personas"]] == ["baby", "tent"]
    baby = ann["personas"][0]
    first = baby["description"][0]
    assert first["text"].startswith("Buys baby")
    (claim,) = first["claims"]
    assert (claim["cited"], claim["whole"], claim["contradicts"]) == (True, True, [])
    cited = baby["evidence"][str(first["memories"][0])]
    assert cited["wants"][0].startswith("baby")
    assert cited["events_count"] == len(cited["events"]) == 1
    assert set(baby["memories"]) == set(range(1, 17)) - set(ann["personas"][1]["memories"])
    # The tables say the same as the records.
    (one,) = persona_sets(pl.read_parquet(tmp_path / "out" / store.PERSONAS))
    assert [list(persona.memories) for persona in one.personas] == [p["memories"] for p in ann["personas"]]
    quality = pl.read_parquet(tmp_path / "out" / store.QUALITY).row(0, named=True)
    assert quality["total"] == ann["quality"]["total"] > 0
    assert len(store.read_memories(tmp_path / "out")["ann"]) == 16
    # Again: nothing is left to do.
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.parquet")}
    induced(log, tmp_path / "out")
    assert "all personas are up to date" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.parquet")} == before


def test_the_page_is_whole_and_harmless(tmp_path: Path) -> None:
    rows = [*two_sides("ann"), *(f"{HOSTILE},2026-01-{day:02} 10:00,{HOSTILE},buy" for day in range(1, 9))]
    induced(shop(tmp_path, rows), tmp_path / "out")
    text = (tmp_path / "out" / store.PAGE).read_text(encoding="utf-8")
    page = Page(text)
    assert not page.open
    assert "script" not in {name for name, _ in page.elements}
    assert HOSTILE in page.text
    assert "support it" in page.text
    assert "16 memories, 16 of the user" in page.text
    bars = [attributes for name, attributes in page.elements if name == "rect"]
    assert 10 < len(bars) <= 24
    # Users of the page can be named, and one that is not there is told.
    assert induce(tmp_path / "shop.csv", "--mapping", tmp_path / "shop.yaml", "--out", tmp_path / "out",
                  "--show", "ann") == 0  # fmt: skip
    assert HOSTILE not in Page((tmp_path / "out" / store.PAGE).read_text(encoding="utf-8")).text


def test_cited_memories_are_marked_however_many_there_are() -> None:
    numbers = tuple(range(1, 13))
    memories = [memory(number, ["Milk"] if number <= 8 else ["Tent"], day=number) for number in numbers]
    said = Statement(text="Buys Tent.", memories=numbers[:10])
    persona = Persona(label="Tents", description=(said,), memories=numbers)
    subject = Subject(memories, np.ones((12, 2)))
    (one,) = told(PersonaSet(user_id="u", personas=(persona,)), subject, Quality())["personas"]
    (sentence,) = one["description"]
    assert sentence["claims"][0]["supports"] == [9, 10, 11, 12]
    assert sentence["memories"] == [1, 2, 3, 4, 5, 6, 9, 10]  # the first six, and what is told for the claim
    assert sentence["memories_count"] == 10


def test_odd_users_get_an_answer_or_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        "one,2026-01-01 10:00,baby 1,buy",
        *(f"silent,2026-01-{day:02} 10:00,,buy" for day in range(1, 9)),
        *(f"signs,2026-01-{day:02} 10:00,!!! ...,buy" for day in range(1, 9)),
        *(f"mixed,2026-01-{day:02} 10:00,{item},buy" for day, item in enumerate(
            ["baby 1", "婴儿湿巾", "Couches bébé", "детское питание", "\u202ebaby", "baby\ufffd"], start=1)),
        *(f"busy,2026-01-01 {hour:02}:{minute:02},baby {minute},look" for hour in range(24)
          for minute in range(60)),
    ]  # fmt: skip
    found = induced(shop(tmp_path, rows), tmp_path / "out")
    assert len(found["one"]["personas"]) == 1
    assert found["silent"]["error"] == found["signs"]["error"] == "no_text"
    assert found["mixed"]["personas"]
    assert found["busy"]["personas"] or found["busy"]["error"]
    told = " ".join(capsys.readouterr().out.split())
    assert "users without personas: " in told
    assert "2 intents are not in Latin letters" in told


def test_new_events_bring_personas_up_to_date(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = shop(tmp_path, [*two_sides("ann"), *two_sides("bob")])
    out = tmp_path / "out"
    before = induced(log, out, "induce.clusters.citations=4")  # an update need not say so again
    new = [f"ann,2026-02-{day:02} 09:00,wine {day},buy" for day in range(1, 9)]
    more = shop(tmp_path, [*new, *two_sides("cid", 2)], "more.csv")
    capsys.readouterr()
    assert induce(more, "--out", out, "--update") == 0
    shown = capsys.readouterr().out
    assert "personas: 2 as they were, 0 changed, 3 new, 0 gone" in shown
    after = records(out)
    assert list(before) == ["ann", "bob"]
    assert set(after) == {"ann", "bob", "cid"}
    assert after["bob"] == before["bob"]
    assert [p["label"] for p in after["ann"]["personas"][:2]] == [
        p["label"] for p in before["ann"]["personas"]
    ]
    assert after["ann"]["personas"][2]["label"].startswith("wine")
    assert len(after["cid"]["personas"]) == 2
    assert pl.read_parquet(out / store.QUALITY)["user_id"].sort().to_list() == ["ann", "bob", "cid"]
    assert {user: len(mine) for user, mine in store.read_memories(out).items()} == {
        "ann": 24, "bob": 16, "cid": 16,
    }  # fmt: skip
    # Killed when the log was read, or on its way through the personas: the same command goes on.
    shutil.rmtree(store.generation_path(out, 1))
    assert induce(more, "--out", out, "--update") == 0
    assert records(out) == after
    for path in store.generation_path(out, 1).glob("*"):
        if path.name not in (store.LOG, store.CHUNKS) and not path.name.startswith(("memories", "counts")):
            path.unlink()
    another = shop(tmp_path, ["bob,2026-03-01 09:00,wine 1,buy"], "another.csv")
    assert induce(another, "--out", out, "--update") == 2
    assert "is not finished; run the `usergpt induce` before this one again" in capsys.readouterr().err
    assert induce(more, "--out", out, "--update") == 0
    assert records(out) == after
    # Other settings are refused before anything is folded in.
    assert induce(another, "--out", out, "--update", "induce.clusters.worth=0.7") == 2
    assert "induce.clusters.worth differs" in capsys.readouterr().err
    assert len(finished_generations(out / store.OWN_LOG)) == 2
    # The same events again add nothing; the page, which a kill may have left behind, is written.
    (out / store.PAGE).unlink()
    assert induce(more, "--out", out, "--update") == 0
    told = capsys.readouterr().out
    assert "nothing in it is new" in told
    assert "all personas are up to date" in told
    assert (out / store.PAGE).exists()
    assert records(out) == after
    assert len(finished_generations(out / store.OWN_LOG)) == 2


def test_a_semantized_folder_will_do_and_grows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, folder = shop(tmp_path, two_sides("ann")), tmp_path / "histories"
    mapping = log.with_name("shop.yaml")
    assert main(["semantize", "run", str(log), "--mapping", str(mapping), "--out", str(folder), PLAIN]) == 0
    assert induce(folder, "--out", tmp_path / "out") == 0
    assert not (tmp_path / "out" / store.OWN_LOG).exists()
    more = shop(tmp_path, [f"ann,2026-02-{day:02} 09:00,wine {day},buy" for day in range(1, 9)], "more.csv")
    assert induce(more, "--out", tmp_path / "out", "--update") == 2
    assert "usergpt semantize update" in capsys.readouterr().err
    assert main(["semantize", "update", str(folder), str(more)]) == 0
    assert induce(folder, "--out", tmp_path / "out") == 0
    assert len(records(tmp_path / "out")["ann"]["personas"]) == 3
    assert induce(folder, "--mapping", mapping, "--out", tmp_path / "out") == 2
    assert "is semantized already" in capsys.readouterr().err


def test_what_does_not_fit_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = shop(tmp_path, two_sides("ann"))
    out = tmp_path / "out"

    def refused(*words: object) -> str:
        assert induce(*words) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    mapped = (log, "--mapping", log.with_name("shop.yaml"), "--out")
    assert "induce.inducer is 'magic'; it must be one of clusters, plain, endpoint" in refused(
        *mapped, out, "induce.inducer=magic"
    )
    assert "induce.clusters.worth" in refused(*mapped, out, "induce.clusters.worht=1")
    assert "induce.memories.cancels: '(' is no regular expression" in refused(
        *mapped, out, "induce.memories.cancels=("
    )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("x")
    assert "is not empty and holds no personas" in refused(*mapped, tmp_path / "mine")
    assert [one.name for one in (tmp_path / "mine").iterdir()] == ["diary.txt"]
    assert "no personas; make some" in refused(log, "--out", tmp_path / "new", "--update")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / store.SETTINGS).write_text('{"partitions": 1}')
    assert "holds something else than personas" in refused(*mapped, tmp_path / "other")
    with held(out, "wait"):
        assert "another run is at work there" in refused(*mapped, out)
    induced(log, out)
    capsys.readouterr()
    assert "induce.clusters.worth differs" in refused(*mapped, out, "induce.clusters.worth=0.5")
    page = (out / store.PAGE).read_bytes()
    assert "has no user 'zoe'; the page stays as it was" in refused(*mapped, out, "--show", "zoe")
    assert (out / store.PAGE).read_bytes() == page
    assert "--update: new events are read as the first log was" in refused(*mapped, out, "--update")
    grown = shop(tmp_path, [*two_sides("ann"), *two_sides("ann", 2)], "grown.csv")
    assert "new events go in with --update" in refused(grown, *mapped[1:], out)


def test_a_wrong_setting_is_told_before_the_log_is_read_and_can_be_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log, out = shop(tmp_path, two_sides("ann")), tmp_path / "out"
    words = (log, "--mapping", log.with_name("shop.yaml"), "--out", out)
    assert induce(*words, "induce.clusters.embeddings=/nowhere") == 2
    assert "induce.clusters.embeddings '/nowhere': no such model directory" in capsys.readouterr().err
    assert induce(*words, "induce.inducer=endpoint") == 2
    assert "llm.model is empty" in capsys.readouterr().err
    assert not out.exists()

    # A server that does not know the model: nobody has personas yet, and the name may be mended.
    monkeypatch.setattr("lm.client.ChatClient", lambda config, cache_dir: Server())
    monkeypatch.setattr(worker.Induction, "personas", _no_personas)
    assert induce(*words, "induce.inducer=endpoint", "llm.model=bgi") == 2
    assert "no model bgi" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.setattr(worker, "SentenceEmbedder", Letters)
    assert induce(*words, "induce.memories.wants=2") == 2  # memories are made
    assert "induce.memories.wants differs" in capsys.readouterr().err
    induced(log, out)
    assert read_json(out / store.SETTINGS)["inducer"] == {"name": "clusters"}
    capsys.readouterr()
    assert induce(*words, "induce.clusters.worth=0.5") == 2
    assert "induce.clusters.worth differs" in capsys.readouterr().err


def _no_personas(self: Any, chunk: int) -> None:
    raise UserError("no model bgi")


def test_what_was_gathered_can_be_gathered_again_and_older_folders_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, out = shop(tmp_path, two_sides("ann")), tmp_path / "out"
    induced(log, out, "--judge", "5")
    (out / store.TOLD).unlink()
    induced(log, out)
    assert records(out)["ann"]["personas"]
    more = shop(tmp_path, ["ann,2026-03-01 10:00,baby 1,buy"], "more.csv")
    (out / store.JUDGED).write_bytes(b"of the sets before")
    assert induce(more, "--out", out, "--update") == 0
    assert not (out / store.JUDGED).exists()
    settings = read_json(out / store.SETTINGS)
    settings["induce"]["clusters"]["once_there"] = 1
    write_json(out / store.SETTINGS, settings | {"version": 1})
    capsys.readouterr()
    assert induce(more, "--out", out, "--update") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "holds personas of another version of usergpt; make them anew" in line
    (out / store.SETTINGS).write_text("{")
    assert induce(log, "--mapping", log.with_name("shop.yaml"), "--out", out) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "settings.json: is no JSON" in line


def test_users_are_parted_by_how_many_there_are(tmp_path: Path) -> None:
    log = shop(tmp_path, [f"user{n},2026-01-01 10:00,baby {n},buy" for n in range(150)])
    out = tmp_path / "out"
    assert len(induced(log, out)) == 150
    path = store.generation_path(out, 0)
    chunks = read_json(path / store.CHUNKS)["chunks"]
    assert all(0 < end - first <= worker.LEAST_CHUNK for _, first, end in chunks)
    assert sum(end - first for _, first, end in chunks) == 150
    assert len(list(path.glob("chunk-*.json"))) == len(chunks) >= 3


def test_the_gap_is_settled_once(tmp_path: Path) -> None:
    log = shop(tmp_path, two_sides("ann"))
    induced(log, tmp_path / "out", "induce.memories.gap_minutes=45")
    gap = read_json(store.generation_path(tmp_path / "out", 0) / store.GAP)
    assert gap == {"minutes": 45.0, "found": False, "why": "set by gap_minutes"}
    assert not list(store.generation_path(tmp_path / "out", 0).glob("pauses-*"))


def answer(lines: int) -> str:
    said = {"text": "Seems to have a child.", "lines": [1]}
    persona = {"label": "Parent", "lines": list(range(1, lines + 1)), "description": [said]}
    return json.dumps({"personas": [persona]})


def test_a_language_model_is_asked_again_where_it_did_not_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = ChatReply(error="connection")
    servers = [
        Server(dead, dead),
        Server(answer(1), ChatReply(error="deadline")),
        Server(answer(1), answer(1)),
    ]
    asked: list[Server] = []

    def client(config: ClientConfig, cache_dir: Path) -> Server:
        assert config.model == "big"
        asked.append(servers.pop(0))
        return asked[-1]

    monkeypatch.setattr("lm.client.ChatClient", client)
    log = shop(tmp_path, [f"{user},2026-01-01 10:00,baby 1,buy" for user in ("ann", "bob")])
    words = (log, "--mapping", log.with_name("shop.yaml"), "--out", tmp_path / "out",
             "induce.inducer=endpoint", "llm.model=big")  # fmt: skip
    assert induce(*words) == 1  # nobody was answered about
    assert "users without personas: 2 connection" in capsys.readouterr().out
    assert induce(*words) == 0
    shown = capsys.readouterr().out
    assert "users without personas: 1 deadline" in shown
    assert "1 users were not answered about; run it again to ask anew" in shown
    assert "language model: 3 requests sent, 1 answered from .llm-cache, 0 malformed, 100 tokens" in shown
    assert induce(*words) == 0
    assert "users without personas" not in capsys.readouterr().out
    found = records(tmp_path / "out")
    assert [found[user]["personas"][0]["label"] for user in ("ann", "bob")] == ["Parent", "Parent"]
    assert found["ann"]["personas"][0]["description"][0]["claims"] == []
    # Done, nobody is asked any more.
    assert induce(*words) == 0
    assert len(asked) == 3


def test_other_versions_of_the_qualities_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = shop(tmp_path, [*two_sides("ann"), *two_sides("bob", 3), "silent,2026-01-01 10:00,,buy"])
    out = tmp_path / "out"
    induced(log, out, "--judge", "5")
    shown = capsys.readouterr().out
    assert "Agreement of versions over users" in shown
    judged = pl.read_parquet(out / "judged.parquet")
    assert judged["user_id"].to_list() == ["ann", "bob"]
    quality = pl.read_parquet(out / store.QUALITY).filter(pl.col("count") > 0)
    assert judged["alignment_rules"].to_list() == quality["alignment"].to_list()
    assert judged["cohesion_category"].null_count() == 2  # the log has no categories
    assert "truthfulness_llm" not in judged.columns

    verdict = '{"coherence": 3, "unsupported": [], "false": []}'
    server = Server(verdict, verdict, "I cannot say", verdict, again=False)
    monkeypatch.setattr("lm.client.ChatClient", lambda config, cache: server)
    induced(log, out, "--judge", "5", "llm.model=big")
    shown = capsys.readouterr().out
    judged = pl.read_parquet(out / "judged.parquet")
    assert judged["cohesion_llm"].to_list() == [0.5, None]
    assert "1 users without a verdict of the language model: 1 bad_json" in shown
    assert induce(log, "--mapping", log.with_name("shop.yaml"), "--out", out, "--judge", "0") == 2
    assert "--judge 0: give a number of users, 1 or more" in capsys.readouterr().err
