"""The pictures of the README and the landing page show the pages as they are now."""

import re

import pytest

from tests.make_pictures import PICTURES, ROOT, SCHEMES, SIZES, TEXTS, pages, text_of


@pytest.fixture(scope="module")
def found():
    with pages() as found:
        yield {name: text_of(content) for name, (_, content) in found.items()}


@pytest.mark.parametrize("name", SIZES)
def test_the_page_of_a_picture_says_and_looks_the_same_as_when_it_was_taken(name, found):
    saved = (TEXTS / f"{name}.txt").read_text(encoding="utf-8")
    assert found[name] == saved, "run python -m tests.make_pictures, and look at the pictures"


@pytest.mark.parametrize("ending", SCHEMES.values())
@pytest.mark.parametrize("name", SIZES)
def test_a_picture_has_the_size_of_its_page_and_is_small(name, ending):
    content = (PICTURES / f"{name}{ending}.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert tuple(int.from_bytes(content[start : start + 4]) for start in (16, 20)) == SIZES[name]
    assert len(content) < 150_000


def test_every_picture_is_made_by_the_script_and_shown_with_a_text_for_screen_readers():
    assert {path.stem for path in PICTURES.iterdir()} == {f"{name}{end}" for name in SIZES for end in SCHEMES.values()}
    assert {path.stem for path in TEXTS.iterdir()} == set(SIZES)
    index = (ROOT / "notebooks" / "index.md").read_text("utf-8")
    shown = re.findall(r"!\[([^\]]+)\]\([\w/]*pictures/(\w+)\.png\)", index)
    shown += [(text, name) for text, name, _ in readme_pictures()]
    assert {name for _, name in shown} == set(SIZES)
    assert all(len(text) > 20 for text, _ in shown)


def test_the_readme_has_each_picture_in_the_colors_of_its_reader():
    assert [name for _, name, _ in readme_pictures()] == ["result", "report", "sandbox"]
    assert [(PICTURES / f"{dark}.png").is_file() for _, name, dark in readme_pictures() if dark == f"{name}-dark"] == [
        True
    ] * 3


def readme_pictures():
    """Return the text, the name and the name of the dark variant of each picture of the README."""
    pattern = (
        r'<picture><source media="\(prefers-color-scheme: dark\)" srcset="[\w/]*pictures/([\w-]+)\.png">'
        r'<img alt="([^"]+)" src="[\w/]*pictures/(\w+)\.png"></picture>'
    )
    found = re.findall(pattern, (ROOT / "README.md").read_text("utf-8"))
    return [(text, name, dark) for dark, text, name in found]


def test_a_change_of_the_words_or_the_style_is_found_and_a_change_of_numbers_is_not():
    page = "<style>p { color: red }</style><p>12 rows, <b>3</b> bad</p>"
    assert text_of(page) == text_of(page.replace("12", "13"))
    assert text_of(page) != text_of(page.replace("bad", "good"))
    assert text_of(page) != text_of(page.replace("red", "blue"))
