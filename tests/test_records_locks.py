"""A directory that one process at a time works in."""

from pathlib import Path

import pytest

from records.errors import UserError
from records.locks import held


def test_one_at_a_time(tmp_path: Path) -> None:
    place = tmp_path / "a" / "run"
    told = r"/a/run: another run is at work there; wait$"
    with held(place, "wait"), pytest.raises(UserError, match=told), held(place, "wait"):
        pass
    with held(place, "wait"):  # it was let go of
        assert place.is_dir()


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = r"/file/run: cannot be made \(.*\); choose another path$"
    with pytest.raises(UserError, match=told), held(tmp_path / "file" / "run", "wait"):
        pass
