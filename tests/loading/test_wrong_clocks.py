"""The guard for campaigns does not trust a clock that is days ahead of the server's."""

from email.utils import formatdate

import pandas as pd
import pytest

import cio_frames as cio
from tests.faults import Answer, FaultServer
from tests.loading.helpers import load_rows as load

DAY = 86_400


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def server_at(seconds_from_here):
    """Return a server whose clock is ahead of this machine's."""

    def answer(request):
        return Answer(headers={"Date": formatdate(pd.Timestamp.now().timestamp() + seconds_from_here, usegmt=True)})

    return FaultServer(answer)


@pytest.mark.parametrize("ahead", [-3_600, 3_600])
def test_a_date_to_retry_after_is_read_by_the_clock_of_the_server(ahead):
    def answer(request):
        if request.number:
            return Answer()
        now = pd.Timestamp.now().timestamp() + ahead
        dates = {"Date": formatdate(now, usegmt=True), "Retry-After": formatdate(now + 2, usegmt=True)}
        return Answer(429, headers=dates)

    with FaultServer(answer) as server:
        client = cio.Client(write_key="k", endpoint=server.url)
        assert load([seen(1)], client).statuses == {"delivered": 1}
        first, second = server.received
    assert second.arrived - first.arrived >= 2


def seen(rows, first=0):
    ids = [f"u{row}" for row in range(first, first + rows)]
    return pd.DataFrame({"user_id": ids, "timestamp": "2020-01-01"})


def test_a_clock_that_is_days_ahead_stops_a_load_of_events_after_the_first_answer():
    with server_at(-4 * DAY) as server:
        client = cio.Client(write_key="k", endpoint=server.url, workers=1)
        with pytest.raises(
            cio.DeliveryError, match=r"clock is 4 days ahead of the server's.* allow_campaigns=True"
        ) as error:
            load([seen(10), seen(10, 10)], client, call="track", event="Seen")
        assert len(server.received) == 1
    assert error.value.result.statuses == {"delivered": 10, "unsent": 10}


@pytest.mark.parametrize(
    ("call", "options", "ahead"),
    [
        ("track", {"event": "Seen", "allow_campaigns": True}, -4 * DAY),
        ("identify", {}, -4 * DAY),
        ("track", {"event": "Seen"}, -DAY // 2),
        # Then the guard asks too often, which does no harm.
        ("track", {"event": "Seen"}, 4 * DAY),
    ],
)
def test_a_clock_that_does_no_harm_stops_nothing(call, options, ahead):
    with server_at(ahead) as server:
        client = cio.Client(write_key="k", endpoint=server.url, workers=1)
        assert load([seen(5)], client, call=call, **options).statuses == {"delivered": 5}


@pytest.mark.parametrize("date", ["soon", "", "Thu, 99 Jan 1970 00:00:00 GMT"])
def test_a_date_that_cannot_be_read_stops_nothing(date):
    with FaultServer([Answer(headers={"Date": date})]) as server:
        client = cio.Client(write_key="k", endpoint=server.url)
        assert load([seen(5)], client, call="track", event="Seen").statuses == {"delivered": 5}


def test_a_clock_that_is_days_ahead_stops_a_frame_of_events_too():
    with server_at(-4 * DAY) as server:
        client = cio.Client(write_key="k", endpoint=server.url, workers=1)
        with pytest.raises(cio.DeliveryError, match="clock is 4 days ahead") as error:
            seen(5).cio.track("Seen", client=client)
        assert error.value.result["status"].tolist() == ["delivered"] * 5
        seen(5).cio.track("Seen", client=client, allow_campaigns=True)
