"""What notebooks show of objects: the counts that the objects have, and neither keys nor values of people."""

import json
import re
import subprocess
import sys

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.spec.package_data import package_folder

KEY = "sk_us_4f9d0c1e_secret"


def text_of(shown):
    """What a reader of the output sees."""
    without_style = re.sub(r"<style>.*?</style>", "", shown._repr_html_(), flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", without_style))


@pytest.fixture(scope="module")
def orders():
    return pd.concat([cio.sample("orders"), cio.sample("bad_orders")], ignore_index=True)


def test_a_report_shows_its_counts_its_findings_and_its_columns(orders):
    report = cio.validate(orders, "track", "Order Completed", user_id="customer_id", timestamp="ordered_on")
    text = text_of(report)
    assert f"{len(report):,} of {report.rows:,} rows are held back" in text
    assert "customer_id: required value is missing held back customer_id 2 &lt;0.1% 6,919, 6,920" in text
    assert "Warning: 2 columns are not known properties of Order Completed: items, note" in text
    assert "No row can start a campaign: all are older than 72 hours." in text
    assert f"{len(report.facts.columns)} columns" in text
    assert '<rect class="held-back"' in report._repr_html_()


def test_a_report_tells_how_many_rows_can_start_campaigns():
    report = cio.validate(pd.DataFrame({"user_id": ["ada", "bob"]}), "track", "Seen")
    assert "2 rows can start campaigns, that is, send real messages to real people." in text_of(report)


def test_the_columns_of_a_report_are_a_frame(orders):
    facts = cio.validate(orders, "track", "Order Completed", user_id="customer_id", timestamp="ordered_on").facts
    assert facts.columns["label"].tolist() == [each.label for each in facts.column_facts]
    assert facts.columns.set_index("label").loc["customer_id", ["field", "filled"]].tolist() == ["userId", 6925]


def test_a_load_shows_statuses_reasons_and_the_file_of_undelivered_rows(sandbox, tmp_path):
    people = pd.DataFrame({"user_id": ["ada", None, "bob"], "email": ["a@example.com", "b@example.com", "nobody <b>"]})
    result = cio.load(people, "identify", client=sandbox.client, output=tmp_path / "load")
    text = text_of(result)
    assert "1 of 3 rows were delivered" in text
    assert "invalid email: must be an email address 1" in text
    assert str(result.undelivered) in text
    assert "nobody" not in result._repr_html_()


def test_a_dry_run_shows_what_would_be_sent_and_who_can_start_campaigns():
    result = cio.load(pd.DataFrame({"user_id": ["ada"]}), "track", "Seen", dry_run=True)
    assert "Every row would be sent" in text_of(result)
    assert "1 row can start campaigns" in text_of(result)


def test_a_client_shows_where_it_sends_and_not_its_key():
    client = cio.Client(write_key=KEY)
    assert "Customer.io US" in text_of(client)
    assert KEY not in client._repr_html_()
    assert cio.Client(write_key="k", region="eu").destination == "Customer.io EU"
    assert cio.Client(write_key="k", endpoint="https://proxy.example").destination == "https://proxy.example"
    assert cio.Client(write_key="k", endpoint="http://localhost:1").destination == "this machine at http://localhost:1"


def test_a_sandbox_is_a_destination_of_its_own(sandbox):
    assert sandbox.client.destination == f"sandbox at {sandbox.url}"


def test_a_schema_shows_its_fields_also_after_it_was_extended():
    import pandera.pandas as pandera

    schema = cio.schema("track", "Order Completed")
    assert "total must be a number optional" in text_of(schema)
    dearer = schema.update_column("total", checks=[pandera.Check.ge(0, error="must not be <negative>")])
    assert "total must not be &lt;negative&gt; optional" in text_of(dearer)
    report = cio.validate(pd.DataFrame({"user_id": ["ada"], "total": [-1.0]}), "track", "Seen", schema=dearer)
    assert report.failure_cases["reason"].tolist() == ["total: must not be <negative>"]


def test_a_schema_validates_frames_as_any_pandera_schema_does():
    schema = cio.schema("identify")
    assert len(schema.validate(pd.DataFrame({"email": ["ada@example.com"]}))) == 1


def test_events_are_filtered_by_family_and_described_where_the_spec_does():
    assert set(cio.events("ecommerce")["family"]) == {"ecommerce"}
    described = cio.events("customerio").drop_duplicates("event").set_index("event")["description"]
    assert described["User Suppressed"] == "Deletes the person and blocks the id: later calls are ignored."
    with pytest.raises(cio.FrameError, match=r"family 'ecomerce' not found\. Did you mean 'ecommerce'"):
        cio.events("ecomerce")


def test_notebooks_are_copied_with_the_tables_that_they_read_and_replace_nothing(tmp_path):
    mine = tmp_path / "tour" / "notebooks" / "00_setup_and_configuration.ipynb"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine", encoding="utf-8")
    copied = cio.notebooks(tmp_path / "tour")
    names = {path.name for path in package_folder("notebooks").glob("*.ipynb")}
    assert {path.name for path in copied.glob("*.ipynb")} == names
    assert (copied / "../sample_data/orders.parquet").exists()
    assert mine.read_text(encoding="utf-8") == "mine"


def test_notebooks_are_not_copied_into_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(cio.FrameError, match=r"Cannot copy the notebooks to .*file"):
        cio.notebooks(tmp_path / "file")


def test_the_wheel_carries_what_is_read_or_copied_from_it():
    import tomllib

    project = tomllib.loads((package_folder("schemas").parent / "pyproject.toml").read_text(encoding="utf-8"))
    shipped = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert shipped == {name: f"cio_frames/{name}" for name in ("schemas", "sample_data", "notebooks")}
    extra = " ".join(project["project"]["optional-dependencies"]["notebooks"])
    assert all(name in extra for name in ("jupyterlab", "ipywidgets", "matplotlib"))


def test_drawing_loads_no_plotting_library():
    code = (
        "import sys, json, pandas as pd, cio_frames as cio; "
        "cio.validate(pd.DataFrame({'user_id': ['a']}), 'identify')._repr_html_(); "
        "print(json.dumps('matplotlib' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) is False
