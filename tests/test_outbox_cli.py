"""`feedwatch outbox` and `feedwatch alert`, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mailserver import taking_mail
from origin import Answer, Origin
from workbench import Bench

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
CONFIG = """
[network]
allow_hosts = ["127.0.0.1"]
per_host_pause = "0s"

[[source]]
id = "blog"
url = "{url}/feed"

[[alert]]
id = "hook"
webhook = "{url}/hook"
secret = "${{HOOK_SECRET}}"
headers = {{ Authorization = "Bearer ${{file:token}}" }}
"""
TOKEN = "t0ken-of-the-receiver"
ENV = {"HOOK_SECRET": SECRET}

#: Each starts the command line several times.
pytestmark = pytest.mark.slow


def _feed(*numbers: int) -> bytes:
    items = "".join(
        f"<item><guid>tag:x,{n}</guid><title>Entry {n}</title><description>T</description></item>" for n in numbers
    )
    return f"<rss version='2.0'><channel><title>The blog</title>{items}</channel></rss>".encode()


@pytest.fixture
def bench(tmp_path: Path, origin: Origin) -> Bench:
    """A source with two new entries, and a receiver that refuses the first of them and takes the other."""
    made = Bench(tmp_path, ENV)
    made.config(CONFIG.format(url=origin.url))
    (tmp_path / "token").write_text(TOKEN + "\n")
    origin.serve("/feed", body=_feed(1))
    made.run("poll")
    origin.serve("/feed", body=_feed(3, 2, 1))
    origin.serve_in_turn("/hook", Answer(400, b"I do not like it"), Answer(200))
    made.run("poll")
    return made


def _rows(bench: Bench, *arguments: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = bench.json("outbox", "list", *arguments)["deliveries"]
    return rows


def test_list_and_show_tell_what_became_of_each_delivery(bench: Bench) -> None:
    rows = _rows(bench)
    assert sorted(str(row["status"]) for row in rows) == ["dead", "delivered"]
    (dead,) = _rows(bench, "--status", "dead")
    assert (dead["route"], dead["event"], dead["attempts"]) == ("hook", "new", 1)
    assert dead["error"] == "HTTP 400: I do not like it"

    shown = bench.json("outbox", "show", str(dead["id"])[:8])

    assert shown["answer"] == "I do not like it"
    assert shown["body"]["data"]["entry"]["title"] == dead["title"]
    assert "I do not like it" in bench.run("outbox", "show", str(dead["id"])).stdout
    assert bench.run("outbox", "list").stdout.count("\n") == 2


def test_retry_sends_what_was_given_up_under_its_id(bench: Bench, origin: Origin) -> None:
    (dead,) = _rows(bench, "--status", "dead")
    origin.requests.clear()

    done = bench.json("outbox", "retry", "--all")

    assert done == {"queued": [dead["id"]], "deliveries": {"delivered": 1, "retrying": 0, "dead": 0}}
    assert [asked.headers["webhook-id"] for asked in origin.requests] == [dead["id"]]
    assert {row["status"] for row in _rows(bench)} == {"delivered"}


def test_replay_sends_everything_since_then_again_under_the_same_ids(bench: Bench, origin: Origin) -> None:
    known = {str(row["id"]) for row in _rows(bench)}
    origin.requests.clear()

    bench.run("outbox", "replay", "--since", "1h")

    assert {asked.headers["webhook-id"] for asked in origin.requests} == known
    origin.requests.clear()
    bench.run("outbox", "replay", "--since", "2999-01-01")
    assert origin.requests == []


def test_replay_gives_a_new_alert_what_it_would_have_got(bench: Bench, origin: Origin) -> None:
    config = (bench.folder / "config.toml").read_text()
    bench.config(config + f'[[alert]]\nid = "later"\nwebhook = "{origin.url}/later"\n')
    origin.serve("/later", status=200)

    bench.run("outbox", "replay", "--since", "1h", "--route", "later")

    titles = [json.loads(a.body)["data"]["entry"]["title"] for a in origin.requests if a.path == "/later"]
    assert sorted(titles) == ["Entry 2", "Entry 3"]


def test_drop_gives_up_for_good_and_still_shows_it(bench: Bench) -> None:
    (dead,) = _rows(bench, "--status", "dead")

    bench.run("outbox", "drop", str(dead["id"])[:10])

    assert [row["id"] for row in _rows(bench, "--status", "dropped")] == [dead["id"]]
    assert bench.json("outbox", "retry", "--all")["queued"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("outbox", "retry"), "--all"),
        (("outbox", "show", "zzz"), 'begins with "zzz"'),
        (("outbox", "show", ""), "deliveries have"),
        (("outbox", "replay", "--since", "yesterday"), "--since 2d"),
        (("outbox", "replay", "--since", "1h", "--route", "nobody"), "nobody"),
        (("alert", "test", "nobody"), "there is hook"),
    ],
)
def test_what_cannot_be_done_is_said(bench: Bench, arguments: tuple[str, ...], said: str) -> None:
    assert said in bench.run(*arguments, code=2).stderr


def test_alert_test_shows_request_and_answer_without_the_secrets(bench: Bench, origin: Origin) -> None:
    origin.serve("/hook", status=200, body=f"got Bearer {TOKEN}".encode())
    origin.requests.clear()

    done = bench.run("alert", "test", "hook")

    (asked,) = origin.requests
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert json.loads(asked.body)["test"] is True
    assert f"POST {origin.url}/hook" in done.stdout
    assert "webhook-signature: v1," in done.stdout
    assert '"type": "entry.new"' in done.stdout
    assert "HTTP 200" in done.stdout
    assert "got [secret]" in done.stdout
    assert _rows(bench, "--status", "pending") == []


def test_alert_test_fails_when_the_receiver_does(bench: Bench, origin: Origin) -> None:
    origin.serve("/hook", status=500, body=b"broken")

    done = bench.run("alert", "test", "hook", code=1)

    assert "HTTP 500" in done.stdout
    assert "broken" in done.stdout


def test_alert_test_sends_a_real_mail(bench: Bench) -> None:
    with taking_mail() as inbox:
        config = (bench.folder / "config.toml").read_text()
        server = f'[mail]\nserver = "127.0.0.1:{inbox.port}"\nsecurity = "none"\nfrom = "alerts@example.org"\n'
        bench.config(config + server + '[[alert]]\nid = "me"\nmail = ["a@example.org", "b@example.org"]\n')

        done = bench.run("alert", "test", "me")

        assert [to for to, _ in inbox.mails] == ["a@example.org", "b@example.org"]
        assert "This is a test" in done.stdout
        assert "Subject: [Example blog] Safer rollouts, one region at a time" in done.stdout


def test_an_alert_whose_receiver_is_gone_is_off_until_it_is_switched_on(bench: Bench, origin: Origin) -> None:
    origin.serve("/hook", status=410)
    origin.serve("/feed", body=_feed(4, 3, 2, 1))
    bench.run("poll")
    (row,) = bench.json("alert", "list")["alerts"]
    assert (row["state"], row["pending"]) == ("off", 1)
    assert "HTTP 410" in row["problem"]
    assert "switched off" in bench.run("outbox", "retry", "--all").stderr

    origin.serve("/hook", status=200)
    assert "2 delivered" in bench.run("alert", "enable", "hook").stdout
    (row,) = bench.json("alert", "list")["alerts"]
    assert (row["state"], row["pending"]) == ("on", 0)
    assert "not switched off" in bench.run("alert", "enable", "hook").stdout


def test_s6_a_route_may_be_private_when_it_says_so_and_sources_do_not_profit(tmp_path: Path, origin: Origin) -> None:
    bench = Bench(tmp_path)
    (tmp_path / "feed.xml").write_bytes(_feed(1))
    config = (
        '[[source]]\nid = "file"\nurl = "feed.xml"\n'
        f'[[source]]\nid = "near"\nurl = "{origin.url}/feed"\n'
        f'[[alert]]\nid = "hook"\nwebhook = "{origin.url}/hook"\n'
    )
    origin.serve("/feed", body=_feed(1))
    origin.serve("/hook", status=200)
    bench.config(config)
    bench.run("poll", code=1)
    (tmp_path / "feed.xml").write_bytes(_feed(2, 1))
    bench.run("poll", code=1)
    assert "not a public address" in str(_rows(bench)[0]["error"])
    assert origin.requests == []

    bench.config(config + "allow_private = true\n")
    bench.run("outbox", "retry", "--all")
    bench.run("poll", code=1)

    assert [asked.path for asked in origin.requests] == ["/hook"]


# --- secrets -------------------------------------------------------------------------------------------

CANARIES = {
    "HOOK_SECRET": SECRET,
    "SMTP_PASSWORD": "canary-of-the-mail-server",
    "CHAT_TOKEN": "canaryOfTheChatService",
    "SOURCE_KEY": "canary-of-the-source",
}


def test_s19_secrets_appear_in_no_log_error_state_or_output(bench: Bench, origin: Origin) -> None:
    """Every channel fails, everything is logged at the finest level, and a receiver echoes what it got."""
    bench.environ.update(CANARIES)
    config = (
        (bench.folder / "config.toml")
        .read_text()
        .replace("\n\n[[alert]]", '\nheaders = { X-Key = "${SOURCE_KEY}" }\n\n[[alert]]', 1)
    )
    bench.config(
        config
        + '[mail]\nserver = "127.0.0.1:9"\nfrom = "a@example.org"\nuser = "u"\npassword = "${SMTP_PASSWORD}"\n'
        + '[[alert]]\nid = "mail"\nmail = "me@example.org"\n'
        + f'[[alert]]\nid = "chat"\nnotify = "mmost://127.0.0.1:{origin.port}/${{CHAT_TOKEN}}"\n'
    )
    echo = f"you sent {TOKEN} and {SECRET} and {CANARIES['SOURCE_KEY']}".encode()
    origin.serve("/hook", status=400, body=echo)
    origin.serve("/feed", body=_feed(5, 4, 3, 2, 1))
    said = [bench.run("-vv", "poll")]
    origin.serve("/feed", status=500, body=echo)
    said.append(bench.run("-vv", "poll", code=1))
    for arguments in (
        ("check",),
        ("status",),
        ("list",),
        ("alert", "list"),
        ("outbox", "list"),
        ("alert", "test", "hook"),
        ("alert", "test", "mail"),
        ("alert", "test", "chat"),
    ):
        said += [bench.run("-vv", *arguments, code=None), bench.run("-vv", *arguments, "--json", code=None)]
    bench.config(config.replace('id = "blog"', 'id = "Blog!"'))
    said.append(bench.run("check", code=78))

    everything = "".join(done.stdout + done.stderr for done in said).encode()
    for path in bench.state.rglob("*"):
        everything += path.read_bytes() if path.is_file() else b""
    assert b"HTTP 400: you sent [secret]" in everything
    assert [canary for canary in [*CANARIES.values(), TOKEN] if canary.encode() in everything] == []
    assert all("Traceback" not in done.stderr for done in said)


def test_secrets_come_from_systemds_credentials_too(bench: Bench, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "hook").write_text(SECRET)
    bench.environ = {"CREDENTIALS_DIRECTORY": str(credentials)}
    bench.config((bench.folder / "config.toml").read_text().replace("${HOOK_SECRET}", "${credential:hook}"))

    assert bench.json("check")["ok"]
    (credentials / "hook").unlink()
    assert "cannot be read" in bench.run("check", code=78).stderr
