"""Text files, compressed or not, as a stream of bounded blocks."""

import codecs
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import polars as pl
import pyarrow as pa

from records.errors import UserError

COMPRESSED = (".gz", ".zst", ".zstd")
_MAX_LINE_BYTES = 256 << 20
_BLOCK_BYTES = 2 << 20  # the text, its lines and their columns should stay in the processor's cache


def text_blocks(path: Path) -> Iterator[str]:
    """The text of a file in order, cut at line ends into blocks of some 2 MB (one line is never cut).

    A byte order mark is left out. Undecodable bytes become U+FFFD: a Latin-1 pound sign must not cost a row.
    Raises UserError for UTF-16 and endless lines, and OSError, EOFError or zlib.error for a file that is
    damaged or cut short.
    """
    with _open_bytes(path) as stream:
        for number, block in enumerate(_whole_lines(stream, path)):
            if number == 0 and block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise UserError(f"{path}: written in UTF-16; save it as UTF-8")
            yield block.decode("utf-8-sig" if number == 0 else "utf-8", errors="replace")


def split_lines(text: str) -> pl.Series:
    """The lines of `text`, which end in LF, CRLF or CR, without their ends."""
    if "\r" in text and text.count("\r") != text.count("\r\n"):
        return pl.Series(lines_with_ends(text), dtype=pl.String).str.strip_chars_end("\r\n")
    lines = pl.Series([text]).str.split("\n").explode().head(text.count("\n") + (not text.endswith("\n")))
    return lines.str.strip_chars_end("\r") if "\r" in text else lines


def lines_with_ends(text: str) -> list[str]:
    """The same lines with their ends, which a quoted CSV field may contain."""
    return list(io.StringIO(text, newline=""))


def _open_bytes(path: Path) -> IO[bytes]:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return cast(IO[bytes], gzip.open(path))
    if suffix in COMPRESSED:
        return cast(IO[bytes], pa.CompressedInputStream(pa.OSFile(str(path)), "zstd"))
    return path.open("rb")


def _whole_lines(stream: IO[bytes], path: Path) -> Iterator[bytes]:
    parts: list[bytes] = []
    while block := stream.read(_BLOCK_BYTES):
        # A \r at the very end may be half of \r\n.
        end = block.rfind(b"\n") + 1 or block.rfind(b"\r", 0, -1) + 1
        if end:
            yield b"".join([*parts, memoryview(block)[:end]])
            parts = [block[end:]]
        else:
            parts.append(block)
            if len(parts) * _BLOCK_BYTES > _MAX_LINE_BYTES:
                raise UserError(f"{path}: has a line of more than 256 MB; write one record a line")
    if any(parts):
        yield b"".join(parts)
