"""sample_data/ is what its script makes; its good rows can be sent, and its bad rows are invalid."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cio_frames as cio
from tests.make_sample_data import SAMPLE_DATA, make_files

MADE = make_files(SAMPLE_DATA / "orders.csv")


def read(name):
    return pd.read_parquet(SAMPLE_DATA / name) if name.endswith(".parquet") else pd.read_csv(SAMPLE_DATA / name)


@pytest.mark.parametrize("name", MADE)
def test_a_file_is_what_the_script_makes(name):
    if isinstance(MADE[name], pa.Table):
        assert pq.read_table(SAMPLE_DATA / name).equals(MADE[name])
    else:
        assert (SAMPLE_DATA / name).read_text(encoding="utf-8") == MADE[name].to_csv(index=False, lineterminator="\n")


def test_the_same_seed_makes_the_same_files():
    assert make_files(SAMPLE_DATA / "orders.csv")["page_views.parquet"].equals(MADE["page_views.parquet"])


def test_every_file_has_a_script_and_a_description():
    files = {path.name for path in SAMPLE_DATA.iterdir()} - {"README.md"}
    assert files == {*MADE, "orders.csv"}
    readme = (SAMPLE_DATA / "README.md").read_text(encoding="utf-8")
    assert [name for name in files if f"`{name}`" not in readme] == []


def test_all_files_together_are_small():
    assert sum(path.stat().st_size for path in SAMPLE_DATA.iterdir()) < 3_000_000


def test_parquet_files_have_nested_columns():
    types = [field.type for content in MADE.values() if isinstance(content, pa.Table) for field in content.schema]
    assert any(map(pa.types.is_struct, types))
    assert any(map(pa.types.is_list, types))


RELATIONSHIP = {"role": "relationshipAttributes.role", "since": "relationshipAttributes.since"}


@pytest.mark.parametrize(
    ("name", "call", "columns"),
    [
        ("people.parquet", "identify", {}),
        ("people.csv", "identify", {}),
        ("events.parquet", "track", {"timestamp": "happened_at"}),
        ("page_views.parquet", "page", {"name": "title", "timestamp": "viewed_at"}),
        ("screens.parquet", "screen", {"timestamp": "shown_at"}),
        ("companies.parquet", "group", {"group_id": "company_id"}),
        ("memberships.parquet", "group", {"group_id": "company_id", "traits": RELATIONSHIP}),
        ("aliases.csv", "alias", {}),
    ],
)
def test_good_rows_can_be_sent_without_a_warning(name, call, columns):
    report = read(name).cio.validate(call, **columns)
    assert report.failure_cases["reason"].tolist() == []


def test_good_devices_can_be_sent():
    result = cio.add_devices(read("devices.csv"), timestamp="last_used_at", dry_run=True)
    assert result["status"].unique().tolist() == ["ready"]


def reasons(result):
    return [None if pd.isna(reason) else reason for reason in result["reason"]]


def test_bad_people_are_invalid():
    assert reasons(cio.identify(read("bad_people.csv"), timestamp="updated_at", dry_run=True)) == [
        None,
        "user_id: required value is missing",
        "user_id: required value is missing",
        "updated_at: must be a time: a datetime, or ISO 8601 text such as 2026-11-24T09:30:00Z",
        "email: must be an email address",
        "unsubscribed: must be true or false",
        "call is 33,185 bytes; the limit is 32,000",
        None,
    ]


def test_bad_devices_are_invalid():
    assert reasons(cio.add_devices(read("bad_devices.csv"), timestamp="last_used_at", dry_run=True)) == [
        None,
        None,
        "token: required value is missing",
        "device_type: must be one of ios, android",
        "user_id: required value is missing",
    ]


def test_two_of_the_mixed_calls_are_invalid():
    found = reasons(cio.batch(read("mixed_calls.csv"), timestamp="happened_at", dry_run=True))
    assert found[:6] == [None] * 6
    assert found[6:] == [
        "event: required value is missing",
        "type: must be one of identify, track, page, screen, group, alias",
    ]
