"""The folder of a run: who may read it, and what is said if it cannot be used."""

import os
import stat

import pytest

import cio_frames as cio
from cio_frames.engines.store import RunStore
from tests.engines.helpers import run_locally, small_bodies, split_frame
from tests.engines.rows import repeated_orders
from tests.faults import Answer, FaultServer

ORDERS = repeated_orders(rows=600, people=60)
POSIX = pytest.mark.skipif(os.name != "posix", reason="modes of POSIX systems")


def modes_below(folder):
    return {
        kind: {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if check(path)}
        for kind, check in (("files", os.path.isfile), ("folders", os.path.isdir))
    }


@POSIX
@pytest.mark.parametrize("senders", [1, 2])
def test_files_of_a_run_are_private(sandbox, tmp_path, senders):
    frame = ORDERS.assign(customer=ORDERS["customer"].where(ORDERS["order"] % 10 != 0))
    tmp_path.chmod(0o755)
    run_locally(split_frame(frame, 2), tmp_path / "run", sandbox.client, senders=senders)
    assert modes_below(tmp_path) == {"files": {0o600}, "folders": {0o700}}


@POSIX
def test_files_in_a_folder_that_a_group_may_write_are_shared_with_it_whatever_the_umask(sandbox, tmp_path):
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o770)
    run_locally([ORDERS], folder, sandbox.client, senders=2)
    assert modes_below(folder) == {"files": {0o660}, "folders": {0o770}}


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("s3:/bucket/orders", r"output= is not a valid address: a slash is missing after s3:/\. Write s3://bucket/"),
        ("nonsense://bucket/orders", "Unsupported URL scheme 'nonsense://'"),
    ],
)
def test_an_address_that_is_misspelt_is_an_error_before_anything_is_staged(sandbox, address, message, tmp_path):
    with pytest.raises(cio.ConfigurationError, match=message):
        run_locally([ORDERS], address, sandbox.client)
    assert len(sandbox.requests()) == 0


def test_an_address_with_settings_names_files_before_them():
    store = RunStore.__new__(RunStore)
    store.is_local, store.root = False, "s3://bucket/orders/?region=eu-west-1"
    assert store.address("staged/a.parquet") == "s3://bucket/orders/staged/a.parquet?region=eu-west-1"


def break_folder(folder):
    """Put a file where the folder was, so that nothing can be written into it."""
    folder.rename(folder.with_name(f"{folder.name}-before"))
    folder.write_text("")


@pytest.mark.parametrize(("folder", "statuses_known"), [("answers", {"unknown"}), ("leaving", {"unsent", "delivered"})])
def test_a_store_that_cannot_be_written_ends_all_senders_and_the_error_has_the_result(tmp_path, folder, statuses_known):
    def break_at_the_sixth(request):
        if request.number == 5:
            break_folder(tmp_path / folder)
        return Answer(after_seconds=0.02)

    options = {"senders": 2, "buckets": 4}
    with FaultServer(break_at_the_sixth) as server:
        client = small_bodies(cio.Client(write_key="k", endpoint=server.url), workers=1)
        with pytest.raises(cio.ConfigurationError, match=r"Cannot use the folder .* of output=") as error:
            run_locally(split_frame(ORDERS, 2), tmp_path, client, **options)
        sent = [call["messageId"] for request in server.received for call in request.calls]
        statuses = error.value.result.statuses
        assert error.value.result.phase == "stopped"
        assert sum(statuses.values()) == len(ORDERS)
        assert statuses_known <= set(statuses)
        assert len(sent) <= statuses.get("unknown", 0) + statuses.get("delivered", 0)
        (tmp_path / folder).unlink()
        (tmp_path / f"{folder}-before").rename(tmp_path / folder)
    with FaultServer(port=server.port) as again:
        result, answers = run_locally(split_frame(ORDERS, 2), tmp_path, client, **options)
        later = [call["messageId"] for request in again.received for call in request.calls]
    assert result.statuses == {"delivered": len(ORDERS)}
    assert len({*sent, *later}) == len(ORDERS)
    assert set(sent) & set(later) <= set(answers.loc[answers["resent"], "message_id"])


def test_an_error_of_one_sender_ends_the_others_and_no_cell_is_in_its_text(tmp_path):
    def remove_a_bucket(request):
        if request.number == 2:
            for path in (tmp_path / "staged").glob("bucket-00000[23].parquet"):
                path.write_bytes(b"damaged")
        return Answer(after_seconds=0.02)

    with FaultServer(remove_a_bucket) as server:
        client = small_bodies(cio.Client(write_key="k", endpoint=server.url), workers=1)
        with pytest.raises(cio.CioFramesError) as error:
            run_locally(split_frame(ORDERS, 2), tmp_path, client, senders=2, buckets=8)
    assert error.value.result.statuses["unsent"] > 0
    assert sum(error.value.result.statuses.values()) == len(ORDERS)
    assert (tmp_path / "stop.json").exists()
