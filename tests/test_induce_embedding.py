"""Texts as vectors: the same whatever stands beside them, computed once, kept on disk whole."""

import multiprocessing
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from induce import embedding, vector_cache
from induce.embedding import SentenceEmbedder
from induce.vector_cache import STEP, VectorCache, from_steps, to_steps
from lm.sentences import SHIPPED
from records.errors import UserError

NAMES = [
    "Wet Wipes",
    "Milk Powder",
    "Camping Stove",
    "Tent (Outdoor)",
    "儿童奶粉",
    "Зимняя куртка",
    "",
]


@pytest.fixture(scope="module")
def embedder() -> SentenceEmbedder:
    return SentenceEmbedder()


def test_vectors_are_unit_and_tell_meanings(embedder: SentenceEmbedder) -> None:
    vectors = embedder(NAMES)
    assert vectors.shape == (len(NAMES), 384)
    assert vectors.dtype == np.float32
    # 384 numbers, each at most half a step off, move a length by less than this.
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=STEP / 2 * 384**0.5)
    wipes, milk, stove, tent = vectors[:4]
    assert stove @ tent > wipes @ tent + 0.1
    assert wipes @ milk > wipes @ tent


def test_company_and_order_move_nothing(embedder: SentenceEmbedder) -> None:
    many = NAMES + [f"{name} {number}" for name in NAMES for number in range(30)]
    together = embedder(many)
    backwards = embedder(many[::-1])[::-1]
    assert (together == backwards).all()
    for place in range(0, len(many), 17):
        assert (embedder([many[place]])[0] == together[place]).all()


def test_one_thread_embeds_and_others_stay_as_they_were(
    embedder: SentenceEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = torch.get_num_threads()
    encode, at_work, found = embedder._encoder.encode, set[int](), []

    def seen(*texts: Any, **options: Any) -> Any:
        at_work.add(torch.get_num_threads())
        return encode(*texts, **options)

    monkeypatch.setattr(embedder._encoder, "encode", seen)
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(embedder(NAMES))
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
    assert at_work == {1}
    assert (found[0] == found[1]).all()


def test_a_text_is_computed_once(tmp_path: Path) -> None:
    first = SentenceEmbedder(cache=tmp_path)
    vectors = first(["Tent", "Stove", "Tent"])
    assert first.computed == 2
    assert (vectors[0] == vectors[2]).all()
    first(["Stove"])
    assert first.computed == 2
    second = SentenceEmbedder(cache=tmp_path)
    assert (second(["Tent", "Stove", "Tent"]) == vectors).all()
    assert second.computed == 0
    assert second([]).shape == (0, 384)


class Five:
    """Stands in for a model whose config calls its width otherwise, or that ends in another one."""

    max_seq_length = 16

    def tokenizer(self, texts: list[str], **_: Any) -> dict[str, list[list[int]]]:
        return {"input_ids": [[1] for _ in texts]}

    def encode(self, texts: list[str], **_: Any) -> Any:
        return np.eye(5, dtype=np.float32)[[len(text) % 5 for text in texts]]

    def get_embedding_dimension(self) -> int:
        return 5


def test_the_model_is_asked_for_its_width_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"dim": 768}')
    monkeypatch.setattr(embedding, "load_encoder", lambda directory, device: Five())
    first = SentenceEmbedder(str(tmp_path / "model"), cache=tmp_path / "vectors")
    assert first(["Tent"]).tolist() == [[0, 0, 0, 0, 1]]
    monkeypatch.delattr(embedding, "load_encoder")
    again = SentenceEmbedder(str(tmp_path / "model"), cache=tmp_path / "vectors")
    assert (again.width, again(["Tent"]).shape, again([]).shape) == (5, (1, 5), (0, 5))


def test_a_very_long_text_has_a_vector(embedder: SentenceEmbedder) -> None:
    assert embedder(["tent " * 100_000]).shape == (1, 384)


def test_half_a_surrogate_pair_has_a_vector(embedder: SentenceEmbedder) -> None:
    assert (embedder(["tent \ud83d"]) == embedder(["tent ?"])).all()


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"induce.clusters.embeddings .*name one, or {SHIPPED}"):
        SentenceEmbedder(str(tmp_path))


def test_numbers_go_onto_the_grid_and_back() -> None:
    assert to_steps(np.array([-1, 0.00004, 0.12346], dtype=np.float32)).tolist() == [-10000, 0, 1235]
    np.testing.assert_allclose(from_steps(np.array([1235], dtype=np.int16)), [0.1235], rtol=1e-6)


def test_files_of_others_are_taken_in_and_damaged_ones_are_not(tmp_path: Path) -> None:
    mine, theirs = VectorCache(tmp_path, 2, 100), VectorCache(tmp_path, 2, 100)
    assert mine.get(["a", "b"]) == {}
    theirs.put(["a"], np.array([[1, 2]], dtype=np.int16))
    (tmp_path / "1-damaged.npy").write_bytes(b"\x93NUMPY half a file")
    VectorCache(tmp_path, 3, 100).put(["b"], np.array([[1, 2, 3]], dtype=np.int16))
    assert {text: row.tolist() for text, row in mine.get(["a", "b"]).items()} == {"a": [1, 2]}


def test_many_files_become_one_and_the_oldest_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_cache, "MOST_FILES", 4)
    for number in range(5):
        cache = VectorCache(tmp_path, 1, 3)
        left = tmp_path / f".{number}-killed.npy.{number}.part"
        left.write_bytes(b"half")
        os.utime(left, (0, 0))
        cache.put([str(number)], np.array([[number]], dtype=np.int16))
    assert not list(tmp_path.glob(".*.part"))
    assert len(list(tmp_path.glob("*.npy"))) == 1
    found = VectorCache(tmp_path, 1, 100).get([str(number) for number in range(5)])
    assert {text: int(row[0]) for text, row in found.items()} == {"2": 2, "3": 3, "4": 4}


def test_memory_is_bounded(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path, 1, 2)
    cache.put(["a", "b", "c"], np.zeros((3, 1), dtype=np.int16))
    assert len(cache.get(["a", "b", "c"])) == 2


def test_a_folder_that_takes_no_files_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file: vectors cannot be kept there"):
        VectorCache(tmp_path / "file", 1, 9).put(["a"], np.zeros((1, 1), dtype=np.int16))


def _write_many(folder: Path, first: int) -> None:
    vector_cache.MOST_FILES = 3
    cache = VectorCache(folder, 1, 10_000)
    for number in range(first, first + 30):
        cache.put([str(number)], np.array([[number]], dtype=np.int16))


def test_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("fork")
    writers = [spawn.Process(target=_write_many, args=(tmp_path, 20 * number)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    found = VectorCache(tmp_path, 1, 10_000).get([str(number) for number in range(90)])
    assert [int(found[str(number)][0]) for number in range(90)] == list(range(90))
