"""The configuration: what a file means, and what is said about each mistake.

A new case is `fixtures/config/<mistake>.toml` and beside it what is to be said, `<mistake>.error.txt`.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tomllib
import traceback
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from feedwatch.config import load, parse, reading_digest, schema
from feedwatch.config_build import Config
from feedwatch.config_values import PLAIN_SELECTOR
from feedwatch.errors import ConfigError
from feedwatch.model import Selectors
from feedwatch.readers.selectors import compile_selector
from feedwatch.routes import Webhook
from feedwatch.toml_lines import nearest, positions

ROOT = Path(__file__).parent.parent
MISTAKES = sorted((ROOT / "fixtures" / "config").glob("*.toml"))
#: A value that is wrong everywhere, so that every place could show it.
CANARY = "Zq7\\canary["
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
SOURCE = '[[source]]\nid = "blog"\nurl = "https://blog.example.org/"\n'
ALERT = '[[alert]]\nid = "hook"\nwebhook = "https://hooks.example.org/feedwatch"\n'


def config(text: str, path: Path = Path("config.toml"), **environ: str) -> Config:
    return parse(text, path, environ)


def problems(text: str, **environ: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(text, Path("config.toml"), environ)
    return caught.value.problems


# --- mistakes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda path: path.stem)
def test_each_mistake_is_told_with_its_place_and_its_remedy(mistake: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(mistake.read_text("utf-8"), Path(mistake.name), {"FEEDWATCH_CANARY": CANARY})
    assert f"{caught.value}\n" == mistake.with_suffix(".error.txt").read_text("utf-8")


def test_five_mistakes_are_told_at_once() -> None:
    assert len(problems((ROOT / "fixtures/config/five-mistakes.toml").read_text("utf-8"))) == 5


def test_a_selector_that_is_none_is_told_where_it_stands() -> None:
    told = problems(SOURCE + '[source.select]\nentry = "li["\ntitle = "h2::text"\n')
    assert [line.split(": ")[:3] for line in told] == [
        ["config.toml:5:1", 'source "blog"', "select.entry"],
        ["config.toml:6:1", 'source "blog"', "select.title"],
    ]


@pytest.mark.parametrize(
    "key",
    ["id", "url", "title", "every", "link_base", "categories", "headers.X-Key", "select.entry", "select.title"],
)
def test_no_value_of_the_environment_is_shown_in_an_error(key: str) -> None:
    value = '["${CANARY}"]' if key == "categories" else '"${CANARY}"'
    rest = "".join(f'{name} = "x"\n' for name in ("id", "url", "select.entry") if name != key)
    assert "canary" not in "\n".join(problems(f"[[source]]\nbogus = 1\n{rest}{key} = {value}\n", CANARY=CANARY))


@pytest.mark.parametrize("key", ["id", "webhook", "secret", "when", "categories", "sources"])
def test_no_value_of_the_environment_is_shown_in_an_error_about_an_alert(key: str) -> None:
    value = '["${CANARY}"]' if key in ("secret", "when", "categories", "sources") else '"${CANARY}"'
    told = problems(f"{SOURCE}[[alert]]\nbogus = 1\n{key} = {value}\n", CANARY=CANARY)
    assert "canary" not in "\n".join(told)


def test_an_error_carries_no_value_in_its_causes_either() -> None:
    with pytest.raises(ConfigError) as caught:
        config(SOURCE + ALERT + 'secret = "${CANARY}"\n', CANARY=CANARY)
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_a_variable_that_is_not_set_is_the_only_thing_said_about_its_value() -> None:
    assert len(problems(SOURCE + ALERT + 'secret = "${UNSET}"\n')) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1", "http://", "https:///path", "http://user@blog.example.org/", "http://a b/", "http://a\tb/",
        "http://blog.example.org:0/", "http://blog.example.org:99999/", "http://bl%2fog/", "http://blög.example/",
        "http://127.0.0.1\\@blog.example.org/", "FILE:/etc/passwd", "source:file:/etc/passwd",
        "javascript:alert(1)",
        "http://blog.example.org/\u200bx", "//blog.example.org/", "", ".", "..", "/etc/passwd",
        "http://[fe80::1%25x]/",
    ],
)  # fmt: skip
def test_s4_s8_an_address_that_two_parsers_could_read_differently_is_refused(url: str) -> None:
    [told] = problems(f'[[source]]\nid = "blog"\nurl = {json.dumps(url)}\n')
    assert told.startswith('config.toml:3:1: source "blog": url: ')


def in_sentences(text: str) -> bool:
    """Whether `text` is a configuration, or refused with the place of each mistake."""
    try:
        config(text)
    except ConfigError as error:
        return all(line.startswith("config.toml:") for line in error.problems)
    return True


@given(st.text() | st.text(alphabet="[]{}=\"'\\.#,$ \n\r\tab1-:"))
def test_no_text_raises_anything_but_a_config_error(text: str) -> None:
    assert in_sentences(text)


_VALUES = st.recursive(
    st.text(max_size=8) | st.integers() | st.booleans() | st.floats() | st.sampled_from(["1h", "${X}", "a@href"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
_KEYS = st.sampled_from([
    "feedwatch", "network", "outbox", "source", "category", "alert", "feedwatch.every", "category.ml",
    "category.ml.aliases", "outbox.retry_first", "network.allow_hosts",
])  # fmt: skip


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(key)} = {_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


@given(_KEYS, _VALUES, st.sampled_from(["", SOURCE, SOURCE + ALERT]))
def test_no_value_in_any_place_raises_anything_but_a_config_error(key: str, value: object, rest: str) -> None:
    assert in_sentences(f"{key} = {_toml(value)}\n{rest}")


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, ".".join("a" * 5000) + " = 1", f"a = {'9' * 5000}"])
def test_a_file_made_to_exhaust_the_parser_is_a_config_error(text: str) -> None:
    assert len(problems(text)) == 1


# --- what a file means ------------------------------------------------------------------------------


def test_one_source_is_a_configuration() -> None:
    found = config(SOURCE)
    [source] = found.sources
    assert (source.id, source.url, source.every) == ("blog", "https://blog.example.org/", None)
    assert found.base_url == "http://127.0.0.1:8080"
    assert found.listen == ("127.0.0.1", 8080)
    assert (found.entries_per_feed, found.per_host, found.public) == (50, 1, None)
    assert found.per_host_pause == timedelta(seconds=1)
    assert (found.retry_first, found.retry_for) == (timedelta(seconds=30), timedelta(days=3))
    assert (found.routes, found.allow_hosts, found.categories.titles) == ((), frozenset(), {})


def test_every_key_arrives_where_it_belongs(tmp_path: Path) -> None:
    text = """
        [feedwatch]
        base_url = "https://feeds.example.org/team/"
        every = "2h"
        public = "out"
        entries = 10
        [network]
        allow_hosts = ["127.0.0.1", "Intranet.example:8443"]
        per_host = 2
        per_host_pause = "0s"
        [web]
        listen = "[::1]:8081"
        [outbox]
        retry_first = "1m30s"
        retry_for = "1d12h"
        [[source]]
        id = "page"
        url = "archive/page one.html"
        title = "A page"
        every = "15m"
        link_base = "https://blog.example.org/"
        categories = ["Engineering"]
        headers = { Authorization = "Bearer ${TOKEN}" }
        select = { entry = "li", link = "a@href" }
        [[source]]
        id = "feed"
        url = "https://blog.example.org/feed"
    """
    found = config(text, tmp_path / "config.toml", TOKEN="t0ken")
    page, feed = found.sources
    assert found.base_url == "https://feeds.example.org/team"
    assert (found.public, found.entries_per_feed, found.per_host) == (tmp_path / "out", 10, 2)
    assert found.allow_hosts == {"127.0.0.1", "intranet.example:8443"}
    assert (found.per_host_pause, found.listen) == (timedelta(0), ("::1", 8081))
    assert (found.retry_first, found.retry_for) == (timedelta(seconds=90), timedelta(hours=36))
    assert page.url == (tmp_path / "archive" / "page one.html").resolve().as_uri()
    assert (page.title, page.every, page.categories) == ("A page", timedelta(minutes=15), ("Engineering",))
    assert (page.link_base, page.headers) == ("https://blog.example.org/", (("Authorization", "Bearer t0ken"),))
    assert page.select == Selectors(entry="li", link="a@href")
    assert (feed.every, feed.select) == (timedelta(hours=2), None)


def test_categories_of_an_alert_may_be_names_slugs_or_aliases() -> None:
    found = config(f"""{SOURCE}
        [category.machine-learning]
        title = "Machine learning"
        aliases = ["ML", "Machine-Learning"]
        {ALERT}
        categories = ["ml", "Machine Learning", "Data Science", "uncategorised"]
        sources = ["blog"]
        when = ["withdrawn"]
        secret = ["${{NEW}}", "{SECRET}"]
    """, NEW=SECRET)  # fmt: skip
    [route] = found.routes
    assert route.categories == {"machine-learning", "data-science", "uncategorised"}
    assert route.sources == {"blog"}
    assert route.when == {"withdrawn"}
    assert isinstance(route.channel, Webhook)
    assert route.channel.secrets == (SECRET, SECRET)
    assert found.categories.titles == {"machine-learning": "Machine learning"}


def test_an_alert_without_a_filter_is_told_of_new_and_edited_entries() -> None:
    [route] = config(SOURCE + ALERT).routes
    assert route.when == {"new", "edited"}
    assert (len(route.categories), len(route.sources), len(route.match)) == (0, 0, 0)
    assert route.channel == Webhook("https://hooks.example.org/feedwatch")


def test_listen_off_serves_nothing() -> None:
    assert config('web.listen = "off"\n' + SOURCE).listen is None


def test_a_secret_is_shown_by_no_repr() -> None:
    found = config(SOURCE + 'headers.X-Key = "k3y"\n' + ALERT + f'secret = "{SECRET}"\n')
    assert not [secret for secret in ("k3y", SECRET, "hooks.example.org") if secret in repr(found)]


def test_a_file_source_reached_through_a_symbolic_link_to_elsewhere_is_refused(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (home / "archive").symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="outside the configuration's folder"):
        config('[[source]]\nid = "page"\nurl = "archive/page.html"\n', home / "config.toml")


def test_a_configuration_folder_may_itself_be_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    [source] = config('[[source]]\nid = "page"\nurl = "page.html"\n', tmp_path / "link" / "config.toml").sources
    assert source.url == (tmp_path / "real" / "page.html").resolve().as_uri()


def test_the_shipped_configuration_is_a_good_one() -> None:
    assert load(ROOT / "config.toml", {}).sources


def test_a_secret_in_a_template_is_not_shown_by_its_mistake() -> None:
    told = problems(SOURCE + ALERT + 'json = { text = "${TOK}" }\n', TOK="abc{%supersecret%}")

    assert "supersecret" not in "".join(told)


@pytest.mark.parametrize("value", ["2026-01-05", "nan", "inf"])
def test_what_json_does_not_have_is_refused(value: str) -> None:
    assert "JSON" in "".join(problems(SOURCE + ALERT + f"json = {{ x = {value} }}\n"))


# --- the digest of a reading ------------------------------------------------------------------------


def test_the_digest_changes_with_whatever_changes_a_reading() -> None:
    [source] = config(SOURCE).sources
    variants = [
        source,
        replace(source, url="https://blog.example.org/archive"),
        replace(source, link_base="https://blog.example.org/"),
        replace(source, categories=("a", "b")),
        replace(source, categories=("b", "a")),
        replace(source, select=Selectors(entry="a")),
        replace(source, select=Selectors(entry="a", title="b")),
        replace(source, select=Selectors(entry="a", link="b")),
    ]
    assert len({reading_digest(variant) for variant in variants}) == len(variants)


def test_the_digest_does_not_change_with_title_headers_or_interval() -> None:
    [source] = config(SOURCE).sources
    other = replace(source, title="Other", headers=(("X", "y"),), every=timedelta(days=1))
    assert reading_digest(other) == reading_digest(source)


# --- files ------------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_read_is_a_config_error_with_a_remedy(tmp_path: Path) -> None:
    unreadable = {tmp_path / "none.toml": "no such file; ", tmp_path: "is a folder; ", Path("\0"): "not a file"}
    for path, said in unreadable.items():
        with pytest.raises(ConfigError, match=said):
            load(path, {})


def test_a_file_that_is_not_utf_8_is_told_where(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(SOURCE.encode() + 'title = "Bj\xf6rn"\n'.encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert caught.value.problems == (f"{path}:4:12: not UTF-8; save the file in that encoding",)


def test_a_byte_order_mark_and_dos_line_ends_are_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SOURCE.replace("\n", "\r\n").encode())
    assert load(path, {}).path == path


def test_the_shipped_schema_is_the_one_of_this_version() -> None:
    shipped = (ROOT / "feedwatch" / "config.schema.json").read_text("utf-8")
    assert shipped == json.dumps(schema(), ensure_ascii=False, indent=2) + "\n", "feedwatch schema > …"


def test_the_schema_refuses_unknown_keys_in_every_table() -> None:
    described = schema()
    tables = [described, *described["$defs"].values()]
    assert [table.get("additionalProperties") for table in tables] == [False] * len(tables)


@given(text=st.from_regex(PLAIN_SELECTOR, fullmatch=True))
def test_a_plain_selector_is_one(text: str) -> None:
    compile_selector(text)


def test_plain_selectors_are_those_that_people_write() -> None:
    plain = ["article.card", ".card__title a@href", "#main > ul li", "time[datetime]@datetime", 'a[rel="next"] + *']
    others = ["", "a >", "> a", "li:not(.ad)", "a..b", "a b@", "a, b", "[href^='/x']"]

    assert all(PLAIN_SELECTOR.fullmatch(text) for text in plain)
    assert not any(PLAIN_SELECTOR.fullmatch(text) for text in others)


def test_a_configuration_without_selectors_loads_no_html_parser() -> None:
    code = (
        "import sys; from pathlib import Path; from feedwatch.config import parse\n"
        f"parse({SOURCE!r}, Path('config.toml'), {{}})\n"
        "sys.exit(' '.join({'bs4', 'lxml', 'feedparser', 'httpx', 'soupsieve'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert result.stderr.strip() == ""


# --- positions in a TOML text -----------------------------------------------------------------------


def test_positions_are_those_of_keys_and_headers() -> None:
    found = positions(
        "top = 1 # [no.header]\n"
        '[a . "b.c"]\n'
        'text = """\n[not]\nx = 1\\"""" # y = 1\n'
        "  list = [ # [[no]]\n  '[', \"]\",\n  ['x'],\n]\n"
        "one.two = { three = 3 }\r\n"
        "[[s]]\n[[s]]\n[s.t]\n'k' = ''''''\n\"\\u006b2\" = 2024-01-01"
    )
    assert dict(found) == {
        ("top",): (1, 1),
        ("a",): (2, 1),
        ("a", "b.c"): (2, 1),
        ("a", "b.c", "text"): (3, 1),
        ("a", "b.c", "list"): (6, 3),
        ("a", "b.c", "one"): (10, 1),
        ("a", "b.c", "one", "two"): (10, 1),
        ("s",): (11, 1),
        ("s", 0): (11, 1),
        ("s", 1): (12, 1),
        ("s", 1, "t"): (13, 1),
        ("s", 1, "t", "k"): (14, 1),
        ("s", 1, "t", "k2"): (15, 1),
    }
    assert nearest(found, ("a", "b.c", "one", "two", "three")) == (10, 1)
    assert nearest(found, ("nowhere",)) == (1, 1)


def _nested(inner: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.dictionaries(st.text(max_size=4), inner, min_size=1, max_size=3)


@given(_nested(st.recursive(st.text(max_size=6) | st.lists(st.text(max_size=3)), _nested, max_leaves=5)))
def test_every_key_of_any_text_has_a_position_on_its_own_line(tree: dict[str, object]) -> None:
    text, expected = "", {}
    for number, (path, value) in enumerate(_leaves(tree), start=1):
        text += ".".join(map(_toml, path)) + f" = {_toml(value)}\n"
        expected[path] = (number, 1)
    assert tomllib.loads(text) == tree
    found = positions(text)
    assert {path: found[path] for path in expected} == expected


def _leaves(tree: dict[str, object], above: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], object]]:
    found: list[tuple[tuple[str, ...], object]] = []
    for key, value in tree.items():
        found += _leaves(value, (*above, key)) if isinstance(value, dict) else [((*above, key), value)]
    return found
