"""Make the pictures of the README and the landing page, light and dark: ``python -m tests.make_pictures``.

It requires a Chromium.

Beside each picture, ``tests/golden/pictures`` has the text of the page that it shows, without numbers, and a hash of
its style. A test makes the pages again and compares these: stale pictures are found without a browser.
"""

import calendar
import hashlib
import html
import re
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import requests

import cio_frames as cio

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "notebooks" / "guides" / "pictures"
TEXTS = ROOT / "tests" / "golden" / "pictures"
COLUMNS = {"user_id": "customer_id", "timestamp": "ordered_on"}
MONTH = re.compile("|".join(calendar.month_name[1:]))
# By color scheme, what the name of the file ends with.
SCHEMES = {"light": "", "dark": "-dark"}
SIZES = {"report": (1000, 640), "result": (1000, 330), "sandbox": (1000, 640)}

# A frame as notebooks show it.
NOTEBOOK = """<!doctype html><meta charset="utf-8"><title>Result</title><style>
body { font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; margin: 20px 24px; color: #1f2328; background: #fff }
pre { background: #f4f5f7; padding: 12px 16px; border-radius: 6px; font: 14px/1.5 "DejaVu Sans Mono", monospace }
table { border-collapse: collapse; font-size: 14px } th, td { padding: 5px 12px; text-align: right; border: 0 }
thead th { border-bottom: 1px solid #999 } tbody tr:nth-child(odd) { background: #f4f5f7 } .left { text-align: left }
@media (prefers-color-scheme: dark) {
body { color: #e6e6e6; background: #0d1117 } pre, tbody tr:nth-child(odd) { background: #161b22 } }
</style><pre>CODE</pre>TABLE"""
CODE = """result = orders.cio.track("Order Completed", user_id="customer_id", timestamp="ordered_on")
orders[["customer_id", "total"]].join(result[["status", "reason", "http_status"]])"""


@contextmanager
def pages():
    """Yield the pages that are pictured, by name: the address for a browser, and the HTML with its style."""
    orders = pd.concat([cio.sample("orders").head(300), cio.sample("bad_orders")], ignore_index=True)
    with tempfile.TemporaryDirectory() as folder, cio.Sandbox() as sandbox:
        report = Path(folder) / "report.html"
        orders.cio.validate("track", "Order Completed", **COLUMNS).to_html(report)
        cio.sample("people").cio.identify(client=sandbox.client)
        sent = orders.cio.track("Order Completed", **COLUMNS, client=sandbox.client)
        result = Path(folder) / "result.html"
        result.write_text(_result_page(orders, sent), encoding="utf-8")
        answer = requests.get(sandbox.url, timeout=10, headers={"Accept": "text/html"})
        sheets = re.findall(r'<link[^>]*href="([^"]+\.css)"', answer.text)
        styles = "".join(requests.get(sandbox.url + sheet, timeout=10).text for sheet in sheets)
        yield {
            "report": (report.as_uri(), report.read_text(encoding="utf-8")),
            "result": (result.as_uri(), result.read_text(encoding="utf-8")),
            "sandbox": (sandbox.url, f"{answer.text}<style>{styles}</style>"),
        }


def _result_page(orders, sent):
    shown = orders[["customer_id", "total"]].join(sent[["status", "reason", "http_status"]]).iloc[[0, 1, 300, 304, 306]]
    cells = {name: ["" if pd.isna(cell) else cell for cell in shown[name]] for name in shown}
    table = pd.DataFrame(cells, index=shown.index, dtype=object).to_html(border=0)
    return NOTEBOOK.replace("CODE", html.escape(CODE)).replace("TABLE", table)


def text_of(page):
    """Return what a page says: each line once, without dates, ids, and numbers; and a hash of its style."""
    styles = " ".join("".join(re.findall(r"<style[^>]*>(.*?)</style>", page, re.S)).split())
    body = re.sub(r"<(style|script|title)[^>]*>.*?</\1>", "", page, flags=re.S)
    lines = (html.unescape(re.sub(r"\s+", " ", part)).strip() for part in re.split(r"<[^>]+>", body))
    words = dict.fromkeys(re.sub(r'[^\s"]*\d[^\s"]*', "0", MONTH.sub("0", line)) for line in lines if line)
    return "\n".join([*words, f"style: {hashlib.sha256(styles.encode()).hexdigest()[:16]}"]) + "\n"


def main():
    """Take the pictures, and write the texts."""
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import ARGUMENTS, find_chromium

    chromium = find_chromium()
    if chromium is None:
        sys.exit("Chromium is required: install it, or name it in $CHROMIUM.")
    PICTURES.mkdir(exist_ok=True)
    TEXTS.mkdir(exist_ok=True)
    with pages() as found, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for name, (address, content) in found.items():
            width, height = SIZES[name]
            for scheme, ending in SCHEMES.items():
                page = browser.new_page(
                    viewport={"width": width, "height": height}, color_scheme=scheme, locale="en-GB"
                )
                page.goto(address)
                page.screenshot(path=PICTURES / f"{name}{ending}.png", animations="disabled")
            (TEXTS / f"{name}.txt").write_text(text_of(content), encoding="utf-8")
        browser.close()


if __name__ == "__main__":
    main()
