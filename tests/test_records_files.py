"""Digests of directories."""

from pathlib import Path

from records.files import directory_digest


def test_a_copy_has_the_same_digest_and_another_model_has_not(tmp_path: Path) -> None:
    for name in ("one", "copy", "other", "renamed"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "weights").write_bytes(b"12" if name == "other" else b"13")
        (tmp_path / name / ("b" if name == "renamed" else "a")).write_bytes(b"")
    (tmp_path / "copy" / "README.md").write_text("told about it")
    digests = [directory_digest(tmp_path / name) for name in ("one", "copy", "other", "renamed")]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
