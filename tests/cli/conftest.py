from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from cio_frames.cli.app import app, main


@pytest.fixture
def run(monkeypatch, tmp_path, sandbox):
    """Run a command in an empty folder, with the sandbox in the environment."""
    monkeypatch.setenv("CIO_WRITE_KEY", "sandbox")
    monkeypatch.setenv("CIO_ENDPOINT", sandbox.url)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def ends(capsys):
    """Run the program as a shell would; return its exit status and what it printed."""

    def run_to_the_end(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        return end.value.code or 0, capsys.readouterr()

    return run_to_the_end


@pytest.fixture
def orders(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text("customer_id,ordered_on,total\n00004,1997-01-01,29.33\n1e5,1997-01-02,5\n")
    return path


@pytest.fixture
def order_options():
    return ["--call", "track", "--event", "Order Completed", "--user-id", "customer_id", "--timestamp", "ordered_on"]


@pytest.fixture
def teas(tmp_path):
    path = tmp_path / "teas.csv"
    path.write_text("user_id,tea,gram\nada,coffee-of-ada,5\nbob,assam,5\ncem,assam,\n", encoding="utf-8")
    return path


@pytest.fixture
def tea_options():
    return ["--call", "track", "--event", "Tea Ordered"]


@pytest.fixture
def tracking_plan(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(
        "events:\n"
        "  Tea Ordered:\n"
        "    properties:\n"
        "      tea: {type: string, enum: [assam, darjeeling]}\n"
        "      grams: {type: number}\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def answers():
    """Return the answers that a load left in its folder."""
    return lambda folder="orders.track-order-completed.load": pd.read_parquet(Path(folder) / "results")
