"""The pictures of the README and the landing page show the pages as they are now."""

import re

import pytest

from tests.make_pictures import PICTURES, ROOT, SIZES, TEXTS, pages, text_of


@pytest.fixture(scope="module")
def found():
    with pages() as found:
        yield {name: text_of(content) for name, (_, content) in found.items()}


@pytest.mark.parametrize("name", SIZES)
def test_the_page_of_a_picture_says_and_looks_the_same_as_when_it_was_taken(name, found):
    saved = (TEXTS / f"{name}.txt").read_text(encoding="utf-8")
    assert found[name] == saved, "run python -m tests.make_pictures, and look at the pictures"


@pytest.mark.parametrize("name", SIZES)
def test_a_picture_has_the_size_of_its_page_and_is_small(name):
    content = (PICTURES / f"{name}.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert tuple(int.from_bytes(content[start : start + 4]) for start in (16, 20)) == SIZES[name]
    assert len(content) < 150_000


def test_every_picture_is_made_by_the_script_and_shown_with_a_text_for_screen_readers():
    assert {path.stem for path in PICTURES.iterdir()} == set(SIZES) == {path.stem for path in TEXTS.iterdir()}
    pages = [ROOT / "README.md", ROOT / "notebooks" / "index.md"]
    shown = re.findall(
        r"!\[([^\]]+)\]\([\w/]*pictures/(\w+)\.png\)", "".join(page.read_text("utf-8") for page in pages)
    )
    assert {name for _, name in shown} == set(SIZES)
    assert all(len(text) > 20 for text, _ in shown)


def test_a_change_of_the_words_or_the_style_is_found_and_a_change_of_numbers_is_not():
    page = "<style>p { color: red }</style><p>12 rows, <b>3</b> bad</p>"
    assert text_of(page) == text_of(page.replace("12", "13"))
    assert text_of(page) != text_of(page.replace("bad", "good"))
    assert text_of(page) != text_of(page.replace("red", "blue"))
