"""The benchmarks on a few rows: they run, their output is right, and wrong output is reported."""

import pytest

pytest.importorskip("polars", reason="requires pip install 'cio-frames[outside]'")
pytest.importorskip("duckdb", reason="requires pip install 'cio-frames[outside]'")
pytest.importorskip("msgspec", reason="requires pip install 'cio-frames[outside]'")

from tests.benchmarks import (
    alternatives,
    batches,
    checks,
    datasets,
    encode,
    engines,
    flow,
    length,
    load,
    long,
    servers,
    sync,
)


@pytest.mark.parametrize("kind", ["people", "orders"])
def test_all_contenders_make_the_same_calls(kind):
    encode.check(kind, 300)


@pytest.mark.parametrize("kind", ["people", "orders"])
def test_a_contender_that_makes_other_calls_is_reported(kind):
    def wrong(frame, kind):
        return (body.replace(b"GB", b"gb") for body in alternatives.lists_orjson(frame, kind))

    with pytest.raises(SystemExit, match="wrong makes other calls"):
        encode.check(kind, 300, {"wrong": wrong})


def test_generated_frames_have_what_makes_encoding_hard():
    people, orders = (datasets.to_frame(datasets.DATASETS[kind](2_000), kind) for kind in ("people", "orders"))
    assert people.shape == (2_000, 12)
    assert people["address.city"].isna().any()
    assert people["first_name"].eq(datasets.TRICKY).sum() == 2
    products = [product for cell in orders["products"] for product in cell]
    assert {len(cell) for cell in orders["products"]} == {1, 2, 3, 4}
    assert {product["coupon"] for product in products} == {None, "AUTUMN"}


def test_the_stages_of_the_flow_are_separate_and_all_take_time():
    with servers.run_slow_server(0) as address:
        shares = flow.stage_times(address, 500)
    assert list(shares) == flow.STAGES
    assert all(us > 0 for us in shares.values()), shares


def test_the_whole_flow_and_its_latency_are_measured_on_rows_that_arrive(tmp_path):
    with servers.run_slow_server(0.001) as address:
        tasks = flow.tasks(address, tmp_path, 300)
        for way in (flow.VALIDATED, flow.UNCHECKED):
            assert flow.measure_one(*tasks[way][1:])["lost"] == 0
        assert flow.latency_ratio(address, 300, workers=2) > 0


def test_cost_and_memory_are_measured_at_every_length(tmp_path):
    for task in length.tasks(tmp_path, [100, 300], 50).values():
        assert length.measure_one(*task[1:], shortest_run=200, warm_rows=200)["bytes"] > 300


@pytest.mark.parametrize("way", checks.WAYS)
def test_validation_is_measured_on_the_expected_findings(way):
    assert checks.measure_one("200", way)["us"] > 0


@pytest.mark.parametrize("kind", load.KINDS)
def test_a_measured_load_has_all_rows(kind, tmp_path):
    load.write(tmp_path / "people.parquet", 3_000)
    with servers.run_slow_server(0) as address:
        figures = load.measure_one(kind, str(tmp_path / "people.parquet"), address)
    assert figures["rows"] == 3_000


def test_a_load_that_loses_rows_is_reported(tmp_path):
    load.write(tmp_path / "people.parquet", 300)
    with pytest.raises(SystemExit, match="299 rows came out of 300"):
        load.measure_one("short", str(tmp_path / "people.parquet"), "", {"short": lambda path, address, folder: 299})


def test_a_load_of_frames_of_any_size_is_measured():
    with servers.run_slow_server(0) as address:
        found = {size: batches.measure_one(address, "500", rows) for size, rows in (("large", "500"), ("small", "50"))}
    assert "| small" in batches.format_table(found)


def test_a_sync_is_measured_beside_a_dry_run(tmp_path):
    with servers.run_slow_server(0) as address:
        found = {kind: sync.measure_one(*task[1:]) for kind, task in sync.tasks(tmp_path, 1_000, address).items()}
    assert list(found) == ["dry", "plan", "first", "unchanged", "changed"]
    assert "| changed" in sync.format_table(found)


@pytest.mark.parametrize("kind", long.KINDS)
def test_a_long_source_is_measured_file_by_file(kind, tmp_path):
    with servers.run_slow_server(0) as address:
        tasks = long.tasks(tmp_path, 3_000, address)
        figures = long.measure_one(*tasks[f"{kind}, 3,000 rows"][1:])
    assert figures["rows"] == 3_000
    assert figures["resident_mb"] > 0


def test_ways_with_and_without_an_engine_are_measured_with_all_their_processes(tmp_path):
    with servers.run_slow_server(0) as address:
        task = engines.tasks(tmp_path, 3_000, address)[engines.PLAIN]
        found = {engines.PLAIN: engines.measure_one(*task[1:])}
    assert found[engines.PLAIN]["rows"] == 3_000
    assert found[engines.PLAIN]["peak_mb"] > 0
    assert "| cio.load, no engine |" in engines.format_table(found)
