"""The sandbox and the reports look alike: their colors come from one style."""

import re

import pandas as pd
import requests

import cio_frames as cio


def colors(style):
    return dict(re.findall(r"(--[\w-]+): (#\w+);", style))


def test_the_sandbox_serves_the_colors_that_reports_have(sandbox, tmp_path):
    served = colors(requests.get(f"{sandbox.url}/static/style.css", timeout=10).text)
    cio.validate(pd.DataFrame({"user_id": ["ada"]}), "identify").to_html(tmp_path / "report.html")
    report = colors((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert {"--paper", "--ink", "--accent", "--good", "--held-back"} <= served.keys()
    assert served == report


def test_every_color_of_the_sandbox_is_one_of_the_shared_ones(sandbox):
    style = requests.get(f"{sandbox.url}/static/style.css", timeout=10).text
    named = set(re.findall(r"var\((--[\w-]+)\)", style))
    assert named <= set(re.findall(r"(--[\w-]+):", style))
