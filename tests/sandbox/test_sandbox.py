import json
import os
import socket
import sqlite3
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest
import requests

import cio_frames  # noqa: F401 -- registers df.cio
from cio_frames.errors import ConfigurationError
from cio_frames.sandbox import Sandbox

TRACK = {"type": "track", "messageId": "m1", "userId": "7", "event": "Order Completed"}


def post(sandbox, path, body, *, strict=False, key="sandbox"):
    headers = {"X-Strict-Mode": "1"} if strict else {}
    return requests.post(f"{sandbox.url}{path}", json=body, auth=(key, ""), headers=headers, timeout=5)


def test_the_server_runs_within_the_with_block_only():
    with Sandbox() as sandbox:
        assert post(sandbox, "/v1/track", TRACK).status_code == 200
    with pytest.raises(requests.ConnectionError):
        post(sandbox, "/v1/track", TRACK)


def test_frames_are_readable_after_the_stop():
    with Sandbox() as sandbox:
        post(sandbox, "/v1/track", TRACK)
    assert sandbox.calls()["messageId"].tolist() == ["m1"]


def test_a_restarted_sandbox_keeps_its_port_and_its_calls():
    sandbox = Sandbox().start()
    first = sandbox.url
    post(sandbox, "/v1/track", TRACK)
    sandbox.stop()
    with sandbox:
        assert sandbox.url == first
        post(sandbox, "/v1/track", TRACK)
    assert sandbox.calls()["request"].tolist() == [0, 1]


def test_start_and_stop_are_idempotent():
    sandbox = Sandbox().start()
    url = sandbox.url
    assert sandbox.start().url == url
    sandbox.stop()
    sandbox.stop()


def test_two_sandboxes_are_independent():
    with Sandbox() as one, Sandbox() as other:
        post(one, "/v1/track", TRACK)
    assert (len(one.calls()), len(other.calls())) == (1, 0)


def test_stop_ends_all_threads():
    with Sandbox():
        pass
    assert [thread.name for thread in threading.enumerate() if "sandbox" in thread.name] == []


def test_stop_finishes_a_request_in_progress():
    sandbox = Sandbox().start()
    with socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2])), timeout=5) as wire:
        body = json.dumps(TRACK).encode()
        wire.sendall(
            b"POST /v1/track HTTP/1.1\r\nHost: x\r\nAuthorization: Basic c2FuZGJveDo=\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        )
        wire.sendall(body[:5])
        # After this response the server has read the head, so the request is in progress.
        requests.get(sandbox.url, timeout=5)
        ending = threading.Thread(target=sandbox.stop)
        ending.start()
        wire.sendall(body[5:])
        assert wire.recv(100).startswith(b"HTTP/1.1 200")
        ending.join()
    assert sandbox.calls()["messageId"].tolist() == ["m1"]


def test_a_client_that_disconnects_within_its_request_leaves_no_log_line(capfd, caplog):
    with Sandbox() as sandbox:
        with socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2])), timeout=5) as wire:
            wire.sendall(b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        post(sandbox, "/v1/track", TRACK)
    assert sandbox.requests()["calls"].tolist() == [1]
    assert (capfd.readouterr(), caplog.text) == (("", ""), "")


def test_a_port_in_use_is_named():
    with Sandbox() as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with pytest.raises(ConfigurationError, match=rf"port {port} of 127\.0\.0\.1: Address already in use"):
            Sandbox(port=port).start()


def test_the_port_option_is_used():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with Sandbox(port=port) as sandbox:
        assert sandbox.url == f"http://127.0.0.1:{port}"


def test_the_url_requires_a_start():
    with pytest.raises(ConfigurationError, match="with Sandbox"):
        _ = Sandbox().url


def test_the_repr_has_the_url_and_no_key():
    with Sandbox(write_key="a-secret") as sandbox:
        assert repr(sandbox) == f"<Sandbox at {sandbox.url}>"
    assert repr(sandbox) == f"<Sandbox stopped, {sandbox.url}>"
    assert "a-secret" not in repr(vars(sandbox))


def test_a_notebook_shows_counts_that_link_to_their_pages():
    with Sandbox(write_key="a-secret") as sandbox:
        assert "Sandbox: no requests yet" in sandbox._repr_html_()
        post(sandbox, "/v1/track", TRACK, key="a-secret")
        post(sandbox, "/v1/track", {"userId": "u1"}, key="a-secret")
        shown = sandbox._repr_html_()
    assert "Sandbox: 1 call accepted in 2 requests" in shown
    assert f'<a href="{sandbox.url}/people" target="_blank" rel="noopener"><strong>1</strong> people</a>' in shown
    assert f'<a href="{sandbox.url}" target="_blank" rel="noopener">{sandbox.url}</a>' in shown
    assert '<td>event: required value is missing</td><td class="number">1</td>' in shown
    assert "a-secret" not in shown
    stopped = sandbox._repr_html_()
    assert "Sandbox, stopped: 1 call accepted" in stopped
    assert "href" not in stopped


def test_a_notebook_shows_a_sandbox_that_was_never_started_or_has_no_state():
    assert "Sandbox, not started: no requests yet" in Sandbox()._repr_html_()
    with Sandbox(state=False) as sandbox:
        post(sandbox, "/v1/track", TRACK)
        shown = sandbox._repr_html_()
    assert "As frames: sandbox.calls(), sandbox.problems()." in shown
    assert "/people" not in shown


def test_a_notebook_shows_received_names_as_text():
    with Sandbox() as sandbox:
        post(sandbox, "/v1/track", {**TRACK, "event": "<img src=x>"})
        assert "<img" not in sandbox._repr_html_()


def test_the_client_starts_a_sandbox_that_did_not_run_before():
    sandbox = Sandbox()
    client = sandbox.client
    pd.DataFrame({"user_id": ["ada"]}).cio.identify(client=client)
    assert sandbox.people()["userId"].tolist() == ["ada"]
    sandbox.stop()
    assert sandbox.client == client
    with pytest.raises(requests.ConnectionError):
        post(sandbox, "/v1/track", TRACK)


def test_the_client_has_url_and_key_of_the_sandbox():
    with Sandbox(write_key="a-secret") as sandbox:
        client = sandbox.client
        assert (client.write_key, client.endpoint) == ("a-secret", sandbox.url)


@pytest.mark.parametrize("package", ["starlette", "uvicorn"])
def test_a_missing_package_is_an_error_with_the_install_command(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigurationError, match=rf"requires {package}.*pip install 'cio-frames\[sandbox\]'"):
        Sandbox()


@pytest.mark.parametrize("option", ["batch_errors", "error_body"])
def test_an_invalid_option_value_is_an_error_that_lists_the_valid_ones(option):
    with pytest.raises(ConfigurationError, match=f"{option}= must be one of '.*, got 'half'"):
        Sandbox(**{option: "half"})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.test"])
def test_a_host_that_other_machines_reach_draws_a_warning(host):
    with pytest.warns(UserWarning, match="other machines can reach it"):
        Sandbox(host=host)


def test_the_warning_names_the_default_key_if_it_is_used():
    with pytest.warns(UserWarning, match=r"default write key is public; set another write key"):
        Sandbox(host="0.0.0.0")
    with pytest.warns(UserWarning, match="other machines can reach it") as caught:
        Sandbox("a-secret", host="0.0.0.0")
    assert "public" not in str(caught[0].message)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "::1"])
def test_a_loopback_host_draws_no_warning(host):
    Sandbox(host=host)


def test_the_url_of_a_sandbox_on_every_interface_is_a_loopback_address():
    with pytest.warns(UserWarning, match="other machines"):
        sandbox = Sandbox(host="0.0.0.0")
    with sandbox:
        assert sandbox.url.startswith("http://127.0.0.1:")
        assert post(sandbox, "/v1/track", TRACK).status_code == 200


def test_a_file_keeps_calls_and_problems_across_restarts(tmp_path):
    file = tmp_path / "received.db"
    with Sandbox(db=file) as first:
        post(first, "/v1/track", TRACK)
        post(first, "/v1/track", {})
    with Sandbox(db=file) as second:
        post(second, "/v1/track", TRACK | {"messageId": "m2"})
    assert second.calls()["messageId"].tolist() == ["m1", "m2"]
    assert second.calls()["request"].tolist() == [0, 2]
    assert second.problems()["request"].tolist() == [1]


def test_two_sandboxes_on_one_file_both_show_all_calls(tmp_path):
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


def test_two_sandboxes_on_one_file_share_their_people(tmp_path):
    first, second = Sandbox(db=tmp_path / "calls.db"), Sandbox(db=tmp_path / "calls.db")
    with first, second:
        post(first, "/v1/identify", {"userId": "7"})
        assert len(first.people()) == 1
        post(second, "/v1/track", {"userId": "7", "event": "User Deleted"})
        assert len(second.people()) == 0
        post(first, "/v1/identify", {"userId": "7", "traits": {"plan": "pro"}})
        assert first.people()["traits"].tolist() == second.people()["traits"].tolist() == [{"plan": "pro"}]


def test_after_the_stop_the_file_can_be_copied(tmp_path):
    with Sandbox(db=tmp_path / "received.db") as sandbox:
        post(sandbox, "/v1/track", TRACK)
    copy = tmp_path / "copy.db"
    copy.write_bytes((tmp_path / "received.db").read_bytes())
    assert Sandbox(db=copy).calls()["messageId"].tolist() == ["m1"]


def test_a_file_that_is_not_a_database_is_an_error(tmp_path):
    (tmp_path / "notes.txt").write_text("not a database, and long enough to be told from one" * 30)
    with pytest.raises(ConfigurationError, match=r"notes\.txt.*file is not a database"):
        Sandbox(db=tmp_path / "notes.txt")


def test_another_database_is_an_error_and_stays_unchanged(tmp_path):
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.execute("CREATE TABLE orders (id)")
    connection.close()
    before = (tmp_path / "shop.db").read_bytes()
    with pytest.raises(ConfigurationError, match=r"shop\.db.*is a SQLite database, but not a sandbox's"):
        Sandbox(db=tmp_path / "shop.db")
    assert (tmp_path / "shop.db").read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_a_new_file_is_readable_by_its_owner_only(tmp_path):
    with Sandbox(db=tmp_path / "received.db") as sandbox:
        post(sandbox, "/v1/track", TRACK)
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(["received.db", "received.db-wal", "received.db-shm"], 0o600)


def test_a_file_of_an_older_format_is_an_error_with_a_remedy(tmp_path):
    with Sandbox(db=tmp_path / "received.db"):
        pass
    connection = sqlite3.connect(tmp_path / "received.db")
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(ConfigurationError, match=r"unsupported format 2 .* Pass the path of a new file"):
        Sandbox(db=tmp_path / "received.db")


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(ConfigurationError, match="unable to open database file"):
        Sandbox(db=tmp_path / "nowhere" / "received.db")


def test_an_answered_call_is_readable_from_any_thread_while_others_send():
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


def test_neither_calls_nor_keys_are_logged(capfd, caplog):
    with Sandbox() as sandbox:
        post(sandbox, "/v1/track", {"userId": "jane@example.test"}, key="a-secret")
        post(sandbox, "/v1/track", {"userId": "jane@example.test"}, strict=True)
    assert (capfd.readouterr(), caplog.text) == (("", ""), "")


def test_a_sandbox_that_was_refused_has_a_repr():
    with pytest.raises(ConfigurationError) as caught:
        Sandbox(faults=["sometimes"])
    traceback.TracebackException.from_exception(caught.value, capture_locals=True)
