"""A ledger that is damaged is refused in words, or does no harm; and it hides no other one."""

import random
import shutil
from pathlib import Path

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.cli.app import main
from cio_frames.loading import loads_in
from cio_frames.loading.tuning import LoadTuning
from tests.faults import Answer, FaultServer
from tests.loading.helpers import load_rows

CHUNKS = LoadTuning(chunk_rows=50)
PAGE = 4_096


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A folder with a load of 200 rows that was stopped in its third chunk; some rows are invalid, some are unknown."""
    folder = tmp_path_factory.mktemp("stopped")
    emails = ["x" if row % 50 == 7 else None for row in range(200)]
    people = pd.DataFrame({"user_id": [f"u{row}" for row in range(200)], "email": emails, "bio": "x" * 300})
    people.to_parquet(folder / "people.parquet", row_group_size=50)

    def answer(request):
        return Answer(401) if request.number == 10 else Answer(500) if request.number == 3 else Answer()

    with FaultServer(answer) as server, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        limits = {"max_body_bytes": 5_000, "max_call_bytes": 1_000, "workers": 1, "attempts": 1}
        client = cio.Client(write_key="k", endpoint=server.url, **limits)
        with pytest.raises(cio.AuthenticationError) as error:
            load_rows("people.parquet", client, tuning=CHUNKS)
        results = error.value.result.frame()
    delivered = {f"u{row}" for row in results.loc[results["status"].eq("delivered"), "row"]}
    assert 0 < len(delivered) < 196
    return folder, server.port, limits, delivered


def damage(path, chance):
    """Damage a file at random: cut it, turn a bit, or zero, repeat or swap its pages."""
    content = bytearray(path.read_bytes())
    kind = chance.choice(["cut", "bit", "bits", "zeros", "page of zeros", "swapped pages", "repeated page", "noise"])
    place = chance.randrange(len(content))
    page, other = (PAGE * chance.randrange(len(content) // PAGE) for _ in range(2))
    if kind == "cut":
        del content[place:]
    elif kind in ("bit", "bits"):
        for _ in range(1 if kind == "bit" else 20):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    elif kind == "zeros":
        content[place : place + 64] = bytes(len(content[place : place + 64]))
    elif kind == "page of zeros":
        content[page : page + PAGE] = bytes(PAGE)
    elif kind == "swapped pages":
        content[page : page + PAGE], content[other : other + PAGE] = (
            content[other : other + PAGE],
            content[page : page + PAGE],
        )
    elif kind == "repeated page":
        content[page : page + PAGE] = content[other : other + PAGE]
    else:
        content[place : place + 64] = chance.randbytes(len(content[place : place + 64]))
    path.write_bytes(content)
    return kind


def refusal_of(function, default=""):
    """Return why a function refuses; another text if it does not."""
    try:
        function()
    except cio.ConfigurationError as error:
        return str(error)
    return default


@pytest.mark.parametrize("seed", range(80))
def test_a_damaged_ledger_is_refused_in_words_or_every_row_is_delivered_once(stopped, tmp_path, monkeypatch, seed):
    folder, port, limits, delivered = stopped
    shutil.copytree(folder, tmp_path / "load")
    monkeypatch.chdir(tmp_path / "load")
    ledger = Path("out/ledger.sqlite")
    kind = damage(ledger, random.Random(seed))
    assert "ledger" in refusal_of(lambda: loads_in(ledger), "a ledger that is listed")
    with FaultServer([Answer()], port=port) as server:
        client = cio.Client(write_key="k", endpoint=server.url, **limits)
        results = []
        refusal = refusal_of(lambda: results.append(load_rows("people.parquet", client, tuning=CHUNKS)))
        sent = [call["userId"] for request in server.received for call in request.calls]
    if refusal:
        assert "ledger" in refusal or "holds the results of another load" in refusal, kind
        assert not sent
    else:
        assert results[0].statuses == {"delivered": 196, "invalid": 4}, kind
        assert len(sent) == len(set(sent))
        assert delivered.isdisjoint(sent), kind


def test_most_of_the_damage_is_found_where_it_is(stopped, tmp_path):
    folder, *_ = stopped
    chance, found = random.Random(5), 0
    for number in range(60):
        path = tmp_path / f"{number}.sqlite"
        shutil.copy(folder / "out/ledger.sqlite", path)
        damage(path, chance)
        try:
            loads_in(path)
        except cio.ConfigurationError:
            found += 1
    assert found > 15


def test_a_damaged_ledger_does_not_keep_others_from_being_listed(stopped, tmp_path, monkeypatch, capsys):
    folder, *_ = stopped
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "c", "d"):
        Path(name).mkdir()
    for name in ("a", "d"):
        shutil.copy(folder / "out/ledger.sqlite", name)
    Path("b/ledger.sqlite").write_bytes(b"x" * 5_000)
    Path("c/ledger.sqlite").write_bytes((folder / "out/ledger.sqlite").read_bytes()[:9_000])
    with pytest.raises(SystemExit) as end:
        main(["loads"])
    printed, told = capsys.readouterr()
    assert end.value.code == 2
    assert printed.count("people.parquet") == 2
    assert "Cannot read the ledger b/ledger.sqlite: file is not a database" in told
    assert "Cannot read the ledger c/ledger.sqlite" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("ledger", "words"),
    [
        (":memory:", "ledger= must be a file on disk, got ':memory:'"),
        ("", "ledger= must be a file, and . is a folder"),
        ("in", "ledger= must be a file, and in is a folder"),
        ("one-byte", "one-byte is not a cio_frames ledger: it has 1 bytes"),
        ("text", "Cannot use the ledger text: file is not a database"),
    ],
)
def test_what_cannot_be_a_ledger_is_refused_before_anything_is_sent(sandbox, tmp_path, monkeypatch, ledger, words):
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("one-byte").write_bytes(b"x")
    Path("text").write_text("a shopping list\n" * 100)
    with pytest.raises(cio.ConfigurationError) as error:
        load_rows([pd.DataFrame({"user_id": ["ada"]})], sandbox.client, ledger=ledger)
    assert words in str(error.value)
    assert len(sandbox.requests()) == 0
    assert Path("one-byte").read_bytes() == b"x"
    assert Path("text").read_text() == "a shopping list\n" * 100


def test_an_empty_file_that_no_load_has_used_may_become_a_ledger(sandbox, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("new.sqlite").touch()
    people = [pd.DataFrame({"user_id": ["ada"]})]
    assert load_rows(people, sandbox.client, ledger="new.sqlite").ok
    Path("new.sqlite").write_bytes(b"")
    with pytest.raises(cio.ConfigurationError, match="it is empty, and was not when a load used it"):
        load_rows(people, sandbox.client, ledger="new.sqlite")
