"""Which Ray is joined, and what is said where nobody answers."""

import pytest

from actors import cluster
from actors.cluster import check_address
from records.errors import UserError


def test_an_address_that_a_crashed_ray_left_behind_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "canonicalize_bootstrap_address_or_die", lambda address: "127.0.0.1:1")
    told = r"^Ray address '127\.0\.0\.1:1': nobody answers .*\('auto' found it; `ray stop` forgets it\)$"
    with pytest.raises(UserError, match=told):
        check_address("auto")


def test_without_any_ray_auto_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(address: str) -> str:
        raise ConnectionError("Could not find any running Ray instance")

    monkeypatch.setattr(cluster, "canonicalize_bootstrap_address_or_die", nothing)
    with pytest.raises(UserError, match="^Ray address 'auto': no Ray, or more than one, is found"):
        check_address("auto")


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1", "http://127.0.0.1:none"])
def test_an_address_has_a_port(address: str) -> None:
    with pytest.raises(UserError, match="expected HOST:PORT"):
        check_address(address)
