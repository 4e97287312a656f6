"""The page of a sync plan, in a browser."""

import pandas as pd
import pytest

import cio_frames as cio
from tests.syncing.helpers import people_frame

PHONE = {"width": 360, "height": 740}


@pytest.fixture
def plan(tmp_path):
    """A plan with rows of every kind, and a guard that would stop it."""
    people, state = people_frame(60), tmp_path / "people.sqlite"
    cio.baseline(people, "identify", state=state, confirm=60)
    changed = pd.concat([people, people_frame(64).iloc[60:]], ignore_index=True)
    changed.loc[:9, "plan"] = "<b>secret</b>"
    changed.loc[20:21, "plan"] = None
    changed.loc[30, "user_id"] = None
    return cio.plan(changed, "identify", state=state, cleared="null", max_changed=5)


@pytest.fixture
def shown(page, plan, tmp_path):
    path = tmp_path / "plan.html"
    plan.to_html(path)
    page.goto(path.as_uri())
    return page


def test_it_says_the_answer_the_counts_and_the_fields(shown):
    assert shown.title() == "Sync plan: identify"
    assert shown.get_by_role("heading", level=1).inner_text() == "This looks wrong, and would not be sent"
    assert "12 subjects changed; the limit is 5" in shown.get_by_role("main").inner_text()
    fields = shown.get_by_role("region", name="Fields that change").locator("tbody tr").all_inner_texts()
    assert [row.split() for row in fields] == [["plan", "10", "2"]]
    assert "secret" not in shown.content()


def test_it_says_what_was_compared_with_what_and_by_which_version(shown, plan):
    about = shown.get_by_role("banner").inner_text()
    assert [text for text in [plan.source, "people.sqlite", f"cio_frames {cio.__version__}"] if text not in about] == []
    assert plan.as_dict()["source"] == plan.source


def test_it_is_accessible_and_fits_a_phone(shown, barriers):
    assert barriers(shown) == []
    shown.set_viewport_size(PHONE)
    assert shown.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert barriers(shown) == []
