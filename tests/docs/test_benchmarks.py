"""The benchmarks themselves, on a few rows: they measure right output, and notice wrong output."""

import pytest

pytest.importorskip("polars", reason="needs the bench extra")
pytest.importorskip("duckdb", reason="needs the bench extra")
pytest.importorskip("msgspec", reason="needs the bench extra")

from tests.benchmarks import checks, encode, flow, load, made, rivals, scale, sinks


@pytest.mark.parametrize("kind", ["people", "orders"])
def test_all_contenders_make_the_same_calls(kind):
    encode.check(kind, 300)


@pytest.mark.parametrize("kind", ["people", "orders"])
def test_a_contender_that_makes_other_calls_is_noticed(kind, monkeypatch):
    def wrong(frame, kind):
        return (body.replace(b"GB", b"gb") for body in rivals.lists_orjson(frame, kind))

    monkeypatch.setattr(rivals, "RIVALS", {"wrong": wrong})
    with pytest.raises(SystemExit, match="wrong makes other calls"):
        encode.check(kind, 300)


def test_made_frames_have_what_makes_encoding_hard():
    people, orders = (made.frame_of(made.MADE[kind](2_000), kind) for kind in ("people", "orders"))
    assert people.shape == (2_000, 12)
    assert people["address.city"].isna().any()
    assert people["first_name"].eq(made.TRICKY).sum() == 2
    products = [product for cell in orders["products"] for product in cell]
    assert {len(cell) for cell in orders["products"]} == {1, 2, 3, 4}
    assert {product["coupon"] for product in products} == {None, "AUTUMN"}


def test_the_stages_of_the_flow_are_told_apart_and_all_take_time():
    with sinks.slow(0) as address:
        shares = flow.shares(address, 500)
    assert list(shares) == flow.STAGES
    assert all(us > 0 for us in shares.values()), shares


def test_the_whole_flow_and_its_latency_are_measured_on_rows_that_arrive(tmp_path):
    with sinks.slow(0.001) as address:
        tasks = flow.tasks(address, tmp_path, 300)
        for way in (flow.VALIDATED, flow.UNCHECKED):
            assert flow.one(*tasks[way][1:])["lost"] == 0
        assert flow.latency(address, 300, workers=2) > 0


def test_cost_and_memory_are_measured_at_every_length(tmp_path, monkeypatch):
    monkeypatch.setattr(scale, "SHORTEST_RUN", 200)
    monkeypatch.setattr(scale, "WARM_ROWS", 200)
    for task in scale.tasks(tmp_path, [100, 300], 50).values():
        assert scale.one(*task[1:])["bytes"] > 300


@pytest.mark.parametrize("way", checks.WAYS)
def test_validation_is_measured_where_it_finds_what_it_should(way):
    assert checks.one("200", way)["us"] > 0


@pytest.mark.parametrize("kind", load.KINDS)
def test_a_load_that_is_measured_is_whole(kind, tmp_path):
    load.write(tmp_path / "people.parquet", 3_000)
    with sinks.slow(0) as address:
        figures = load.one(kind, str(tmp_path / "people.parquet"), address)
    assert figures["rows"] == 3_000


def test_a_load_that_loses_rows_is_noticed(tmp_path, monkeypatch):
    load.write(tmp_path / "people.parquet", 300)
    monkeypatch.setattr(load, "KINDS", {"dry": lambda path, address, folder: 299})
    with pytest.raises(SystemExit, match="299 rows came out of 300"):
        load.one("dry", str(tmp_path / "people.parquet"), "")
