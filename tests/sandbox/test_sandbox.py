import json
import socket
import sqlite3
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from cio_frames.errors import ConfigurationError
from cio_frames.sandbox import Sandbox

TRACK = {"type": "track", "messageId": "m1", "userId": "7", "event": "Order Completed"}


def post(sandbox, path, body, *, strict=False, key="sandbox"):
    headers = {"X-Strict-Mode": "1"} if strict else {}
    return requests.post(f"{sandbox.url}{path}", json=body, auth=(key, ""), headers=headers, timeout=5)


def test_inside_the_with_block_it_answers_and_after_it_does_not():
    with Sandbox() as sandbox:
        assert post(sandbox, "/v1/track", TRACK).status_code == 200
    with pytest.raises(requests.ConnectionError):
        post(sandbox, "/v1/track", TRACK)


def test_the_frames_outlive_the_server():
    with Sandbox() as sandbox:
        post(sandbox, "/v1/track", TRACK)
    assert sandbox.calls()["messageId"].tolist() == ["m1"]


def test_started_again_it_keeps_its_port_and_what_it_received():
    sandbox = Sandbox().start()
    first = sandbox.url
    post(sandbox, "/v1/track", TRACK)
    sandbox.stop()
    with sandbox:
        assert sandbox.url == first
        post(sandbox, "/v1/track", TRACK)
    assert sandbox.calls()["request"].tolist() == [0, 1]


def test_starting_twice_and_stopping_twice_change_nothing():
    sandbox = Sandbox().start()
    url = sandbox.url
    assert sandbox.start().url == url
    sandbox.stop()
    sandbox.stop()


def test_two_run_side_by_side_and_do_not_mix():
    with Sandbox() as one, Sandbox() as other:
        post(one, "/v1/track", TRACK)
    assert (len(one.calls()), len(other.calls())) == (1, 0)


def test_stop_leaves_no_thread_behind():
    with Sandbox():
        pass
    assert [thread.name for thread in threading.enumerate() if "sandbox" in thread.name] == []


def test_stop_lets_a_request_that_has_begun_finish():
    sandbox = Sandbox().start()
    with socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2])), timeout=5) as wire:
        body = json.dumps(TRACK).encode()
        wire.sendall(
            b"POST /v1/track HTTP/1.1\r\nHost: x\r\nAuthorization: Basic c2FuZGJveDo=\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        )
        wire.sendall(body[:5])
        # Only a server that has read the head knows that a request has begun.
        requests.get(sandbox.url, timeout=5)
        ending = threading.Thread(target=sandbox.stop)
        ending.start()
        wire.sendall(body[5:])
        assert wire.recv(100).startswith(b"HTTP/1.1 200")
        ending.join()
    assert sandbox.calls()["messageId"].tolist() == ["m1"]


def test_a_client_that_hangs_up_halfway_leaves_nothing_and_no_noise(capfd, caplog):
    with Sandbox() as sandbox:
        with socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2])), timeout=5) as wire:
            wire.sendall(b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        post(sandbox, "/v1/track", TRACK)
    assert sandbox.requests()["calls"].tolist() == [1]
    assert (capfd.readouterr(), caplog.text) == (("", ""), "")


def test_a_port_that_is_taken_is_named():
    with Sandbox() as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with pytest.raises(ConfigurationError, match=rf"port {port} of 127\.0\.0\.1: Address already in use"):
            Sandbox(port=port).start()


def test_a_port_that_is_given_is_used():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with Sandbox(port=port) as sandbox:
        assert sandbox.url == f"http://127.0.0.1:{port}"


def test_before_it_starts_there_is_no_url():
    with pytest.raises(ConfigurationError, match="with Sandbox"):
        _ = Sandbox().url


def test_a_connection_that_is_kept_is_answered_at_once():
    with Sandbox() as sandbox, requests.Session() as session:
        session.auth = ("sandbox", "")
        waits = [session.post(f"{sandbox.url}/v1/track", json=TRACK, timeout=5).elapsed for _ in range(21)]
    assert sorted(waits)[10].total_seconds() < 0.03


def test_its_repr_shows_where_it_is_and_no_key():
    with Sandbox(write_key="a-secret") as sandbox:
        assert repr(sandbox) == f"<Sandbox at {sandbox.url}>"
    assert repr(sandbox) == f"<Sandbox stopped, {sandbox.url}>"
    assert "a-secret" not in repr(vars(sandbox))


def test_its_client_is_ready_to_send_here():
    with Sandbox(write_key="a-secret") as sandbox:
        client = sandbox.client
        assert (client.write_key, client.endpoint) == ("a-secret", sandbox.url)


@pytest.mark.parametrize("package", ["starlette", "uvicorn"])
def test_without_its_packages_it_says_what_to_install(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigurationError, match=rf"needs {package}.*pip install 'cio-frames\[sandbox\]'"):
        Sandbox()


@pytest.mark.parametrize("option", ["batch_errors", "error_body"])
def test_an_unknown_option_is_refused_with_the_known_ones(option):
    with pytest.raises(ConfigurationError, match=f"{option}='half' is unknown; pass one of '"):
        Sandbox(**{option: "half"})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.test"])
def test_a_host_that_others_can_reach_draws_a_warning(host):
    with pytest.warns(UserWarning, match="other machines can reach it"):
        Sandbox(host=host)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "::1"])
def test_this_machine_draws_none(host):
    Sandbox(host=host)


def test_on_every_interface_its_url_is_one_that_can_be_dialled():
    with pytest.warns(UserWarning, match="other machines"):
        sandbox = Sandbox(host="0.0.0.0")
    with sandbox:
        assert sandbox.url.startswith("http://127.0.0.1:")
        assert post(sandbox, "/v1/track", TRACK).status_code == 200


def test_a_file_keeps_everything_across_restarts(tmp_path):
    file = tmp_path / "received.db"
    with Sandbox(db=file) as first:
        post(first, "/v1/track", TRACK)
        post(first, "/v1/track", {})
    with Sandbox(db=file) as second:
        post(second, "/v1/track", TRACK | {"messageId": "m2"})
    assert second.calls()["messageId"].tolist() == ["m1", "m2"]
    assert second.calls()["request"].tolist() == [0, 2]
    assert second.problems()["request"].tolist() == [1]


def test_two_on_one_file_lose_nothing_and_each_shows_all(tmp_path):
    first, second = Sandbox(db=tmp_path / "calls.db"), Sandbox(db=tmp_path / "calls.db")
    with first, second, ThreadPoolExecutor(4) as pool:
        sends = [
            pool.submit(
                post, sandbox, "/v1/track", TRACK | {"userId": f"{place}-{number}", "messageId": f"{place}-{number}"}
            )
            for number in range(50)
            for place, sandbox in enumerate([first, second])
        ]
        assert {sent.result().status_code for sent in sends} == {200}
        expected = {f"{place}-{number}" for number in range(50) for place in range(2)}
        for sandbox in (first, second):
            assert set(sandbox.calls()["messageId"]) == set(sandbox.people()["userId"]) == expected
            assert sandbox.requests()["number"].tolist() == list(range(100))


def test_what_one_did_to_a_person_the_other_one_on_the_file_knows(tmp_path):
    first, second = Sandbox(db=tmp_path / "calls.db"), Sandbox(db=tmp_path / "calls.db")
    with first, second:
        post(first, "/v1/identify", {"userId": "7"})
        assert len(first.people()) == 1
        post(second, "/v1/track", {"userId": "7", "event": "User Deleted"})
        assert len(second.people()) == 0
        post(first, "/v1/identify", {"userId": "7", "traits": {"plan": "pro"}})
        assert first.people()["traits"].tolist() == second.people()["traits"].tolist() == [{"plan": "pro"}]


def test_once_stopped_the_file_alone_holds_everything(tmp_path):
    with Sandbox(db=tmp_path / "received.db") as sandbox:
        post(sandbox, "/v1/track", TRACK)
    copy = tmp_path / "copy.db"
    copy.write_bytes((tmp_path / "received.db").read_bytes())
    assert Sandbox(db=copy).calls()["messageId"].tolist() == ["m1"]


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("not a database, and long enough to be told from one" * 30)
    with pytest.raises(ConfigurationError, match=r"notes\.txt.*file is not a database"):
        Sandbox(db=tmp_path / "notes.txt")


def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path):
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.execute("CREATE TABLE orders (id)")
    connection.close()
    before = (tmp_path / "shop.db").read_bytes()
    with pytest.raises(ConfigurationError, match=r"shop\.db.*holds something else"):
        Sandbox(db=tmp_path / "shop.db")
    assert (tmp_path / "shop.db").read_bytes() == before


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="unable to open database file"):
        Sandbox(db=tmp_path / "nowhere" / "received.db")


def test_what_was_answered_can_be_read_from_any_thread_while_others_send():
    with Sandbox() as sandbox:

        def send(name):
            for number in range(10):
                assert post(sandbox, "/v1/identify", {"userId": f"{name}{number}"}).status_code == 200
                assert f"{name}{number}" in set(sandbox.people()["userId"])

        senders = [threading.Thread(target=send, args=(name,)) for name in "abcd"]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    assert len(sandbox.calls()) == 40
    assert sandbox.calls()["request"].tolist() == list(range(40))


def test_nothing_of_a_call_or_key_goes_to_the_logs(capfd, caplog):
    with Sandbox() as sandbox:
        post(sandbox, "/v1/track", {"userId": "jane@example.test"}, key="a-secret")
        post(sandbox, "/v1/track", {"userId": "jane@example.test"}, strict=True)
    assert (capfd.readouterr(), caplog.text) == (("", ""), "")
