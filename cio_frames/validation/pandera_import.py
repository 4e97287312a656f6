"""Imports pandera at its first use, without what it does to programs that have Spark installed."""

from __future__ import annotations

import os
import warnings
from functools import cache

import pandas as pd


@cache
def import_pandera() -> None:
    """Import pandera with what it imports when it first checks a frame.

    Where pyspark is installed, pandera imports that too. pyspark warns of the version of pandas, in a program that may
    not use Spark at all. And pandera sets the address of a Spark driver to that of this machine, so that no session on
    a cluster could begin after it.
    """
    address = os.environ.get("SPARK_LOCAL_IP")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        import pandera.pandas as pandera

        pandera.DataFrameSchema().validate(pd.DataFrame())
    if address is None:
        os.environ.pop("SPARK_LOCAL_IP", None)
