"""Spark frames: the same call, and the data source ``customerio``."""

import os
import signal
import threading
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import cio_frames as cio
from tests.engines.clusters import import_or_skip
from tests.engines.helpers import FAST, engine_run, small_bodies
from tests.engines.rows import people_out_of_order, repeated_orders

import_or_skip("pyspark", "spark")

ORDERS = repeated_orders(rows=2_000, people=150)
NAMES = {"user_id": "customer", "timestamp": "at"}
KEY = "wk-93b1c07d55e4"


@pytest.fixture(scope="module")
def frame(spark):
    # Spark has microseconds. Rows come in any order.
    orders = ORDERS.assign(at=ORDERS["at"].astype("datetime64[us, UTC]")).sample(frac=1, random_state=3)
    return spark.createDataFrame(orders).repartition(3).cache()


@pytest.fixture(scope="module")
def plain():
    return cio.track(ORDERS, "Order Placed", **NAMES, dry_run=True)


@pytest.fixture(scope="module")
def shared_sandbox():
    with cio.Sandbox(write_key=KEY, state=False) as sandbox:
        yield sandbox


@pytest.mark.parametrize("senders", [1, 2])
def test_answers_have_the_columns_that_are_kept_and_reading_them_sends_nothing(
    frame, plain, sandbox, tmp_path, senders
):
    import cio_frames.spark  # noqa: F401 -- adds sdf.cio

    client = small_bodies(sandbox.client)
    answers = frame.cio.track(
        "Order Placed", **NAMES, output=tmp_path, keep=["order"], senders=senders, buckets=4, client=client
    )
    calls = sandbox.calls()
    assert sorted(calls["messageId"]) == sorted(plain["message_id"])
    assert people_out_of_order(calls) == []
    assert answers.columns[:3] == ["order", "status", "reason"]
    assert answers.groupBy("status").count().collect() == [("delivered", len(ORDERS))]
    found = answers.toPandas()
    assert sorted(found["order"]) == sorted(ORDERS["order"])
    assert sorted(found["message_id"]) == sorted(plain["message_id"])
    again = cio.load(
        frame,
        "track",
        "Order Placed",
        **NAMES,
        output=tmp_path,
        keep="order",
        senders=senders,
        buckets=4,
        client=client,
    )
    assert again.statuses == {"delivered": len(ORDERS)}
    assert len(sandbox.calls()) == len(ORDERS)


def test_a_dry_run_and_a_report_count_the_whole_frame(frame, sandbox):
    found = cio.load(frame, "track", "Order Placed", **NAMES, dry_run=True)
    whole = cio.load(ORDERS, "track", "Order Placed", **NAMES, dry_run=True)
    for name in ("statuses", "bytes", "earliest", "latest", "recent"):
        assert getattr(found, name) == getattr(whole, name), name
    held_back = ORDERS.assign(customer=ORDERS["customer"].where(ORDERS["order"] % 7 != 0))
    same = cio.validate(held_back, "track", "Order Placed", **NAMES)
    columns = ["if(`order` % 7 = 0, null, customer) AS customer", "at", "total", "`order`"]
    report = cio.validate(frame.selectExpr(*columns), "track", "Order Placed", **NAMES)
    assert report.rows_held_back > 0
    assert (report.rows, report.rows_held_back) == (same.rows, same.rows_held_back)
    assert len(sandbox.requests()) == 0


def test_what_cannot_be_done_is_refused_before_a_job_runs(frame, sandbox, tmp_path):
    with pytest.raises(cio.FrameError, match="order_by= is required: the rows of a Spark frame have no order"):
        cio.identify(frame.drop("at"), user_id="customer", output=tmp_path, client=sandbox.client)
    with pytest.raises(cio.MissingColumnsError, match="'user_id'"):
        cio.delete_people(frame, confirm=1, output=tmp_path, client=sandbox.client)
    with pytest.raises(cio.FrameError, match="output= is required for a Spark frame"):
        cio.track(frame, "Order Placed", **NAMES, client=sandbox.client)
    with pytest.raises(
        cio.FrameError, match=r"cio\.sync is not supported for Spark frames.*sdf\.write\.parquet\('people"
    ):
        cio.sync(frame, "identify", user_id="customer", state=tmp_path / "s.sqlite", client=sandbox.client)
    assert len(sandbox.requests()) == 0
    assert not list(tmp_path.iterdir())


def test_other_calls_and_operations_have_answers_that_can_be_counted(spark, sandbox, tmp_path, capsys):
    rows = [(f"u{number}", "acme", number) for number in range(5)] + [("u5", None, 5)]
    people = spark.createDataFrame(rows, "user_id string, group_id string, n int").coalesce(2)
    options = {"order_by": "n", "client": sandbox.client}
    answers = cio.group(people, output=tmp_path / "group", progress=True, **options)
    assert "group: 5 delivered, 1 invalid; see " in capsys.readouterr().err
    assert cio.summary(answers).line == "5 delivered, 1 invalid"
    assert answers.attrs["cio"]["as_of"]
    with pytest.raises(cio.UndeliveredError, match="1 of 6 rows were not delivered"):
        cio.raise_for_status(answers)
    whole = people.filter("group_id is not null").select("user_id", "n")
    with pytest.raises(cio.FrameError, match="delete_people affects 5 rows, and confirm=4 does not match"):
        cio.delete_people(whole, confirm=4, output=tmp_path / "delete", **options)
    deleted = cio.delete_people(whole, confirm=5, output=tmp_path / "delete", **options)
    assert cio.raise_for_status(deleted) is deleted
    assert sandbox.calls()["type"].value_counts().to_dict() == {"group": 5, "track": 5}


def test_names_that_spark_takes_for_expressions_and_frames_without_rows(spark, sandbox, tmp_path):
    rows = [("u1", 1, 2.5, 3), ("u2", 2, 3.5, 4)]
    people = spark.createDataFrame(rows, "`user.id` string, `n.n` int, `to``tal` double, `N.n` int").coalesce(1)
    options = {"user_id": "user.id", "order_by": "n.n", "keep": ["to`tal", "n.n"], "client": sandbox.client}
    answers = cio.identify(people, output=tmp_path / "a", **options)
    assert sorted(answers.toPandas()["n.n"]) == [1, 2]
    assert cio.identify(people, dry_run=True, **options).columns[:2] == ["to`tal", "n.n"]
    assert sandbox.calls().sort_values("userId")["traits"].tolist() == [
        {"n": {"n": 1}, "to`tal": 2.5, "N": {"n": 3}}, {"n": {"n": 2}, "to`tal": 3.5, "N": {"n": 4}},
    ]  # fmt: skip
    nobody = people.filter("`user.id` = 'nobody'")
    result = cio.load(nobody, "identify", output=tmp_path / "b", **options)
    assert (result.phase, result.rows) == ("done", 0)
    assert cio.identify(nobody, output=tmp_path / "b", **options).count() == 0


def test_frames_that_cannot_be_sent_are_refused_before_a_job_runs(spark, sandbox, tmp_path):
    def load(frame, **given):
        options = {"user_id": "value", "order_by": "value", "client": sandbox.client, "output": tmp_path}
        return cio.load(frame, "identify", **{**options, **given})

    stream = spark.readStream.format("rate").load()
    with pytest.raises(cio.FrameError, match=r"df is a streaming Spark frame, which has no end.*foreachBatch"):
        load(stream)
    value = spark.range(2).selectExpr("id AS value", "interval '1' month AS every", "map('a', 1) AS m")
    with pytest.raises(cio.FrameError, match="Column 'every' has the type interval month"):
        load(value)
    with pytest.raises(cio.FrameError, match="keep='m' is a column of maps, which answers cannot repeat"):
        load(value.drop("every"), keep="m")
    with pytest.raises(cio.FrameError, match="Column 'value' occurs twice"):
        load(value.select("value", "value"))
    assert not list(tmp_path.iterdir())


def write(frame, sandbox, output, **options):
    given = {"call": "track", "event": "Order Placed", **NAMES, "output": str(output), "endpoint": sandbox.url}
    writer = frame.write.format("customerio").mode("append")
    for name, value in {**given, "write_key": KEY, "keep": "order", "buckets": "4", **options}.items():
        writer = writer.option(name, value)
    writer.save()


def test_to_write_is_to_stage_and_to_commit_is_to_load(spark, frame, plain, sandbox, tmp_path):
    write(frame, sandbox, tmp_path / "run")
    calls = sandbox.calls()
    assert sorted(calls["messageId"]) == sorted(plain["message_id"])
    assert people_out_of_order(calls) == []
    answers = spark.read.parquet(str(tmp_path / "run/answers"))
    assert answers.select("order", "status").filter("status = 'delivered'").count() == len(ORDERS)
    write(frame, sandbox, tmp_path / "run")
    assert len(sandbox.calls()) == len(ORDERS)


def test_a_write_that_fails_sends_nothing(frame, sandbox, tmp_path):
    broken = frame.selectExpr("customer", "at", "`order`", "if(`order` = 7, raise_error('broken'), total) AS total")
    with pytest.raises(Exception, match="broken"):
        write(broken, sandbox, tmp_path / "a")
    with pytest.raises(Exception, match="overwrite"):
        frame.write.format("customerio").mode("overwrite").option("call", "track").save()
    with pytest.raises(Exception, match="option 'output' is required for a Spark frame"):
        frame.write.format("customerio").mode("append").option("call", "page").option("user_id", "customer").option(
            "timestamp", "at"
        ).option("write_key", KEY).save()
    assert len(sandbox.requests()) == 0


def test_the_write_key_is_on_no_page_of_spark_and_in_no_event_log(spark, frame):
    """Runs after the others, which have used the key in every way."""
    texts = [path.read_bytes() for path in spark.event_folder.rglob("*") if path.is_file()]
    assert sum(map(len, texts)) > 10_000
    root = spark.sparkContext.uiWebUrl
    application = spark.sparkContext.applicationId
    pages = ["/jobs/", "/SQL/", "/environment/", "/stages/", f"/api/v1/applications/{application}/sql?details=true"]
    pages.append(f"/api/v1/applications/{application}/environment")
    for page in pages:
        with urllib.request.urlopen(root + page, timeout=30) as answer:  # noqa: S310 -- of the session's own page
            texts.append(answer.read())
    assert not any(KEY.encode() in text for text in texts)


def executors_of(session):
    """Return the executors of a session: Java programs of the cluster on this machine."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if b"CoarseGrainedExecutorBackend" in command and session.sparkContext.applicationId.encode() in command:
            found.append(int(entry.name))
    return found


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="finds executors in /proc")
def test_an_executor_that_is_killed_loses_nothing_and_rows_that_go_twice_are_marked(spark, frame, plain, tmp_path):
    """Runs last, since an executor has to start again."""
    killed = []
    with cio.Sandbox(latency_seconds=0.1, state=False) as sandbox:

        def kill():
            until = time.monotonic() + 120
            while len(sandbox.requests()) < 5 and time.monotonic() < until:
                time.sleep(0.02)
            killed.extend(executors_of(spark)[:1])
            os.kill(killed[0], signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        client = small_bodies(sandbox.client, workers=1)
        run = engine_run(
            frame, tmp_path, client, senders=2, buckets=4, keep="order", tuning=replace(FAST, lease_seconds=3.0)
        )
        killer.join()
        calls = sandbox.calls()
    assert killed
    assert run.result.statuses == {"delivered": len(ORDERS)}
    answers = pd.concat([pd.read_parquet(path) for path in (tmp_path / "answers").iterdir()])
    assert sorted(answers["message_id"]) == sorted(plain["message_id"])
    assert set(calls["messageId"]) == set(plain["message_id"])
    assert people_out_of_order(calls) == []
    twice = set(calls["messageId"][calls["messageId"].duplicated()])
    assert twice <= set(answers.loc[answers["resent"], "message_id"])
