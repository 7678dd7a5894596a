"""A language model refines titles of a log: against a real server, vLLM with a small random model.

What such a model writes is JSON of the schema and otherwise noise, so nearly all titles go by rules.
"""

import re
import shutil
from pathlib import Path

import polars as pl

from records.files import read_json
from semantize.store import ENTITIES, REPLIES, SUMMARY, generation_path, read_histories
from tests.integration.conftest import CHAT_MODEL, usergpt
from tests.logs import clickstream

MAPPING = """
columns: {user_id: visitor, timestamp: ts, action: event_type, content: title}
constants: {source: Shop}
"""


def test_a_log_is_refined_by_a_model_and_nothing_is_asked_twice(chat_server: str, tmp_path: Path) -> None:
    mapping = tmp_path / "clicks.yaml"
    mapping.write_text(MAPPING)
    out = tmp_path / "out"
    arguments = (
        "semantize", "run", str(clickstream(tmp_path)), "--mapping", str(mapping), "--out", str(out),
        "semantize.llm_titles=6", f"llm.base_url={chat_server}", f"llm.model={CHAT_MODEL}",
    )  # fmt: skip
    done = usergpt(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = read_json(generation_path(out, 0) / SUMMARY)["llm"]
    assert (counts["asked"], counts["cached"]) == (1, 0)
    assert counts["refined"] + sum(counts["fallback"].values()) == 6
    assert sum(counts["fallback"].values()) > 0
    # JSON of the schema: what is wrong with it is in the texts.
    assert counts["fallback"].keys() <= {"invented", "wrong_form"}
    assert counts["tokens"] > 500
    told = re.search(
        r"titles: (\d) refined by the language model, (\d) by rules \(.+\); 1 requests", done.stdout
    )
    assert told is not None, done.stdout
    assert int(told[1]) + int(told[2]) == 6
    entities = pl.read_parquet(out / ENTITIES)
    assert len(entities) == 6
    histories = read_histories(out)
    assert len(histories) == 30

    # Finished, it is as it was; begun anew, the answers that are kept suffice.
    again = usergpt(*arguments)
    assert again.returncode == 0, again.stdout + again.stderr
    for path in out.iterdir():
        if path.name != REPLIES:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    anew = usergpt(*arguments)
    assert anew.returncode == 0, anew.stdout + anew.stderr
    assert "; 0 requests sent, 1 answered from .llm-cache, 0 tokens" in anew.stdout
    assert read_json(generation_path(out, 0) / SUMMARY)["llm"]["fallback"] == counts["fallback"]
    assert pl.read_parquet(out / ENTITIES).equals(entities)
    assert read_histories(out) == histories
