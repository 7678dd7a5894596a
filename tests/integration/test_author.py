"""A language model takes part in a simulation: against a real server, vLLM with a small random model.

What such a model writes is JSON of the schema and otherwise noise, so nearly all of it is rejected.
"""

import re
from dataclasses import replace
from pathlib import Path

from lm.client import ChatClient
from records.client import ClientConfig
from records.simulation import SimulateConfig
from simulate.author.acceptance import described
from simulate.author.asks import desire_asks
from simulate.author.llm import LLMAuthor
from simulate.engine import simulate
from simulate.world_reader import load_world
from tests.integration.conftest import CHAT_MODEL, usergpt

CONFIG = SimulateConfig()

WORKS = ("titles", "queries", "desires", "new items")


def table_of(output: str) -> dict[str, list[int]]:
    """Work → asks, sent, cached, proposals, accepted, rejected."""
    found = {}
    for line in output.splitlines():
        name, *cells = (cell.strip() for cell in line.strip("│ ").split("│"))
        if name in WORKS and len(cells) == 6:
            found[name] = [int(cell.replace(",", "") or 0) for cell in cells]
    return found


def test_a_world_is_written_with_everything_counted_and_nothing_asked_twice(
    chat_server: str, tmp_path: Path
) -> None:
    out = tmp_path / "made"
    arguments = (
        "simulate", "write", "--out", str(out), "--items", "5", "--desires", "4",
        f"llm.base_url={chat_server}", f"llm.model={CHAT_MODEL}", "llm.deadline_s=200",
    )  # fmt: skip
    done = usergpt(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    table = table_of(done.stdout)
    assert list(table) == list(WORKS)
    assert [table[name][0] for name in WORKS[:3]] == [5, 3, 4]
    for name in WORKS[:3]:
        asks, sent, cached, proposals, accepted, rejected = table[name]
        assert (sent, cached) == (asks, 0)
        assert proposals == accepted + rejected
    # JSON of the schema: as many texts as were asked for, and the reasons are in the texts.
    assert table["titles"][3] > table["titles"][0]
    assert "not_json" not in done.stdout
    assert "wrong_form" not in done.stdout
    assert any(reason in done.stdout for reason in ("lacks_name", "control_token", "noise"))
    tokens = re.search(r"tokens: ([\d,]+) of prompts, ([\d,]+) of answers", done.stdout)
    assert tokens is not None
    assert all(int(number.replace(",", "")) > 100 for number in tokens.groups())

    stacked = load_world(replace(CONFIG, world=["shipped", str(out)]))
    written = sum(len(texts) for item in stacked.items for texts in item.titles.values())
    assert written == table["titles"][4] + table["queries"][4]
    shipped = load_world(CONFIG)
    assert len(stacked.desires) == len(shipped.desires) + table["desires"][4]
    assert len(stacked.items) == len(shipped.items) + table["new items"][4]

    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(out.glob("*.yaml"))]
    again = usergpt(*arguments)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "tokens: 0 of prompts, 0 of answers; 0 retries" in again.stdout
    for name, (asks, sent, cached, *counts) in table_of(again.stdout).items():
        assert (sent, cached) == (0, asks)
        assert counts == table[name][3:]
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(out.glob("*.yaml"))] == before


def test_users_are_described_on_the_sample_page(chat_server: str, tmp_path: Path) -> None:
    config = ClientConfig(base_url=chat_server, model=CHAT_MODEL, deadline_s=200)
    personas = [ask.persona for ask in desire_asks(load_world(CONFIG), CONFIG, 0, 3)]
    client = ChatClient(config, tmp_path / "cache")
    texts, outcome = described(LLMAuthor(client), personas)
    assert all(texts)
    assert outcome.proposed == 3
    # JSON of the schema: what is wrong with it is in the sentences.
    assert not outcome.rejected.keys() & {"not_json", "wrong_form", "http_400", "http_500", "timeout"}
    assert client.stats.asked == 3

    users = tmp_path / "users"
    simulate(replace(CONFIG, users=3, min_days=60, max_days=90), 0, users)
    done = usergpt(
        "simulate",
        "sample",
        str(users),
        "--users",
        "2",
        f"llm.base_url={chat_server}",
        f"llm.model={CHAT_MODEL}",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 users in" in done.stdout
    assert (users / "report" / "sample.html").read_text().count("<article>") == 2
    assert len(list((users / "report" / ".cache").rglob("*.json"))) == 2
