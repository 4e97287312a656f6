import os
import subprocess
import sys

import pandas as pd
import pytest
import requests

import cio_frames as cio

PEOPLE = pd.DataFrame({"user_id": ["ada", "grace"]})


def test_a_pipeline_that_reads_its_client_from_the_environment_sends_to_it(cio_sandbox):
    PEOPLE.cio.identify()
    assert cio_sandbox.people()["userId"].tolist() == ["ada", "grace"]


def test_each_test_has_a_new_one(cio_sandbox):
    assert cio_sandbox.people().empty


@pytest.mark.cio_sandbox(faults=["503@0"], write_key="mine")
def test_a_mark_sets_it_up(cio_sandbox):
    statuses = [
        requests.post(f"{cio_sandbox.url}/v1/identify", json={"userId": "7"}, auth=("mine", ""), timeout=5).status_code
        for _ in range(2)
    ]
    assert statuses == [503, 200]
    assert cio.Client.from_env().write_key == "mine"


def test_after_the_test_the_environment_is_as_it_was():
    assert "CIO_ENDPOINT" not in os.environ


def test_where_cio_frames_is_installed_pytest_finds_the_fixture_by_itself(tmp_path):
    (tmp_path / "test_mine.py").write_text(
        "import pandas as pd\n"
        "def test_people_arrive(cio_sandbox):\n"
        "    pd.DataFrame({'user_id': ['ada']}).cio.identify()\n"
        "    assert cio_sandbox.people()['userId'].tolist() == ['ada']\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--strict-markers", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout
    assert "1 passed" in run.stdout
