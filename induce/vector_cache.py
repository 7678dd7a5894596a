"""Vectors of texts on disk, in files that appear whole, shared by any number of processes.

Suffixes: N texts asked for, M of them found or given, D width of a vector.
"""

import hashlib
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from records.errors import UserError
from records.files import remove_leftovers, written_whole

STEP = 1e-4
"""Vectors are kept, and handed out, on this grid: int16 of v / STEP."""
MOST_FILES = 64
"""With more files than this in a folder, they are written anew as one."""

Vectors = npt.NDArray[np.float32]
Steps = npt.NDArray[np.int16]


def to_steps(vectors: Vectors) -> Steps:
    """Numbers of [-1, 1] as whole multiples of STEP."""
    steps: Steps = np.rint(vectors / STEP).astype(np.int16)
    return steps


def from_steps(steps: Steps) -> Vectors:
    """The numbers that `steps` stand for."""
    return steps.astype(np.float32) * np.float32(STEP)


def digest(text: str) -> bytes:
    """16 bytes that stand for a text."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def width_in(folder: Path) -> int | None:
    """How wide the vectors are that `folder` holds; None where there are none that can be read."""
    for path in sorted(folder.glob("*.npy")):
        with suppress(OSError, ValueError, EOFError, KeyError):
            return int(np.load(path, allow_pickle=False, mmap_mode="r").dtype["vector"].shape[0])
    return None


class VectorCache:
    """Vectors by text in `folder`, those of one model; at most about `most` of them, newest files first.

    Every `put` is a file of its own, so that processes never write the same one; `get` takes in files that
    others have written meanwhile. What is damaged, or of another width, is taken for nothing.

    Args:
        folder: one a model; made by the first `put`.
        width: D.
        most: vectors kept in memory and on disk (2 D + 16 bytes each). Oldest files go first.

    Raises:
        UserError: from `put`, when the folder takes no files.
    """

    def __init__(self, folder: Path, width: int, most: int) -> None:
        self.folder, self.most = folder, most
        self._row = np.dtype([("digest", "u1", (16,)), ("vector", "i2", (width,))])
        self._known: dict[bytes, Steps] = {}
        self._read: set[str] = set()

    def get(self, texts: Sequence[str]) -> dict[str, Steps]:
        """Those of `texts` that are known → D int16."""
        keys = {text: digest(text) for text in texts}
        if any(key not in self._known for key in keys.values()):
            self._take_in()
        return {text: self._known[key] for text, key in keys.items() if key in self._known}

    def put(self, texts: Sequence[str], steps_MD: Steps) -> None:
        """Keep the vectors of `texts`, all different."""
        if not texts:
            return
        rows = np.empty(len(texts), dtype=self._row)
        rows["digest"] = np.frombuffer(b"".join(map(digest, texts)), dtype=np.uint8).reshape(-1, 16)
        rows["vector"] = steps_MD
        try:
            self._write(rows)
            self._tidy()
        except OSError as error:
            raise UserError(
                f"{self.folder}: vectors cannot be kept there ({error.strerror or error}); choose another"
            ) from None

    def _write(self, rows: npt.NDArray[np.void]) -> Path:
        path = self.folder / f"{os.getpid()}-{secrets.token_hex(8)}.npy"
        with written_whole(path) as aside, aside.open("wb") as stream:
            np.save(stream, rows, allow_pickle=False)
        self._remember(path.name, rows)
        return path

    def _files(self) -> list[Path]:
        """Newest first; one that another process has removed meanwhile is left out."""
        found = []
        for path in self.folder.glob("*.npy"):
            with suppress(FileNotFoundError):
                found.append((path.stat().st_mtime_ns, path.name, path))
        return [path for *_, path in sorted(found, reverse=True)]

    def _take_in(self) -> None:
        for path in self._files():
            if len(self._known) >= self.most:
                return
            if path.name not in self._read:
                with suppress(OSError, ValueError, EOFError):
                    self._remember(path.name, self._load(path))
                self._read.add(path.name)

    def _load(self, path: Path) -> npt.NDArray[np.void]:
        rows = np.load(path, allow_pickle=False)
        if rows.dtype != self._row:
            raise ValueError(f"{path}: vectors of another width")
        return np.asarray(rows)

    def _remember(self, name: str, rows: npt.NDArray[np.void]) -> None:
        self._read.add(name)
        for key, steps in zip(rows["digest"], rows["vector"], strict=True):
            if len(self._known) >= self.most:
                return
            self._known.setdefault(key.tobytes(), steps)

    def _tidy(self) -> None:
        """Beyond MOST_FILES, one file in place of all; beyond `most` vectors, the oldest go.

        Who does it at the same time writes the same vectors twice, and loses none.
        """
        files = self._files()
        if len(files) <= MOST_FILES:
            return
        parts, seen, kept = [], set[bytes](), 0
        for path in files:
            with suppress(OSError, ValueError, EOFError):
                rows = self._load(path)
                new = []
                for place, key in enumerate(rows["digest"]):
                    if kept < self.most and key.tobytes() not in seen:
                        seen.add(key.tobytes())
                        new.append(place)
                        kept += 1
                parts.append(rows[new])
        if parts:
            self._write(np.concatenate(parts))
        for path in files:
            path.unlink(missing_ok=True)
        for aside in self.folder.glob(".*.npy.*.part"):
            remove_leftovers(self.folder / f"{aside.name[1:].partition('.npy')[0]}.npy")
