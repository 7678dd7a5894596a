"""Opening a folder for a log, and finishing it: which tasks are left, and what came of all of them."""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Record
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
from omegaconf import OmegaConf

from records.config import SemantizeConfig
from records.errors import UserError
from records.files import read_json, sweep, write_json, written_whole
from records.options import exactly, first_difference
from semantize.privacy.pseudonyms import load_key, pseudonyms
from semantize.reading.mapping import Mapping
from semantize.reading.quarantine import check_share
from semantize.reading.readers import LogReader
from semantize.refining.knowledge import fingerprint, read_knowledge
from semantize.store import (
    KNOWLEDGE,
    LLM,
    LOG,
    QUARANTINE,
    REFUSED,
    SETTINGS,
    SPILL,
    SUMMARY,
    finished_generations,
    generation_path,
    settings_of,
)

VERSION = 4
"""To be raised whenever the same settings come to give other bytes: two versions do not mix."""

_END_BYTES = 1 << 20
ROW_BYTES = 100
"""Bytes of text taken for a row where a log does not tell its rows, to choose the number of partitions."""
PACKED = 6
"""How many times larger a compressed text is taken to be than its file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a log is semantized with; `key_file` holds the key of pseudonyms, None keeps user ids."""

    config: SemantizeConfig
    mapping: Mapping | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A log in a folder: its number there, and the pieces and partitions that are still to be done."""

    out: Path
    number: int
    pieces: list[int]
    parts: list[int]
    partitions: int

    @property
    def path(self) -> Path:
        return generation_path(self.out, self.number)

    @property
    def is_finished(self) -> bool:
        return (self.path / SUMMARY).exists()


def open_log(source: str, job: Job, out: Path) -> Generation:
    """Settle the settings of `out` for the log `source`; a log begun there goes on.

    A log that was refused gives way to another, or to other settings.

    Raises:
        UserError: the log or its mapping is at fault, or `out` holds another log or other settings.
    """
    reader = LogReader(source, job.mapping)
    if job.key_file is not None:
        _check_private(reader.mapping)
    zone = job.config.timezone or reader.mapping.timezone
    job = replace(job, config=replace(job.config, timezone=zone))
    knowledge = read_knowledge(Path(job.config.knowledge)) if job.config.knowledge else None
    partitions = _partitions(reader, job.config)
    settings = _settings(job, partitions, knowledge)
    note = _log_note(reader, source, 0)
    if (out / SETTINGS).exists():
        refusal = _refusal(out, source, settings, note)
        if not refusal:
            return _todo(out, 0, reader)
        if not (generation_path(out, 0) / REFUSED).exists():
            raise UserError(refusal)
        (out / SETTINGS).unlink()
        (out / KNOWLEDGE).unlink(missing_ok=True)
        shutil.rmtree(generation_path(out, 0))
    elif out.exists() and any(not one.name.startswith(".") for one in out.iterdir()):
        raise UserError(f"{out}: is not empty and holds no semantized log; choose another folder")
    write_json(generation_path(out, 0) / LOG, note)
    if knowledge is not None:
        with written_whole(out / KNOWLEDGE) as aside:
            knowledge.write_parquet(aside)
    write_json(out / SETTINGS, settings)
    return _todo(out, 0, reader)


def _refusal(out: Path, source: str, settings: dict[str, Any], note: dict[str, Any]) -> str:
    """Why `out` cannot go on with this log and these settings; empty where it can."""
    old = settings_of(out)
    key = first_difference(old, settings | {"partitions": old["partitions"]})
    if key is not None:
        return (
            f"{out}: holds a log semantized with other settings ({key} differs, see {SETTINGS} there); "
            "choose another folder, or delete this one"
        )
    if not _same_log(read_json(generation_path(out, 0) / LOG), note):
        return (
            f"{out}: holds another log; choose another folder, or fold this one in with "
            f"`usergpt semantize update {out} {source}`"
        )
    return ""


def open_update(source: str, out: Path, key_file: Path | None) -> Generation:
    """A further log for a finished `out`, by its settings; one begun there goes on.

    A log that was refused gives way to another.

    Raises:
        UserError: the log is at fault, was folded in before, or `out` is not finished.
    """
    job = job_of(out, key_file)
    reader = LogReader(source, job.mapping)
    done = finished_generations(out)
    if not done:
        raise UserError(f"{out}: is not finished; run `usergpt semantize run` again first, it goes on")
    number = len(done)
    before = sum(read_json(generation_path(out, each) / SUMMARY)["rows"] for each in done)
    note = _log_note(reader, source, before)
    for each in done:
        if read_json(generation_path(out, each) / LOG)["files"] == note["files"]:
            raise UserError(f"{source}: was folded into {out} before")
    path = generation_path(out, number) / LOG
    if path.exists() and not _same_log(read_json(path), note):
        if not (path.parent / REFUSED).exists():
            raise UserError(
                f"{out}: another log is being folded in; run its update again first, it goes on, or delete "
                f"{path.parent}"
            )
        shutil.rmtree(path.parent)
    write_json(path, note)
    return _todo(out, number, reader)


def was_folded(source: str, out: Path) -> bool:
    """Whether a finished generation of `out` is of the very files of `source`.

    Raises:
        UserError: the log is at fault, or `out` holds none.
    """
    files = _log_note(LogReader(source, settled_job(out).mapping), source, 0)["files"]
    return any(
        read_json(generation_path(out, each) / LOG)["files"] == files for each in finished_generations(out)
    )


def settled_job(out: Path) -> Job:
    """The config and mapping that `out` was made with, without a key.

    Raises:
        UserError: the settings are of another version.
    """
    settings = settings_of(out)
    if settings.get("version") != VERSION:
        raise UserError(f"{out}: made by another version; semantize the log again")
    saved = settings["mapping"]
    mapping = None if saved is None else OmegaConf.to_object(OmegaConf.merge(Mapping, saved))
    assert mapping is None or isinstance(mapping, Mapping)
    return Job(config=exactly(SemantizeConfig, settings["config"]), mapping=mapping)


def job_of(out: Path, key_file: Path | None) -> Job:
    """The job that `out` was made with; `key_file` must hold the same key.

    Raises:
        UserError: the settings are of another version, or the key is missing, another or not needed.
    """
    job = settled_job(out)
    known = settings_of(out)["pseudonym_key"]
    if known and key_file is None:
        raise UserError(f"{out}: holds pseudonyms; give their key with --pseudonymize KEYFILE")
    if known != _fingerprint(key_file):
        raise UserError(f"{out}: {key_file} is not the key that its user ids were made with")
    return replace(job, key_file=key_file)


@contextmanager
def refusal_noted(generation: Generation) -> Iterator[None]:
    """Reading a log: where it is refused, another may take its place (see `open_log` and `open_update`)."""
    refused = generation.path / REFUSED
    try:
        yield
    except UserError:
        write_json(refused, {})
        raise
    refused.unlink(missing_ok=True)


def settle_quarantine(
    generation: Generation, reader: LogReader, side: pl.DataFrame, source: str, limit: float
) -> None:
    """Gather the rows that all pieces and the `side` table set aside, and refuse a log with too many.

    Raises:
        UserError: no row is usable, or more than the share `limit` are not.
    """
    notes = piece_notes(generation.path)
    path = generation.path / QUARANTINE
    found = sorted((generation.path / SPILL).glob("quarantine-*.parquet"))
    with written_whole(path) as aside:
        # As a stream: the log may have more such rows than memory holds.
        all_rows = pl.concat([side.lazy(), *(pl.scan_parquet(one, glob=False) for one in found)])
        all_rows.sink_parquet(aside)
    check_share(
        source,
        sum(note["rows"] for note in notes),
        _set_aside(generation.path),
        path,
        limit=limit,
        anonymous_ok=reader.mapping.anonymous_ok,
        filtered=sum(note["filtered"] for note in notes),
    )


def _set_aside(path: Path) -> dict[str, int]:
    """Rows in the quarantine of the generation at `path`, by reason."""
    reasons = pl.read_parquet(path / QUARANTINE, columns=["reason"], glob=False)["reason"]
    return dict(sorted(reasons.value_counts().iter_rows()))


def finish(generation: Generation) -> dict[str, Any]:
    """Write the summary of a generation all of whose tasks are done, and remove what they left."""
    path = generation.path
    if not generation.is_finished:
        summary = _summed(piece_notes(path))
        for part in range(generation.partitions):
            note = path / f"part-{part:05d}.json"
            if note.exists():
                summary = _summed([summary, read_json(note)])
        summary["quarantined"] = _set_aside(path)
        if (path / LLM).exists():
            summary["llm"] = read_json(path / LLM)
        write_json(path / SUMMARY, summary)
    shutil.rmtree(path / SPILL, ignore_errors=True)
    sweep(path)
    summary = read_json(path / SUMMARY)
    assert isinstance(summary, dict)
    return summary


def piece_notes(path: Path) -> list[dict[str, Any]]:
    """Notes of the pieces of the generation at `path`, in order."""
    return [read_json(note) for note in sorted((path / SPILL).glob("piece-*.json"))]


def _summed(notes: Sequence[Record[str, Any]]) -> dict[str, Any]:
    """Notes added up, key by key."""
    total: dict[str, Any] = {}
    for note in notes:
        for key, value in note.items():
            if isinstance(value, dict):
                total[key] = dict(Counter(total.get(key, {})) + Counter(value))
            elif isinstance(value, int):
                total[key] = total.get(key, 0) + value
    return total


def _todo(out: Path, number: int, reader: LogReader) -> Generation:
    path = generation_path(out, number)
    partitions = settings_of(out)["partitions"]
    finished = (path / SUMMARY).exists()
    pieces = [
        piece
        for piece in range(len(reader.pieces()))
        if not finished and not (path / SPILL / f"piece-{piece:05d}.json").exists()
    ]
    parts = [
        part for part in range(partitions) if not finished and not (path / f"part-{part:05d}.json").exists()
    ]
    return Generation(out=out, number=number, pieces=pieces, parts=parts, partitions=partitions)


def _partitions(reader: LogReader, config: SemantizeConfig) -> int:
    rows = sum(about_rows(file) for file in reader.files)
    return max(1, round(rows / config.partition_events))


def about_rows(file: Path) -> int:
    """Rows of a file: as Parquet tells them, else as its size lets guess."""
    if file.suffix.lower() == ".parquet":
        return pl.scan_parquet(file, glob=False).select(pl.len()).collect().item()  # type: ignore[no-any-return]
    packed = PACKED if file.suffix.lower() in (".gz", ".zst", ".zstd") else 1
    return packed * file.stat().st_size // ROW_BYTES


def _settings(job: Job, partitions: int, knowledge: pl.DataFrame | None) -> dict[str, Any]:
    config: Any = OmegaConf.to_container(OmegaConf.structured(job.config))
    config["knowledge"] = "" if knowledge is None else fingerprint(knowledge)  # what it says, not where it is
    del config["max_quarantine_share"]  # a log may be let through after a look
    settings = {
        "version": VERSION,
        "partitions": partitions,
        "pseudonym_key": _fingerprint(job.key_file),
        "config": config,
        "mapping": None if job.mapping is None else asdict(job.mapping),
    }
    return json.loads(json.dumps(settings))  # type: ignore[no-any-return]


def _check_private(mapping: Mapping) -> None:
    """Raise UserError where the mapping, which is kept in the folder, names users of the log."""
    tests = [one.column for one in mapping.overrides]
    tests += [one.column for one in mapping.where if not one.negate]
    if "user_id" in mapping.constants or mapping.columns["user_id"] in tests:
        raise UserError(
            f"--pseudonymize: the mapping, which {SETTINGS} keeps, names users in constants, overrides or "
            "where; put users in a column of the log, and filter the log before"
        )


def _fingerprint(key_file: Path | None) -> str:
    """What tells keys apart and gives none away: the pseudonym of an id that no user has."""
    return "" if key_file is None else pseudonyms(["\0key"], load_key(key_file))[0]


def _log_note(reader: LogReader, source: str, rows_before: int) -> dict[str, Any]:
    files = [[str(file.absolute()), file.stat().st_size, _ends(file)] for file in reader.files]
    return {"source": source, "rows_before": rows_before, "files": files}


def _ends(file: Path) -> str:
    """A digest of how a file begins and ends, which tells a mended one from what it was."""
    with file.open("rb") as opened:
        begin = opened.read(_END_BYTES)
        opened.seek(max(0, file.stat().st_size - _END_BYTES))
        return hashlib.blake2b(begin + opened.read(), digest_size=8).hexdigest()


def _same_log(one: Record[str, Any], other: Record[str, Any]) -> bool:
    """Whether two notes are of the same files, however they were named."""
    return all(one[key] == other[key] for key in ("rows_before", "files"))
