"""Exports over HTTP: whole or cut off, never held up by the loop, and given up when nobody wants them any longer."""

import threading
from collections.abc import Generator, Iterator
from http.client import HTTPConnection, IncompleteRead
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from dashboards import RunningDashboard
from loop_guard import on_loop

PATIENCE = 60


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDashboard]:
    with RunningDashboard({}, tmp_path_factory.mktemp("downloads")) as running:
        yield running


def test_a_file_comes_whole_and_is_made_beside_the_loop(dashboard: RunningDashboard) -> None:
    def pieces() -> Generator[bytes]:
        for number in range(5):
            assert not on_loop(), "a file was made on the server's loop"
            yield b"" if number == 2 else b"%d;" % number

    place = dashboard.services.offers.offer({"votes.csv": pieces})
    with urlopen(f"{dashboard.url}download/{place}/votes.csv", timeout=PATIENCE) as reply:
        assert reply.read() == b"0;1;3;4;"
        assert reply.headers["Content-Disposition"] == 'attachment; filename="votes.csv"'
        assert reply.headers["Cache-Control"] == "no-store"


class Endless:
    """A file without an end; `ended` is set once nobody makes it any longer."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def __call__(self) -> Generator[bytes]:
        try:
            while True:
                yield b"x" * 100_000
        finally:
            self.ended.set()


def test_who_leaves_gives_up_the_file_that_is_being_made(dashboard: RunningDashboard) -> None:
    endless = Endless()
    place = dashboard.services.offers.offer({"votes.csv": endless})
    with urlopen(f"{dashboard.url}download/{place}/votes.csv", timeout=PATIENCE) as reply:
        assert len(reply.read(500_000)) == 500_000
        dashboard.services.offers.withdraw(place)
        with pytest.raises((IncompleteRead, ConnectionError)):  # and not an end that looks like the file's
            while reply.read(1_000_000):
                pass
    assert endless.ended.wait(PATIENCE)


def test_a_browser_that_breaks_off_gives_it_up_too(dashboard: RunningDashboard) -> None:
    endless = Endless()
    place = dashboard.services.offers.offer({"votes.csv": endless})
    connection = HTTPConnection("localhost", dashboard.port, timeout=PATIENCE)
    connection.request("GET", f"/download/{place}/votes.csv")
    reply = connection.getresponse()
    assert len(reply.read(1000)) == 1000
    reply.close()
    connection.close()
    assert endless.ended.wait(PATIENCE)


def test_a_file_that_breaks_is_cut_off_and_logged(
    dashboard: RunningDashboard, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Generator[bytes]:
        yield b"x" * 100_000
        raise ValueError("no more")

    place = dashboard.services.offers.offer({"votes.csv": broken})
    with (
        urlopen(f"{dashboard.url}download/{place}/votes.csv", timeout=PATIENCE) as reply,
        pytest.raises((IncompleteRead, ConnectionError)),
    ):
        reply.read()
    assert "the file votes.csv could not be made" in caplog.text


@pytest.mark.parametrize("address", ["nowhere/votes.csv", "{place}/other.csv", "{place}/..%2fvotes.csv"])
def test_what_is_not_offered_is_not_there(dashboard: RunningDashboard, address: str) -> None:
    place = dashboard.services.offers.offer({"votes.csv": lambda: iter([b"x"])})
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{dashboard.url}download/{address.format(place=place)}", timeout=PATIENCE)
    with refused.value:
        assert refused.value.code == 404


def test_each_offer_has_a_place_of_its_own(dashboard: RunningDashboard) -> None:
    offers = dashboard.services.offers
    places = {offers.offer({"votes.csv": lambda: iter([b"x"])}) for _ in range(20)}
    assert len(places) == 20 and min(map(len, places)) >= 43
