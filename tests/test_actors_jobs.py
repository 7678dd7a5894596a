"""Following a job's log over connections that drop."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from ray.job_submission import JobStatus

from actors import jobs


class FakeServer:
    """Each connection tells the log from its beginning, in pieces; a connection may break after them."""

    def __init__(self, *connections: tuple[list[str], bool, JobStatus]) -> None:
        self.connections = list(connections)
        self.status = JobStatus.RUNNING
        self.away = 1

    async def tail_job_logs(self, job: str) -> AsyncIterator[str]:
        pieces, breaks, self.status = self.connections.pop(0)
        for piece in pieces:
            yield piece
        if breaks:
            raise RuntimeError("WebSocket connection closed unexpectedly with close code 1006")

    def get_job_status(self, job: str) -> JobStatus:
        self.away -= 1
        if self.away >= 0:
            raise ConnectionError("Failed to connect to Ray")
        return self.status


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "RETRY_S", 0.0)
    monkeypatch.setattr(jobs, "_check_server", lambda address: None)


def _follow(server: Any) -> None:
    jobs._follow(server, "job", "http://127.0.0.1:8265")


def test_a_dropped_connection_is_taken_up_where_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    server = FakeServer(
        (["one\n", "tw"], True, JobStatus.RUNNING),
        ([], True, JobStatus.RUNNING),
        (["one\ntwo\nth"], False, JobStatus.RUNNING),
        (["on", "e\ntwo\nthree\n"], False, JobStatus.SUCCEEDED),
        (["one\ntwo\nthree\n"], False, JobStatus.SUCCEEDED),
    )
    _follow(server)
    assert capsys.readouterr().out == "one\ntwo\nthree\n"
    assert not server.connections


def test_what_a_job_said_last_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    server = FakeServer((["one\n"], True, JobStatus.SUCCEEDED), (["one\nend\n"], False, JobStatus.SUCCEEDED))
    _follow(server)
    assert capsys.readouterr().out == "one\nend\n"


def test_a_server_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "SILENCE_S", 0.0)
    server = FakeServer()
    server.away = 10**9
    with pytest.raises(ConnectionError, match="Failed to connect"):
        _follow(server)
