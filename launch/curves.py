"""Curves of a run: TensorBoard files, live, and one JSON-lines file that the report reads."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from records.files import write_text


class RunLog:
    """Writes `tb/` and `curves.jsonl` of a stage's directory; a resumed stage drops what lies ahead of it."""

    def __init__(self, tb_directory: Path, curves: Path, first_step: int = 0) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(
            str(tb_directory), purge_step=first_step + 1 if first_step else 0, flush_secs=5
        )
        self.curves = curves
        kept = [row for row in read_curves(curves) if row["step"] <= first_step] if first_step else []
        write_text(curves, "".join(json.dumps(row) + "\n" for row in kept))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add one point to each named curve."""
        finite = {name: value for name, value in values.items() if math.isfinite(value)}
        for name, value in finite.items():
            self.writer.add_scalar(name, value, step)
        with self.curves.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **finite}) + "\n")

    def histogram(self, step: int, name: str, values: Sequence[float]) -> None:
        """Add a histogram of the finite `values`."""
        import numpy as np

        finite = np.array([value for value in values if math.isfinite(value)])
        if len(finite):
            self.writer.add_histogram(name, finite, step)

    def text(self, step: int, name: str, text: str) -> None:
        """Add a text as a code block: sampled text is data, not Markdown."""
        self.writer.add_text(name, "\n".join(f"    {line}" for line in text.splitlines()), step)

    def close(self) -> None:
        """Flush and close."""
        self.writer.close()


def read_curves(path: Path) -> list[dict[str, Any]]:
    """Rows of a curves file; a last line cut off by a kill is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows
