"""The client against a real server: vLLM with a small random model."""

import os
from pathlib import Path
from typing import Any

import psutil
import pytest

from lm.client import PROMPT_OVERHEAD, ChatClient, ChatRequest, json_of
from records.client import ClientConfig
from records.errors import UserError
from tests.integration.conftest import CHAT_LENGTH, CHAT_MODEL, end_group

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "pet": {"enum": ["none", "cat", "dog"]},
        "note": {"type": "string", "maxLength": 4},
    },
    "required": ["pet", "note"],
    "additionalProperties": False,
}


def config(base_url: str, **changes: Any) -> ClientConfig:
    return ClientConfig(
        base_url=base_url, **{"model": CHAT_MODEL, "timeout_s": 60, "deadline_s": 120, **changes}
    )


def question(text: str, **changes: Any) -> ChatRequest:
    return ChatRequest(system="Be brief.", user=text, **{"max_tokens": 16, "temperature": 1.0, **changes})


def test_completions_are_counted_and_bounded(chat_server: str, tmp_path: Path) -> None:
    client = ChatClient(config(chat_server), tmp_path)
    requests = [question("#1 | Milk", seed=seed) for seed in range(6)]
    replies = client.complete(requests)
    assert [reply.error for reply in replies] == [""] * 6
    assert len({reply.text for reply in replies}) > 1
    for reply in replies:
        assert 0 < reply.completion_tokens <= 16
        # The budget takes a byte for a token and adds the template's.
        assert 0 < reply.prompt_tokens <= len("Be brief.#1 | Milk") + PROMPT_OVERHEAD
    assert client.stats.completion_tokens == sum(reply.completion_tokens for reply in replies)
    # The same seeds say the same.
    again = ChatClient(config(chat_server), tmp_path / "another").complete(requests)
    assert [reply.text for reply in again] == [reply.text for reply in replies]


def test_a_random_model_writes_json_of_the_schema(chat_server: str, tmp_path: Path) -> None:
    client = ChatClient(config(chat_server), tmp_path)
    requests = [question("Pet?", schema=SCHEMA, max_tokens=64, seed=seed) for seed in range(4)]
    (free,) = client.complete([question("Pet?", max_tokens=64)])
    assert json_of(free) is None  # it is the schema that makes it
    for reply in client.complete(requests):
        assert reply.error == ""
        value = json_of(reply)
        assert value is not None, reply.text
        assert list(value) == ["pet", "note"]
        assert value["pet"] in ("none", "cat", "dog")
        assert isinstance(value["note"], str)
        assert len(value["note"]) <= 4


def test_what_the_server_refuses(chat_server: str, tmp_path: Path) -> None:
    replies = ChatClient(config(chat_server), tmp_path).complete(
        [question("x" * (CHAT_LENGTH + 100)), question("ok")]
    )
    assert replies[0].reason == "http_400"
    assert replies[1].error == ""
    with pytest.raises(UserError, match=r"^llm\.model 'large': .* no such model"):
        ChatClient(config(chat_server, model="large"), tmp_path).complete([question("a")])
    with pytest.raises(UserError, match=r"^llm\.base_url .* does it end in /v1"):
        ChatClient(config(chat_server.removesuffix("/v1")), tmp_path).complete([question("a")])


def test_the_cache_answers_when_the_server_is_gone(chat_server: str, tmp_path: Path) -> None:
    """The last test that the server serves: it ends it."""
    first = ChatClient(config(chat_server), tmp_path).complete([question("a"), question("b")])
    assert not any(reply.error or reply.cached for reply in first)
    port = chat_server.removesuffix("/v1").rpartition(":")[2]
    (server,) = [
        process
        for process in psutil.process_iter(["cmdline", "ppid"])
        if process.info["ppid"] == os.getpid() and port in (process.info["cmdline"] or [])
    ]
    end_group(server.pid)

    second = ChatClient(config(chat_server, max_retries=0), tmp_path)
    replies = second.complete([question("b"), question("a"), question("c")])
    assert [reply.text for reply in replies[:2]] == [first[1].text, first[0].text]
    assert all(reply.cached for reply in replies[:2])
    assert replies[2].error == "connection: ConnectError"
    assert second.stats.asked == 1
