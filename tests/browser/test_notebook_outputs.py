"""What a notebook shows, in a browser: on light and dark, wide and narrow."""

import pandas as pd
import pytest
import requests

import cio_frames as cio

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A notebook</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body style="margin: 8px; font: 14px sans-serif; {colors}"><main><h1>A notebook</h1>{outputs}</main></body></html>"""
COLORS = {"light": "background: #fff; color: #111", "dark": "background: #111; color: #eee"}


@pytest.fixture(scope="module")
def sandbox():
    with cio.Sandbox() as sandbox:
        people = pd.DataFrame({"user_id": ["ada", "bob"], "email": ["ada@example.com", "nobody"]})
        people.cio.identify(client=sandbox.client, schema=None)
        cio.sample("orders").head(50).cio.track(
            "Order Completed", user_id="customer_id", client=sandbox.client, allow_campaigns=True
        )
        requests.post(f"{sandbox.url}/v1/track", auth=("sandbox", ""), json={"userId": "ada"}, timeout=10)
        yield sandbox


@pytest.fixture(scope="module")
def outputs(tmp_path_factory, sandbox):
    orders = pd.concat([cio.sample("orders").head(50), cio.sample("bad_orders")], ignore_index=True)
    columns = {"user_id": "customer_id", "timestamp": "ordered_on"}
    shown = [
        orders.cio.validate("track", "Order Completed", **columns),
        cio.load(orders, "track", "Order Completed", **columns, dry_run=True, progress=False),
        cio.sample("people").cio.plan("identify", state=tmp_path_factory.mktemp("plan") / "people.sqlite"),
        cio.Client(write_key="k"),
        cio.schema("track", "Order Completed"),
        sandbox,
    ]
    return "".join(each._repr_html_() for each in shown)


@pytest.mark.parametrize("scheme", COLORS)
@pytest.mark.parametrize("width", [1_400, 390])
def test_outputs_have_no_barriers_and_fit(page, barriers, outputs, scheme, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.set_content(PAGE.format(colors=COLORS[scheme], outputs=outputs))
    page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true; })")
    assert barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.locator("svg[role=img]").count() == 5
