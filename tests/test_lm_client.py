"""The client of chat models, against a server of a few lines that says and counts what a test wants."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

import lm.client
from lm.client import ChatClient, ChatReply, ChatRequest, json_of
from lm.reply_cache import ReplyCache
from records.client import ClientConfig
from records.errors import UserError

KEY = "sk-very-secret-0123456789"

Answer = tuple[int, Any]
"""Status and body; a body that is no text is sent as JSON."""


class Server:
    """A remote side: `behave` answers a request; what came is kept."""

    def __init__(self) -> None:
        self.behave: Callable[[dict[str, Any]], Answer] = echo
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.parallel = self.peak = 0
        self.extra: dict[str, str] = {}
        self.ended = threading.Event()
        self._lock = threading.Lock()
        http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, self))
        http.daemon_threads = True
        self.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
        self._http = http
        self._thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def answer(self, body: dict[str, Any], headers: dict[str, str]) -> Answer:
        with self._lock:
            self.bodies.append(body)
            self.headers.append(headers)
            self.parallel += 1
            self.peak = max(self.peak, self.parallel)
        try:
            return self.behave(body)
        finally:
            with self._lock:
                self.parallel -= 1

    def stop(self) -> None:
        self.ended.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(timeout=5)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, server: Server, *arguments: Any) -> None:
        self.fake = server
        super().__init__(*arguments)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, said = 404, {"detail": "Not Found"}
        if self.path == "/v1/chat/completions":
            status, said = self.fake.answer(body, {k.lower(): v for k, v in self.headers.items()})
        content = said.encode() if isinstance(said, str) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(said, str) else "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in self.fake.extra.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        pass


def completion(text: Any, prompt: int = 7, written: int = 5) -> Answer:
    return 200, {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written},
    }


def echo(body: dict[str, Any]) -> Answer:
    return completion(f"heard {body['messages'][-1]['content']}")


def refuse(status: int, message: str = "no") -> Callable[[dict[str, Any]], Answer]:
    return lambda body: (status, {"error": {"message": message, "type": "x", "code": status}})


def in_turn(*answers: Callable[[dict[str, Any]], Answer]) -> Callable[[dict[str, Any]], Answer]:
    left = iter(answers)
    return lambda body: next(left)(body)


def ask(*users: str, **changes: Any) -> list[ChatRequest]:
    return [ChatRequest(system="Be brief.", user=user, **{"max_tokens": 8, **changes}) for user in users]


@pytest.fixture
def server() -> Iterator[Server]:
    fake = Server()
    yield fake
    fake.stop()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lm.client, "FIRST_WAIT_S", 0.01)


@pytest.fixture
def client(server: Server, tmp_path: Path) -> Callable[..., ChatClient]:
    """Makes clients of the server that share a cache; changes are those of the config."""

    def make(**changes: Any) -> ChatClient:
        config = ClientConfig(base_url=server.url, model="m", timeout_s=5, deadline_s=10)
        return ChatClient(replace(config, **changes), tmp_path / "cache")

    return make


def test_replies_come_in_order_though_answers_do_not(
    server: Server, client: Callable[..., ChatClient]
) -> None:
    def slowest_first(body: dict[str, Any]) -> Answer:
        time.sleep(0.2 / (1 + int(body["messages"][-1]["content"])))
        return echo(body)

    server.behave = slowest_first
    seen: list[tuple[int, int]] = []
    asking = client()
    replies = asking.complete(ask(*map(str, range(6))), lambda done, total: seen.append((done, total)))
    assert [reply.text for reply in replies] == [f"heard {i}" for i in range(6)]
    assert all(not reply.error and not reply.cached for reply in replies)
    assert seen == [(i, 6) for i in range(1, 7)]
    assert (asking.stats.asked, asking.stats.prompt_tokens, asking.stats.completion_tokens) == (6, 42, 30)


def test_no_request_is_nothing_to_do(client: Callable[..., ChatClient], tmp_path: Path) -> None:
    assert client().complete([]) == []
    assert not (tmp_path / "cache").exists()


def test_a_request_is_sent_as_it_was_made(server: Server, client: Callable[..., ChatClient]) -> None:
    schema = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}}}
    plain = ChatRequest(system="", user="Grüße", max_tokens=3, temperature=0.7, seed=11)
    client(concurrency=1).complete([plain, *ask("x", schema=schema)])
    first, second = server.bodies
    assert first == {
        "model": "m",
        "messages": [{"role": "user", "content": "Grüße"}],
        "max_tokens": 3,
        "temperature": 0.7,
        "seed": 11,
    }
    assert second["messages"][0] == {"role": "system", "content": "Be brief."}
    assert second["response_format"]["type"] == "json_schema"
    sent = second["response_format"]["json_schema"]
    assert (sent["schema"], sent["strict"]) == (schema, True)
    assert list(sent["schema"]["properties"]) == ["b", "a"]


def test_no_more_requests_in_flight_than_allowed(server: Server, client: Callable[..., ChatClient]) -> None:
    def slow(body: dict[str, Any]) -> Answer:
        time.sleep(0.05)
        return echo(body)

    server.behave = slow
    replies = client(concurrency=3).complete(ask(*map(str, range(12))))
    assert not any(reply.error for reply in replies)
    assert server.peak == 3


def test_equal_requests_are_asked_once(server: Server, client: Callable[..., ChatClient]) -> None:
    asking = client()
    replies = asking.complete([*ask("a", "b", "a", "a"), *ask("a", seed=1)])
    assert [reply.text for reply in replies] == ["heard a", "heard b", "heard a", "heard a", "heard a"]
    assert [reply.cached for reply in replies] == [False, False, True, True, False]
    assert len(server.bodies) == 3
    assert (asking.stats.asked, asking.stats.cached) == (3, 2)


def test_a_second_client_answers_from_the_cache_alone(
    server: Server, client: Callable[..., ChatClient]
) -> None:
    first = client().complete(ask("a", "b"))
    server.stop()
    asking = client(max_retries=0, base_url=server.url + "/")
    again = asking.complete(ask("b", "a"))
    assert again == [replace(reply, cached=True) for reply in reversed(first)]
    assert (asking.stats.asked, asking.stats.cached, asking.stats.prompt_tokens) == (0, 2, 0)


def test_any_difference_makes_another_question(server: Server, client: Callable[..., ChatClient]) -> None:
    ab: dict[str, Any] = {"a": {}, "b": {}}
    ba: dict[str, Any] = {"b": {}, "a": {}}
    variants = [
        *ask("a"),
        *ask("a", temperature=0.5),
        *ask("a", max_tokens=9),
        *ask("a", schema={"properties": ab}),
        *ask("a", schema={"properties": ba}),
        ChatRequest(system="Be long.", user="a", max_tokens=8),
    ]
    client().complete(variants)
    client(model="other").complete(ask("a"))
    assert len(server.bodies) == 7


def test_what_passes_is_tried_again(server: Server, client: Callable[..., ChatClient]) -> None:
    server.behave = in_turn(refuse(500), refuse(429), refuse(503), echo)
    asking = client(max_retries=3)
    (reply,) = asking.complete(ask("a"))
    assert reply.text == "heard a"
    assert (asking.stats.asked, asking.stats.retries, asking.stats.failed) == (1, 3, {})


def test_a_wait_that_the_server_asks_for_is_kept(server: Server, client: Callable[..., ChatClient]) -> None:
    server.extra = {"Retry-After": "0.3"}
    server.behave = in_turn(refuse(429), echo)
    start = time.monotonic()
    (reply,) = client().complete(ask("a"))
    assert reply.text == "heard a"
    assert time.monotonic() - start > 0.3


def test_a_wait_that_the_server_asks_for_is_bounded(
    server: Server, client: Callable[..., ChatClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lm.client, "LONGEST_WAIT_S", 0.05)
    server.extra = {"Retry-After": "86400"}
    server.behave = in_turn(refuse(429), echo)
    assert client().complete(ask("a"))[0].text == "heard a"


def test_attempts_are_bounded_and_a_failure_is_not_kept(
    server: Server, client: Callable[..., ChatClient]
) -> None:
    server.behave = refuse(503, "busy")
    asking = client(max_retries=2)
    replies = asking.complete(ask("a", "a"))
    assert replies == [ChatReply(error="http_503: busy")] * 2
    assert replies[0].reason == "http_503"
    assert len(server.bodies) == 3
    assert asking.stats.failed == {"http_503": 2}
    server.behave = echo
    assert asking.complete(ask("a"))[0].text == "heard a"


def test_one_bad_request_is_not_repeated_and_harms_no_other(
    server: Server, client: Callable[..., ChatClient]
) -> None:
    server.behave = lambda body: (
        refuse(400, "too long\nby far")(body) if body["messages"][-1]["content"] == "b" else echo(body)
    )
    asking = client()
    replies = asking.complete(ask("a", "b", "c"))
    assert [reply.text for reply in replies] == ["heard a", "", "heard c"]
    assert replies[1].error == "http_400: too long by far"
    assert len(server.bodies) == 3
    assert (asking.stats.retries, asking.stats.failed) == (0, {"http_400": 1})


def test_a_server_that_is_not_there(server: Server, client: Callable[..., ChatClient]) -> None:
    server.stop()
    asking = client(max_retries=1)
    (reply,) = asking.complete(ask("a"))
    assert reply.error == "connection: ConnectError"
    assert asking.stats.retries == 1


@pytest.mark.parametrize(
    "said",
    [
        (200, "plain words"),
        (200, []),
        (200, {}),
        (200, {"choices": []}),
        (200, {"choices": [{"message": {}}]}),
        (200, {"choices": [{"message": None}]}),
        completion(None),
        completion(["parts"]),
    ],
    ids=str,
)
def test_an_answer_that_is_no_completion(
    said: Answer, server: Server, client: Callable[..., ChatClient]
) -> None:
    server.behave = lambda body: said
    (reply,) = client().complete(ask("a"))
    assert (reply.text, reply.reason) == ("", "malformed")
    assert len(server.bodies) == 1


def test_what_cannot_be_written_down_fails_alone_or_is_replaced(
    server: Server, client: Callable[..., ChatClient]
) -> None:
    server.behave = lambda body: completion("half \ud83d of a pair")
    replies = client().complete(ask("a", "\ud83d"))
    assert replies[0].text == "half ? of a pair"
    assert replies[1].reason == "malformed"
    assert client().complete(ask("a"))[0].cached


def test_usage_that_makes_no_sense_counts_as_none(server: Server, client: Callable[..., ChatClient]) -> None:
    server.behave = lambda body: completion("a", prompt=-3)
    (reply,) = client().complete(ask("a"))
    assert (reply.text, reply.prompt_tokens, reply.completion_tokens) == ("a", 0, 0)


def test_a_server_that_never_answers(server: Server, client: Callable[..., ChatClient]) -> None:
    def hang(body: dict[str, Any]) -> Answer:
        server.ended.wait(20)
        return echo(body)

    server.behave = hang
    start = time.monotonic()
    asking = client(timeout_s=0.15, max_retries=1)
    assert asking.complete(ask("a"))[0].error == "timeout"
    assert asking.stats.retries == 1
    assert len(server.bodies) == 2
    # All together: one in flight, one waiting for its turn.
    asking = client(deadline_s=0.2, concurrency=1)
    assert [reply.error for reply in asking.complete(ask("a", "b"))] == ["deadline", "deadline"]
    assert len(server.bodies) == 3
    assert (asking.stats.asked, asking.stats.failed) == (1, {"deadline": 2})
    assert time.monotonic() - start < 3


def test_a_server_that_answers_a_byte_at_a_time(client: Callable[..., ChatClient]) -> None:
    class Trickle(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            for _ in range(100):
                if ended.wait(0.02):
                    return
                self.wfile.write(b" ")

        def log_message(self, *arguments: Any) -> None:
            pass

    ended = threading.Event()
    http = ThreadingHTTPServer(("127.0.0.1", 0), Trickle)
    http.handle_error = lambda *arguments: None  # type: ignore[method-assign]
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}).start()
    try:
        asking = client(
            base_url=f"http://127.0.0.1:{http.server_address[1]}/v1", timeout_s=0.2, max_retries=0
        )
        assert asking.complete(ask("a"))[0].error == "timeout"
    finally:
        ended.set()
        http.shutdown()
        http.server_close()


def test_waits_between_attempts_end_at_the_deadline(
    server: Server, client: Callable[..., ChatClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lm.client, "FIRST_WAIT_S", 20)
    server.behave = refuse(500)
    start = time.monotonic()
    assert client(deadline_s=0.2).complete(ask("a"))[0].error == "deadline"
    assert time.monotonic() - start < 2


def test_the_budget_is_never_overshot(server: Server, client: Callable[..., ChatClient]) -> None:
    def slow(body: dict[str, Any]) -> Answer:
        time.sleep(0.02)
        return completion("x", prompt=60, written=8)

    server.behave = slow
    asking = client(max_total_tokens=300, concurrency=4)
    replies = asking.complete(ask(*map(str, range(10))))
    used = asking.stats.prompt_tokens + asking.stats.completion_tokens
    assert 200 < used <= 300  # a further request, 82 tokens at most, would not have fitted
    assert asking.stats.asked == len(server.bodies) == used // 68
    assert asking.stats.failed == {"budget": 10 - used // 68}
    assert [reply.error for reply in replies if not reply.text] == ["budget"] * (10 - used // 68)
    # It holds over calls, and for what is sent, not for what is kept.
    kept = next(str(i) for i, reply in enumerate(replies) if reply.text)
    again = asking.complete(ask(kept, "new"))
    assert [reply.error for reply in again] == ["", "budget"]
    assert len(server.bodies) == used // 68


def test_a_request_waits_for_what_those_in_flight_leave(
    server: Server, client: Callable[..., ChatClient]
) -> None:
    # One request may use 82 tokens and uses 12: side by side they do not fit, one after another all do.
    asking = client(max_total_tokens=160, concurrency=4)
    for users in ("abcde", "fg"):
        replies = asking.complete(ask(*users))
        assert [reply.text for reply in replies] == [f"heard {user}" for user in users]
    assert server.peak == 1


def test_what_may_have_been_used_counts_as_used(server: Server, client: Callable[..., ChatClient]) -> None:
    def hang(body: dict[str, Any]) -> Answer:
        server.ended.wait(0.5)
        return echo(body)

    server.behave = hang
    asking = client(max_total_tokens=100, timeout_s=0.1, max_retries=3)
    assert asking.complete(ask("a"))[0].error == "budget"
    assert len(server.bodies) == 1
    # A refusal uses nothing.
    server.behave = in_turn(refuse(500), refuse(500), echo)
    assert client(max_total_tokens=100, max_retries=3).complete(ask("b"))[0].text == "heard b"


def test_the_key_goes_to_the_server_and_nowhere_else(
    server: Server,
    client: Callable[..., ChatClient],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("SHOP_KEY", f"{KEY}\n")
    server.behave = lambda body: (
        refuse(400, f"bad: Bearer {KEY}")(body) if body["messages"][-1]["content"] == "b" else echo(body)
    )
    asking = client(api_key_env="SHOP_KEY")
    replies = asking.complete(ask("a", "b"))
    assert {headers["authorization"] for headers in server.headers} == {f"Bearer {KEY}"}
    assert replies[1].error == "http_400: bad: Bearer ***"
    server.behave = refuse(401, f"Incorrect API key provided: {KEY}")
    with pytest.raises(UserError, match=r"^llm\.api_key_env: .* 401; the key in SHOP_KEY is refused$") as no:
        asking.complete(ask("c"))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 1
    assert KEY not in "".join(path.read_text() + path.name for path in files)
    assert (
        KEY not in f"{replies} {asking.config} {asking.stats} {no.value} {no.value.__cause__} {caplog.text}"
    )


def test_only_what_the_config_names_is_taken_from_the_environment(
    server: Server, client: Callable[..., ChatClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing is there
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    for name in ("API_KEY", "ADMIN_KEY", "ORG_ID", "PROJECT_ID"):
        monkeypatch.setenv(f"OPENAI_{name}", KEY)
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"Authorization: Bearer {KEY}")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert client(max_retries=0).complete(ask("a"))[0].text == "heard a"
    assert KEY not in str(server.headers)


def test_a_redirect_is_not_followed(server: Server, client: Callable[..., ChatClient]) -> None:
    other = Server()
    try:
        server.extra = {"Location": f"{other.url}/chat/completions"}
        server.behave = refuse(307)
        with pytest.raises(UserError, match=r"^llm\.base_url http://127.*redirected \(307\)"):
            client().complete(ask("a"))
        assert other.bodies == []
    finally:
        other.stop()


@pytest.mark.parametrize(
    ("damage", "is_kept"),
    [
        (b"", False),
        (b"{", False),
        (b"\xff\xfe", False),
        (b"[]", False),
        (b"{}", False),
        (b"null", False),
        (b"[" * 100_000, False),
        (None, True),
    ],
)
def test_a_damaged_cache_entry_is_asked_again(
    damage: bytes | None, is_kept: bool, server: Server, client: Callable[..., ChatClient], tmp_path: Path
) -> None:
    client().complete(ask("a"))
    (file,) = (tmp_path / "cache").glob("*/*.json")
    whole = file.read_bytes()
    if damage is not None:
        file.write_bytes(damage)
    (reply,) = client().complete(ask("a"))
    assert (reply.text, reply.cached) == ("heard a", is_kept)
    assert len(server.bodies) == 2 - is_kept
    assert file.read_bytes() == whole


@pytest.mark.parametrize(("name", "value"), [("text", 3), ("prompt_tokens", "7"), ("key", "another")])
def test_a_cache_entry_of_another_make_is_none(name: str, value: Any, tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path)
    cache.put("abcd", ChatReply(text="x", prompt_tokens=7))
    assert cache.get("abcd") == ChatReply(text="x", prompt_tokens=7, cached=True)
    (file,) = tmp_path.glob("*/*.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), name: value}))
    assert cache.get("abcd") is None


def _write_and_read(folder: Path, text: str) -> int:
    """Keeps the same questions again and again; the number of times that one could not be read."""
    cache = ReplyCache(folder)
    missed = 0
    for turn in range(300):
        cache.put(f"{turn % 3}", ChatReply(text=text))
        missed += cache.get(f"{turn % 3}") is None
    return missed


def test_processes_share_a_cache(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        texts = ["short", "long " * 5000]
        assert list(pool.map(_write_and_read, [tmp_path] * 2, texts, timeout=60)) == [0, 0]
    assert len(list(tmp_path.glob("*/*"))) == 3  # nothing half written is left


def test_a_cache_that_cannot_be_written_is_told_before_anything_is_sent(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    asking = ChatClient(ClientConfig(base_url=server.url, model="m"), tmp_path / "file" / "cache")
    with pytest.raises(UserError, match=r"file/cache: replies cannot be kept there \(Not a directory\)$"):
        asking.complete(ask("a"))
    assert server.bodies == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": " "}, r"^teacher\.model is empty"),
        ({"base_url": ""}, r"^teacher\.base_url '': not a URL; write it like"),
        ({"base_url": "127.0.0.1:8000/v1"}, r"^teacher\.base_url '127\.0\.0\.1:8000/v1': not a URL"),
        ({"base_url": "ftp://host/v1"}, r"^teacher\.base_url .*not a URL"),
        ({"base_url": "http://"}, r"^teacher\.base_url .*not a URL"),
        ({"base_url": "http://host:port/v1"}, r"^teacher\.base_url .*not a URL"),
        ({"base_url": "http://host:70000/v1"}, r"^teacher\.base_url .*not a URL"),
        ({"base_url": "http://host name/v1"}, r"^teacher\.base_url .*not a URL"),
        ({"base_url": "http://host/v1\n"}, r"^teacher\.base_url .*not a URL"),
        ({"base_url": "http://a..b/v1"}, r"^teacher\.base_url .*not a URL"),
        ({"base_url": "http://[::1/v1"}, r"^teacher\.base_url .*not a URL"),
        ({"base_url": "http://256.1.1.1/v1"}, r"^teacher\.base_url .*not a URL"),
        ({"base_url": "http://127.1/v1"}, r"^teacher\.base_url .*not a URL"),
        ({"base_url": f"https://user:{KEY}@host/v1"}, r"^teacher\.base_url: take out user, query"),
        ({"base_url": f"https://host/v1?key={KEY}"}, r"^teacher\.base_url: take out user, query"),
        ({"api_key_env": KEY}, r"^teacher\.api_key_env: no environment variable of that name is set"),
        ({"api_key_env": "EMPTY_KEY"}, r"^teacher\.api_key_env: no environment variable"),
        ({"api_key_env": "TWO_WORDS"}, r"^teacher\.api_key_env: the variable holds no key"),
    ],
)
def test_a_config_that_cannot_work_is_refused(
    changes: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMPTY_KEY", "")
    monkeypatch.setenv("TWO_WORDS", f"{KEY} {KEY}")
    config = replace(ClientConfig(model="m"), **changes)
    with pytest.raises(UserError, match=message) as caught:
        ChatClient(config, tmp_path, section="teacher")
    assert "\n" not in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1/",
        "http://localhost:8000/v1",
        "http://[::1]:8000/v1",
        "http://node_1:80",
        "HTTP://H/v1",
    ],
)
def test_usual_urls_are_taken(url: str, tmp_path: Path) -> None:
    ChatClient(ClientConfig(base_url=url, model="m"), tmp_path)


@pytest.mark.parametrize(
    ("url", "is_local"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://127.8.8.8/v1", True),
        ("http://0.0.0.0:8000/v1", True),
        ("http://[::1]/v1", True),
        ("http://LOCALHOST/v1", True),
        ("http://box.localhost/v1", True),
        ("http://10.0.0.1/v1", False),
        ("http://localhost.example.com/v1", False),
        ("http://127.0.0.1.example.com/v1", False),
    ],
)
def test_proxies_are_for_remote_servers(url: str, is_local: bool, tmp_path: Path) -> None:
    client = ChatClient(ClientConfig(base_url=url, model="m"), tmp_path)
    assert client._server()._client.trust_env is not is_local


@pytest.mark.parametrize(
    ("behave", "message"),
    [
        (refuse(401), r"^llm\.api_key_env: http\S+ answers 401; name the variable that holds the key$"),
        (refuse(403), r"^llm\.api_key_env: http\S+ answers 403; name the variable"),
        (refuse(404, "The model `m` does not exist."), r"^llm\.model 'm': http\S+ has no such model"),
        (refuse(404, "some path"), r"^llm\.base_url http\S+: no chat completions there \(404\)"),
        (lambda body: (404, "<html>gone</html>"), r"^llm\.base_url http\S+: no chat completions there"),
    ],
)
def test_a_server_that_refuses_all_ends_the_call(
    behave: Callable[[dict[str, Any]], Answer],
    message: str,
    server: Server,
    client: Callable[..., ChatClient],
) -> None:
    def refuse_late(body: dict[str, Any]) -> Answer:
        return behave(body) if len(server.bodies) > 1 else echo(body)

    server.behave = refuse_late
    with pytest.raises(UserError, match=message) as caught:
        client(concurrency=1).complete(ask(*map(str, range(50))))
    assert "\n" not in str(caught.value)
    assert len(server.bodies) == 2
    # What was answered before is kept.
    assert client().complete(ask("0"))[0].cached


def test_a_refusal_of_many_at_once_is_one_error(server: Server, client: Callable[..., ChatClient]) -> None:
    server.behave = refuse(401)
    with pytest.raises(UserError, match=r"^llm\.api_key_env"):
        client(concurrency=8).complete(ask(*map(str, range(50))))
    assert len(server.bodies) <= 16


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2.5, null, "ü"]}', {"a": [1, 2.5, None, "ü"]}),
        (' \n["x"]\n', ["x"]),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('\n```json\n{"a": 1}```\n', {"a": 1}),
        ("7", 7),
        ("", None),
        ("null", None),
        ("words", None),
        ('{"a": 1', None),
        ('{"a": 1} and words', None),
        ('Here:\n```json\n{"a": 1}\n```', None),
        ('```json\n{"a": 1}\n```\n```json\n{"a": 2}\n```', None),
        ('```\n{"a": 1}\n```', None),
        ('{"a": 1, "a": 2}', None),
        ("{'a': 1}", None),
        ('{"a": NaN}', None),
        ("[-Infinity]", None),
        ("[1e999]", None),
        ('["\\ud83d"]', None),
        ("[" * 100_000, None),
        ("1" * 10_000, None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_json_of_a_reply(text: str, value: Any) -> None:
    assert json_of(ChatReply(text=text)) == value


def test_a_failed_reply_has_no_json() -> None:
    assert json_of(ChatReply(text="1", error="timeout")) is None


def test_every_field_of_the_config_is_documented_and_bounded() -> None:
    for item in fields(ClientConfig):
        assert item.metadata["doc"].endswith(".")
        assert item.type is str or item.metadata["low"] is not None
