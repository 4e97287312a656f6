import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.spec.package_data import package_folder

FILES = sorted(path for path in package_folder("sample_data").iterdir() if path.suffix in (".csv", ".parquet"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_sample_table_is_read_by_name_and_by_file_name(path):
    assert len(cio.sample(path.stem)) == len(cio.sample(path.name)) > 0


def test_a_table_in_two_forms_is_read_from_parquet_by_its_name_alone():
    pd.testing.assert_frame_equal(cio.sample("orders"), cio.sample("orders.parquet"))
    assert cio.sample("orders")["ordered_on"].iloc[0].year == 1997
    assert cio.sample("orders.csv")["ordered_on"].iloc[0] == "1997-01-01"


def test_ids_keep_their_leading_zeros():
    assert cio.sample("orders.csv")["customer_id"].iloc[0] == "00004"


@pytest.mark.parametrize("name", ["order", "Orders ", "orders.xlsx"])
def test_an_unknown_name_is_refused_with_the_list_and_a_close_match(name):
    with pytest.raises(
        cio.FrameError, match=r"not found\. Did you mean 'orders'\? The tables are aliases, .*screens\."
    ):
        cio.sample(name)


@pytest.mark.parametrize("name", ["../pyproject", "", None, 7])
def test_a_name_is_not_a_path(name):
    with pytest.raises(cio.FrameError, match="not found"):
        cio.sample(name)
