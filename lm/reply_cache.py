"""Replies of chat models on disk: a file each, so that many processes and machines can share a folder."""

import json
import os
import tempfile
from pathlib import Path

from lm.chat import ChatReply
from records.errors import UserError
from records.files import read_json


class ReplyCache:
    """Replies below `folder` by the SHA-256 (hex) of their question.

    A file is renamed into place whole; what is damaged nevertheless is one reply, and is taken for none.

    Raises:
        UserError: from every method that writes, when the folder takes no files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        """Make the folder."""
        self._make(self.folder)

    def get(self, key: str) -> ChatReply | None:
        """The reply, marked as cached; None where there is none or none that can be read."""
        try:
            entry = read_json(self._file(key))
            text, counts = entry["text"], (entry["prompt_tokens"], entry["completion_tokens"])
            if entry["key"] != key or not isinstance(text, str) or any(type(n) is not int for n in counts):
                return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return ChatReply(text=text, prompt_tokens=counts[0], completion_tokens=counts[1], cached=True)

    def put(self, key: str, reply: ChatReply) -> None:
        """Keep `reply`, in place of what was there."""
        file = self._file(key)
        self._make(file.parent)
        entry = {
            "key": key,
            "text": reply.text,
            "prompt_tokens": reply.prompt_tokens,
            "completion_tokens": reply.completion_tokens,
        }
        try:
            # A name of its own, since threads and machines may write the same reply at once.
            number, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=file.parent)
            aside = Path(name)
            try:
                with os.fdopen(number, "w", encoding="utf-8") as stream:
                    json.dump(entry, stream)
                aside.replace(file)
            finally:
                aside.unlink(missing_ok=True)
        except OSError as error:
            raise self._refusal(error) from None

    def _file(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"

    def _make(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._refusal(error) from None

    def _refusal(self, error: OSError) -> UserError:
        return UserError(f"{self.folder}: replies cannot be kept there ({error.strerror})")
