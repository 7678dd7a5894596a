"""Pseudonyms depend on id and key alone, and the key is never shown."""

import hashlib
import hmac
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.errors import UserError
from semantize.privacy import pseudonyms as module
from semantize.privacy.pseudonyms import load_key, pseudonyms

KEY = b"6f1c2a9be07d4835a1b2c3d4e5f60718293a4b5c6d7e8f901122334455667788"
IDS = st.lists(st.text(st.characters()))  # lone surrogates too


def key_file(directory: Path, content: bytes, mode: int = 0o600) -> Path:
    path = directory / "key"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_pseudonym_is_the_same_wherever_the_key_is() -> None:
    assert pseudonyms(["ann", "bob", "ann"], KEY) == [
        "uzzz6or5nyncp3evp",
        "uplr3mecnz3drsf7o",
        "uzzz6or5nyncp3evp",
    ]


def test_a_pseudonym_is_eighty_bits_of_an_hmac() -> None:
    digest = hmac.new(KEY, "ännchen".encode(), hashlib.sha256).digest()
    (name,) = pseudonyms(["ännchen"], KEY)
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    number = 0
    for letter in name[1:]:
        number = number * 32 + letters.index(letter)
    assert number.to_bytes(10, "big") == digest[:10]


@given(IDS)
def test_equal_ids_alone_have_equal_pseudonyms(ids: list[str]) -> None:
    names = pseudonyms(ids, KEY)
    assert len(names) == len(ids)
    assert len(set(names)) == len(set(ids))
    assert dict(zip(ids, names, strict=True)) == {user_id: pseudonyms([user_id], KEY)[0] for user_id in ids}
    assert all(re.fullmatch("u[a-z2-7]{16}", name) for name in names)


@given(IDS.filter(bool))
def test_another_key_gives_other_pseudonyms(ids: list[str]) -> None:
    assert not set(pseudonyms(ids, KEY)) & set(pseudonyms(ids, KEY[::-1]))


def test_ids_that_collide_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DIGEST_BYTES", 1)
    with pytest.raises(UserError, match="share a pseudonym.*use another key") as refused:
        pseudonyms([str(number) for number in range(257)], KEY)
    assert KEY.decode() not in str(refused.value)


@pytest.mark.parametrize(
    "content", [KEY, KEY + b"\n", b" \n" + KEY + b"\r\n"], ids=["bare", "line", "white space"]
)
@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640])
def test_a_key_is_what_its_file_holds(tmp_path: Path, content: bytes, mode: int) -> None:
    assert load_key(key_file(tmp_path, content, mode)) == KEY


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (b"", 0o600, "at least 32 random bytes; make one: .*openssl rand -hex 32 > "),
        (b"\n" * 64, 0o600, "at least 32 random bytes"),
        (KEY[:31], 0o600, "at least 32 random bytes"),
        (b"ab" * 32, 0o600, "at least 32 random bytes"),
        (KEY * 65, 0o600, "more than 4096 bytes are no key"),
        (KEY, 0o604, "everybody on this machine may use the key; run: chmod o= "),
        (KEY, 0o602, "everybody on this machine may use the key"),
    ],
)
def test_no_key(tmp_path: Path, content: bytes, mode: int, message: str) -> None:
    path = key_file(tmp_path, content, mode)
    with pytest.raises(UserError, match=message) as refused:
        load_key(path)
    shown = str(refused.value)
    assert shown.startswith(f"{path}: ")
    assert "\n" not in shown
    assert KEY[:31].decode() not in shown
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("name", ["nothing", "."])
def test_no_key_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="no key can be read there .*openssl rand -hex 32"):
        load_key(tmp_path / name)
