"""The client of OpenAI-compatible servers: asks side by side, keeps replies on disk, bounded in every way."""

import asyncio
import hashlib
import json
import random
import re
import ssl
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import openai

from lm.budget import Budget
from lm.chat import ChatReply, ChatRequest, json_of
from lm.endpoint import checked_url, key_from
from lm.reply_cache import ReplyCache
from records.client import ClientConfig
from records.errors import UserError

__all__ = ["ChatClient", "ChatReply", "ChatRequest", "ChatStats", "json_of"]

FIRST_WAIT_S = 0.5
"""Wait before the first further attempt, seconds; it doubles from attempt to attempt."""

LONGEST_WAIT_S = 30.0
"""Longest wait before a further attempt, seconds, whatever the server asks for."""

PROMPT_OVERHEAD = 64
"""Tokens that a server's chat template may add to a prompt, as far as the budget reckons with them."""

_DETAIL = 200
"""Characters kept of what a server says about an error."""


@dataclass(slots=True, kw_only=True)
class ChatStats:
    """What a client did so far.

    `asked` counts requests sent (each once, however often it was tried), `cached` replies for which
    nothing was sent, `failed` replies that are errors, by reason; tokens are those that servers told.
    """

    asked: int = 0
    cached: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    retries: int = 0


def check_client(config: ClientConfig, section: str = "llm") -> None:
    """Refuse a config by which nothing can be asked.

    Raises:
        UserError: it names no model, no URL or no key.
    """
    if not config.model.strip():
        raise UserError(f"{section}.model is empty; name the model as the server knows it")
    checked_url(config.base_url, section)
    key_from(config.api_key_env, section)


class ChatClient:
    """Asks the one model of `config`; replies are kept below `cache_dir`, for this and other processes.

    The budget `max_total_tokens` holds for all calls together. Before a request is sent, the most it can use
    is set aside (its `max_tokens`, a token for every byte of the prompt, and PROMPT_OVERHEAD), so requests in
    flight cannot overshoot it; only a server that adds more than PROMPT_OVERHEAD tokens to a prompt can, by
    what it adds to those in flight. A request that finds too little left waits for those in flight, which
    mostly use less than was set aside, and fails with `budget` when none is left to wait for. An attempt that
    was given up or whose server tells no usage counts in full, one that ended with an error not at all.
    What is spent is recorded in the file `spent`, if one is named, and counts for the next client that is
    given the same; of one that was killed, what was in flight counts in full.

    One call at a time. `section` is where the config stands in a recipe, for error messages.

    Raises:
        UserError: the config names no model, no URL or no key; the message names the field to mend. Or the
            record of what is spent cannot be kept.
    """

    def __init__(
        self, config: ClientConfig, cache_dir: Path, *, section: str = "llm", spent: Path | None = None
    ) -> None:
        self.config = config
        self.stats = ChatStats()
        self._section = section
        check_client(config, section)
        self._base_url, self._is_local = checked_url(config.base_url, section)
        self._key = key_from(config.api_key_env, section)
        self._cache = ReplyCache(cache_dir)
        self._budget = Budget(config.max_total_tokens, spent)

    def complete(
        self, requests: Sequence[ChatRequest], progress: Callable[[int, int], None] | None = None
    ) -> list[ChatReply]:
        """One reply a request, in their order, after about `deadline_s` seconds at the latest.

        `progress` is called with (requests answered, requests). What fails is an error on its reply. Not to
        be called from inside a running event loop.

        Raises:
            UserError: the server refuses the key or does not know the URL or the model, or the cache cannot
                be written; replies that came before are in the cache.
        """
        places: dict[str, list[int]] = {}
        for place, request in enumerate(requests):
            places.setdefault(self._cache_key(request), []).append(place)
        replies: dict[int, ChatReply] = {}

        def answer(key: str, reply: ChatReply) -> None:
            first, *others = places[key]
            # Nothing was sent for the others; tokens of replies that are not cached add up to what was used.
            same = reply if reply.error else replace(reply, cached=True)
            replies.update({first: reply, **dict.fromkeys(others, same)})
            if reply.error:
                self.stats.failed[reply.reason] += 1 + len(others)
            else:
                self.stats.cached += reply.cached + len(others)
            if progress:
                progress(len(replies), len(requests))

        to_ask = {}
        for key, (first, *_) in places.items():
            kept = self._cache.get(key)
            if kept is None:
                to_ask[key] = requests[first]
            else:
                answer(key, kept)
        if to_ask:
            self._cache.prepare()  # before anything is paid for
            asyncio.run(self._ask_all(to_ask, answer))
        return [replies[place] for place in range(len(requests))]

    async def _ask_all(
        self, requests: Mapping[str, ChatRequest], answer: Callable[[str, ChatReply], None]
    ) -> None:
        deadline = asyncio.get_running_loop().time() + self.config.deadline_s
        self._budget.start_round()
        waiting = iter(requests.items())

        async def work(server: openai.AsyncOpenAI) -> None:
            for key, request in waiting:  # all workers take from the one iterator
                reply = await self._ask(server, request, deadline)
                if not reply.error:
                    self._cache.put(key, reply)
                answer(key, reply)

        try:
            async with self._server() as server, asyncio.TaskGroup() as workers:
                for _ in range(min(self.config.concurrency, len(requests))):
                    workers.create_task(work(server))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    def _server(self) -> openai.AsyncOpenAI:
        # The library's HTTP client sends requests through the proxy of HTTP_PROXY even to loopback
        # addresses, unless NO_PROXY lists them. A server on this machine cannot be reached that way, and its
        # prompts would leave the machine: there the environment is not looked at. A remote server may be
        # within reach of a proxy alone. Redirects are not followed: they could lead prompts to another host.
        # Loading the certificates takes longer than a short local answer, and plain HTTP needs none; should
        # TLS be spoken after all, the empty store trusts nobody.
        is_plain = self._is_local and self._base_url.lower().startswith("http:")
        http = openai.DefaultAsyncHttpxClient(
            trust_env=not self._is_local,
            follow_redirects=False,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if is_plain else True,
        )
        key = self._key or "none"  # left out, it would be taken from OPENAI_API_KEY
        server = openai.AsyncOpenAI(
            base_url=self._base_url,
            api_key=key,
            # Said again, since OPENAI_CUSTOM_HEADERS of the environment goes before the argument above.
            default_headers={"Authorization": f"Bearer {key}"},
            # Retries and time limits are ours: they are counted, and bound an answer, not each read of it.
            max_retries=0,
            timeout=None,
            http_client=http,
        )
        server.organization = server.project = None  # an OpenAI account's, from the environment
        return server

    async def _ask(self, server: openai.AsyncOpenAI, request: ChatRequest, deadline: float) -> ChatReply:
        """One reply after as many attempts as it takes; `deadline` is a time of the event loop."""
        late = ChatReply(error="deadline")
        if asyncio.get_running_loop().time() >= deadline:
            return late
        try:
            async with asyncio.timeout_at(deadline):
                reply, wait_s = await self._attempt(server, request)
                for attempt in range(self.config.max_retries):
                    if wait_s is None:
                        break
                    # Jitter, so that requests turned away together do not come back together.
                    own_s = FIRST_WAIT_S * 2**attempt * random.uniform(0.5, 1)
                    await asyncio.sleep(min(max(own_s, wait_s), LONGEST_WAIT_S))
                    reply, wait_s = await self._attempt(server, request, again=True)
                return reply
        except TimeoutError:
            return late

    async def _attempt(
        self, server: openai.AsyncOpenAI, request: ChatRequest, *, again: bool = False
    ) -> tuple[ChatReply, float | None]:
        """A reply and, where another attempt may go better, the wait the server asks for, seconds."""
        most = _most_tokens(request)
        if not await self._budget.reserve(most):
            return ChatReply(error="budget"), None
        if again:
            self.stats.retries += 1
        else:
            self.stats.asked += 1
        spent = most
        try:
            async with asyncio.timeout(self.config.timeout_s):
                completion: Any = await server.chat.completions.create(**self._arguments(request))
            reply = _read_completion(completion)
            self.stats.prompt_tokens += reply.prompt_tokens
            self.stats.completion_tokens += reply.completion_tokens
            spent = reply.prompt_tokens + reply.completion_tokens or most
            return reply, None
        except TimeoutError:
            return ChatReply(error="timeout"), 0.0
        except openai.APIStatusError as error:
            spent = 0
            said = self._detail(error)
            self._check_refusal(error.status_code, said)
            passing = error.status_code == 429 or error.status_code >= 500
            reply = ChatReply(error=f"http_{error.status_code}: {said}")
            return reply, _retry_after(error) if passing else None
        except openai.APIConnectionError as error:
            spent = 0
            return ChatReply(error=f"connection: {type(error.__cause__).__name__}"), 0.0
        except (openai.OpenAIError, TypeError, ValueError) as error:
            # No more of it than its kind: the text may quote what was sent.
            return ChatReply(error=f"malformed: {type(error).__name__}"), None
        finally:
            self._budget.settle(most, spent)

    def _arguments(self, request: ChatRequest) -> dict[str, Any]:
        system = [{"role": "system", "content": request.system}] if request.system else []
        arguments: dict[str, Any] = {
            "model": self.config.model,
            "messages": [*system, {"role": "user", "content": request.user}],
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "seed": request.seed,
        }
        if request.schema is not None:
            named = {"name": "reply", "schema": dict(request.schema), "strict": True}
            arguments["response_format"] = {"type": "json_schema", "json_schema": named}
        return arguments

    def _check_refusal(self, status: int, said: str) -> None:
        """Raise UserError where every further request would fail the same way."""
        url, model = self._base_url, self.config.model
        if status in (401, 403):
            name = self.config.api_key_env
            mend = f"the key in {name} is refused" if name else "name the variable that holds the key"
            raise UserError(f"{self._section}.api_key_env: {url} answers {status}; {mend}")
        if status == 404 and re.search(rf"(?<!\w){re.escape(model)}(?!\w)", said):
            raise UserError(f"{self._section}.model {model!r}: {url} has no such model (404)")
        if status == 404:
            raise UserError(
                f"{self._section}.base_url {url}: no chat completions there (404); does it end in /v1?"
            )
        if 300 <= status < 400:
            raise UserError(f"{self._section}.base_url {url}: redirected ({status}); name the final address")

    def _detail(self, error: openai.APIStatusError) -> str:
        """What the server says, on one line, without the key, which some servers repeat."""
        said = error.body.get("message", error.body) if isinstance(error.body, dict) else error.response.text
        line = _writable(" ".join(str(said).split()))
        return (line.replace(self._key, "***") if self._key else line)[:_DETAIL]

    def _cache_key(self, request: ChatRequest) -> str:
        # Keys of the schema stay in their order, which guided decoding follows.
        asked = {
            "base_url": self._base_url,
            "model": self.config.model,
            "system": request.system,
            "user": request.user,
            "schema": None if request.schema is None else dict(request.schema),
            "max_tokens": request.max_tokens,
            "temperature": float(request.temperature),
            "seed": request.seed,
        }
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _read_completion(completion: Any) -> ChatReply:
    """The reply in a completion. The library does not check what servers send: any part may be missing."""
    usage = getattr(completion, "usage", None)
    counts: list[Any] = [getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens")]
    prompt, written = counts if all(type(count) is int and count >= 0 for count in counts) else (0, 0)
    try:
        text = completion.choices[0].message.content
    except (AttributeError, IndexError, TypeError):
        text = None
    if not isinstance(text, str):
        return ChatReply(prompt_tokens=prompt, completion_tokens=written, error="malformed: no text")
    return ChatReply(text=_writable(text), prompt_tokens=prompt, completion_tokens=written)


def _writable(text: str) -> str:
    """`text` with `?` for lone surrogates, which no file takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _most_tokens(request: ChatRequest) -> int:
    """The most tokens a request can use: no tokenizer makes more than one of a byte."""
    schema = "" if request.schema is None else json.dumps(dict(request.schema))
    prompt = sum(len(part.encode("utf-8", "replace")) for part in (request.system, request.user, schema))
    return request.max_tokens + prompt + PROMPT_OVERHEAD


def _retry_after(error: openai.APIStatusError) -> float:
    """Seconds the server asks to wait for, 0 where it asks for none (or for a date)."""
    try:
        asked = float(error.response.headers.get("retry-after", "0"))
    except ValueError:
        return 0.0
    return asked if asked > 0 else 0.0
