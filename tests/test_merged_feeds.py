"""Feeds by words, merged feeds, private feeds, and feeds that moved: what stands where, and what stands nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import feedparser
import pytest
from house import BASE, House, links
from make import entry
from test_atom import checked
from test_serving import ask

from feedwatch.canonical import feed_id
from feedwatch.categories import Categories
from feedwatch.config import parse
from feedwatch.errors import ConfigError
from feedwatch.model import Imprint
from feedwatch.selection import Merged

TOKEN = "0123456789abcdef0123"
RUST = Merged("rust", "Rust", match=("rust",), unless=("corrosion",))


@pytest.fixture
def houses(tmp_path: Path) -> Iterator[list[House]]:
    made: list[House] = []
    yield made
    for house in made:
        house.crash()


def house(folder: Path, houses: list[House], *merged: Merged, **more: object) -> House:
    made = House(folder, merged=merged, limit=20, **more)  # type: ignore[arg-type]
    houses.append(made)
    return made


def titles(house: House, name: str) -> list[str]:
    data = (house.public / f"{name}.atom").read_bytes()
    checked(data)
    return sorted(one.title for one in feedparser.parse(data).entries)


def fill(house: House) -> None:
    house.reads("blog", entry(1, "Rust in practice"), entry(2, "Rust and corrosion"), entry(3, "Trust me"))
    house.reads(
        "news",
        entry(4, "News of RUST", categories=["People"]),
        entry(5, "Nothing", summary="but rust, it says", categories=["People"]),
    )


def test_a_feed_by_words_takes_what_an_alert_would(tmp_path: Path, houses: list[House]) -> None:
    made = house(tmp_path, houses, RUST)
    fill(made)

    assert titles(made, "feeds/rust") == ["News of RUST", "Nothing", "Rust in practice"]
    assert feedparser.parse((made.public / "feeds" / "rust.atom").read_bytes()).feed.title == "Rust"


@pytest.mark.parametrize(
    ("merged", "expected"),
    [
        (Merged("m", "M", sources=frozenset({"news"})), ["News of RUST", "Nothing"]),
        (Merged("m", "M", sources=frozenset({"news"}), match=("rust",), unless=("nothing",)), ["News of RUST"]),
        (Merged("m", "M", categories=frozenset({"data"})), ["Rust and corrosion", "Rust in practice", "Trust me"]),
        (Merged("m", "M", categories=frozenset({"data", "people"}), match=("news", "trust me")),
         ["News of RUST", "Trust me"]),
        (Merged("m", "M", categories=frozenset({"data"}), sources=frozenset({"news"})), []),
    ],
)  # fmt: skip
def test_sources_and_categories_narrow_it_as_in_an_alert(
    tmp_path: Path, houses: list[House], merged: Merged, expected: list[str]
) -> None:
    made = house(tmp_path, houses, merged, Merged("everything", "Everything"))
    fill(made)

    assert titles(made, "feeds/everything") == titles(made, "feeds/all")
    assert titles(made, "feeds/m") == expected if expected else not (made.public / "feeds" / "m.atom").exists()


def test_an_edit_brings_an_entry_into_a_feed_and_takes_it_out(tmp_path: Path, houses: list[House]) -> None:
    made = house(tmp_path, houses, RUST)
    fill(made)
    made.reads("blog", entry(3, "Rust me"))
    made.reads("blog", entry(1, "Go in practice"))

    assert titles(made, "feeds/rust") == ["News of RUST", "Nothing", "Rust me"]


def test_a_feed_that_is_made_up_later_has_what_was_there_before(tmp_path: Path, houses: list[House]) -> None:
    made = house(tmp_path, houses)
    fill(made)
    made.close()
    made.merged = (RUST,)
    made.open()
    made.publish()

    assert titles(made, "feeds/rust") == ["News of RUST", "Nothing", "Rust in practice"]
    assert "feeds/rust.atom" in (made.public / "feeds.opml").read_text()


def test_it_has_an_archive_and_twins_like_every_feed(tmp_path: Path, houses: list[House]) -> None:
    made = House(tmp_path, merged=[Merged("m", "M", match=("entry",))], imprint=Imprint(BASE, twins=("json", "rss")))
    houses.append(made)
    for number in range(1, 20):
        made.reads("blog", entry(number))

    assert len(made.subscribe("feeds/m")) == 19
    assert (made.public / "feeds" / "m.json").is_file()
    assert (made.public / "feeds" / "m.rss").is_file()


# --- private ones --------------------------------------------------------------------------------------


def test_a_private_feed_stands_at_an_address_that_nobody_is_told(tmp_path: Path, houses: list[House]) -> None:
    made = House(
        tmp_path, merged=[Merged("mine", "Mine", token=TOKEN)], imprint=Imprint(BASE, hub="https://hub.example/")
    )
    houses.append(made)
    for number in range(1, 20):
        written = made.reads("blog", entry(number))

    assert len(made.subscribe(f"private/{TOKEN}/mine")) == 19
    assert "hub" not in links(made.read(f"private/{TOKEN}/mine.atom"))
    assert not (made.public / "feeds" / "mine.atom").exists()
    assert not any(TOKEN in name for name in written)
    public = [path for path in made.public.rglob("*") if path.is_file() and TOKEN not in str(path)]
    assert len(public) > 10
    assert not [path for path in public if TOKEN in path.read_text() or ">Mine<" in path.read_text()]
    assert "mine" not in made.store.feeds()


def test_its_id_says_nothing_of_the_token_and_survives_another_one(tmp_path: Path, houses: list[House]) -> None:
    made = House(tmp_path, merged=[Merged("mine", "Mine", token=TOKEN)])
    houses.append(made)
    fill(made)
    made.close()
    made.merged = [Merged("mine", "Mine", token=TOKEN[::-1])]
    made.open()
    made.publish()

    assert not (made.public / "private" / TOKEN).exists()
    found = feedparser.parse((made.public / "private" / TOKEN[::-1] / "mine.atom").read_bytes())
    assert (found.feed.id, len(found.entries)) == (feed_id("feeds/mine"), 3)


def test_a_feed_that_becomes_private_is_public_no_more(tmp_path: Path, houses: list[House]) -> None:
    made = House(tmp_path, merged=[Merged("mine", "Mine")])
    houses.append(made)
    for number in range(1, 10):
        made.reads("blog", entry(number))
    assert made.pages("feeds/mine")
    made.close()
    made.merged = [Merged("mine", "Mine", token=TOKEN)]
    made.open()
    made.publish()

    assert not list((made.public / "feeds").glob("mine*"))
    assert len(made.subscribe(f"private/{TOKEN}/mine")) == 9


# --- renamed categories --------------------------------------------------------------------------------


def renamed(made: House) -> None:
    made.categories = Categories({"people-and-work": "People and work"}, {"people": "people-and-work"})
    made.moved = {"people": "people-and-work"}
    made.imprint = Imprint(BASE, twins=("json",), first_slugs={"people-and-work": "people"})


def test_the_address_and_the_id_of_a_renamed_category_stay_good(tmp_path: Path, houses: list[House]) -> None:
    made = House(tmp_path, imprint=Imprint(BASE, twins=("json",)))
    houses.append(made)
    for number in range(1, 20):
        made.reads("news", entry(number, categories=["People"]))
    before = made.read("feeds/people.atom").findtext("{*}id")
    made.close()
    renamed(made)
    made.open()
    made.publish()

    assert made.read("feeds/people-and-work.atom").findtext("{*}id") == before
    assert len(made.subscribe("feeds/people-and-work")) == 19
    # For static hosting the file is there, for readers over HTTP the address has moved.
    assert (made.public / "feeds" / "people.atom").read_bytes() == (
        made.public / "feeds" / "people-and-work.atom"
    ).read_bytes()
    for old, new in (
        ("people.atom", "people-and-work.atom"),
        ("people.json", "people-and-work.json"),
        ("people/archive-1.atom", "../people-and-work/archive-1.atom"),
    ):
        answer = ask(made.public, f"/feeds/{old}")
        assert (answer.status_code, answer.headers["location"]) == (301, new)


def test_a_name_that_is_given_up_can_be_used_again(tmp_path: Path, houses: list[House]) -> None:
    made = House(tmp_path)
    houses.append(made)
    renamed(made)
    made.close()
    made.open()
    for number in range(1, 10):
        made.reads("news", entry(number, categories=["People"]))
    made.close()
    made.categories, made.moved, made.imprint = Categories(), {}, Imprint(BASE)
    made.open()
    made.publish()

    assert not (made.public / "feeds" / "people.atom").is_symlink()
    assert len(made.subscribe("feeds/people")) == 9
    assert (made.public / "feeds" / "people-and-work.atom").is_file()


def test_what_somebody_else_put_there_stays(tmp_path: Path, houses: list[House]) -> None:
    made = House(tmp_path)
    houses.append(made)
    made.reads("news", entry(1, categories=["People"]))
    (made.public / "feeds" / "people").mkdir()
    (made.public / "feeds" / "people" / "notes.txt").write_text("mine")
    (made.public / "feeds" / "own.rss").write_text("mine")
    made.close()
    renamed(made)
    made.open()
    made.publish()

    assert (made.public / "feeds" / "people" / "notes.txt").read_text() == "mine"
    assert (made.public / "feeds" / "own.rss").read_text() == "mine"


def test_a_format_that_is_not_wanted_any_more_goes(tmp_path: Path, houses: list[House]) -> None:
    made = House(tmp_path, imprint=Imprint(BASE, twins=("json", "rss")))
    houses.append(made)
    fill(made)
    made.close()
    made.imprint = Imprint(BASE, twins=("rss",))
    made.open()
    made.publish()

    assert not list(made.public.rglob("*.json"))
    assert {path.name for path in made.public.rglob("*.rss")} == {
        "all.rss", "data.rss", "people.rss", "blog.rss", "news.rss"
    }  # fmt: skip


# --- in the configuration ------------------------------------------------------------------------------

SOURCE = '[[source]]\nid = "blog"\nurl = "https://blog.example/feed"\n'


def read(text: str, **environ: str) -> object:
    return parse(SOURCE + text, Path("config.toml"), environ)


def test_the_configuration_says_it_all() -> None:
    text = (
        '[feedwatch]\nbase_url = "https://f.example"\nformats = ["atom", "rss"]\nhub = "https://hub.example/"\n'
        'icon = "https://f.example/i.png"\nlogo = "https://f.example/l.png"\nrights = "All ours"\n'
        '[category.machine-learning]\nwas = ["ml", "learning"]\n'
        '[[feed]]\nid = "rust"\ntitle = "Rust"\nmatch = "rust"\ncategories = ["ML"]\nsources = ["blog"]\n'
        f'token = "${{TOKEN}}"\n{SOURCE}'
    )
    config = parse(text, Path("config.toml"), {"TOKEN": TOKEN})

    assert config.imprint == Imprint(
        "https://f.example", ("rss",), "https://hub.example/", "https://f.example/i.png", "https://f.example/l.png",
        "All ours", {"machine-learning": "ml"},
    )  # fmt: skip
    assert config.moved == {"ml": "machine-learning", "learning": "machine-learning"}
    assert config.categories.slug_of("ML") == "machine-learning"
    assert config.merged == (
        Merged("rust", "Rust", frozenset({"machine-learning"}), frozenset({"blog"}), ("rust",), (), TOKEN),
    )
    assert TOKEN in config.secrets
    assert TOKEN not in repr(config)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[feed]]\nid = "all"\ntitle = "x"', "the feed 'all' is feedwatch's own"),
        ('[[feed]]\nid = "x"\ntitle = "x"\n[[feed]]\nid = "x"\ntitle = "y"', "another feed has this id already"),
        ('[[feed]]\nid = "x"\ntitle = "x"\nsources = ["blgo"]', "there is no source 'blgo'; did you mean 'blog'"),
        ('[[feed]]\nid = "x"\ntitle = "x"\n[category.x]', "a category's feed has this address already"),
        ('[[feed]]\nid = "x"\ntitle = "x"\n[category.y]\nwas = ["x"]', "a category's feed has this address already"),
        ('[[feed]]\nid = "x"\ntitle = "x"\ntoken = "short"', "openssl rand -hex 16"),
        ('[category.x]\nwas = ["Old Name"]', "write old-name"),
        ('[category.x]\nwas = ["y"]\n[category.y]', "is a name of [category.y]"),
        ('[category.x]\nwas = ["z"]\n[category.y]\nwas = ["z"]', "is a name of [category.x]"),
        ('[category.x]\nwas = ["all"]', "never had another name"),
        ('[feedwatch]\nformats = ["json"]', "atom cannot be left out"),
        ('[feedwatch]\nhub = "hub.example"', "hub"),
    ],
)
def test_a_mistake_is_told_with_its_remedy(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)

    assert said in str(caught.value)


def test_a_category_of_a_source_that_is_called_like_a_feed_of_the_operator_steps_aside(tmp_path: Path) -> None:
    config = parse(f'{SOURCE}[[feed]]\nid = "rust"\ntitle = "Rust"\nmatch = "rust"\n', tmp_path / "c.toml", {})

    assert config.categories.slug_of("Rust") == "rust-category"
