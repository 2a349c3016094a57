"""What the README and the other documents say is so."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import get_args

import click
import pytest
from documents import DOCUMENTS, Shell, blocks, commands
from origin import Origin
from workbench import ROOT

from feedwatch import config
from feedwatch.cli import cli
from feedwatch.model import IncidentKind

README = DOCUMENTS["README.md"]
#: What a block about something else leaves out.
SOURCE = '[[source]]\nid = "blog"\nurl = "https://blog.example.org/"\n'
MAIL = '[mail]\nserver = "smtp.example.org"\nfrom = "feedwatch <alerts@example.org>"\n'
SECRETS = {
    "ROLLOUTS_TOKEN": "0123456789abcdef0123456789abcdef",
    "FEEDWATCH_TOKEN": "fedcba9876543210fedcba9876543210",
    "FEEDWATCH_HOOK_SECRET": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "SLACK_TOKENS": "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
}
BLOG = b"<link rel='alternate' type='application/atom+xml' href='/feed.xml'><h1>Blog</h1><p>See the feed.</p>"
FEED = (
    b"<feed xmlns='http://www.w3.org/2005/Atom'><title>B</title><entry><id>urn:x:1</id><title>A post</title>"
    b"<updated>2024-01-01T00:00:00Z</updated><link href='/post'/></entry></feed>"
)
LIST = '<opml version="2.0"><body><outline text="Tech"><outline text="A" xmlUrl="https://a.example/"/></outline></body></opml>'


@pytest.fixture
def shell(tmp_path: Path, origin: Origin) -> Shell:
    """A fresh copy of what a newcomer has, a site of theirs, and what they subscribe to elsewhere."""
    origin.serve("/blog", body=BLOG)
    origin.serve("/feed.xml", body=FEED)
    made = Shell(tmp_path, {"https://www.example.org": origin.url})
    shutil.copytree(ROOT / "fixtures", tmp_path / "fixtures")
    for name in ("systemd", "pyproject.toml", "requirements.lock"):
        (tmp_path / name).symlink_to(ROOT / name)
    bundled = (ROOT / "config.toml").read_text("utf-8")
    (tmp_path / "config.toml").write_text(f'{bundled}\n[network]\nallow_hosts = ["127.0.0.1"]\n')
    (tmp_path / "subscriptions.opml").write_text(LIST)
    return made


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    made = [line.split()[1] for line in commands("README.md") if line.startswith("make ")]

    assert made == ["run", "test"]
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in made)


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if commands(name)])
def test_every_command_of_a_document_works_one_after_the_other(shell: Shell, name: str) -> None:
    if name == "docs/operation.md":
        shell.run("feedwatch poll")
        shell.run("mkdir -p /etc/feedwatch /var/lib/feedwatch")
        shell.run("cp -r config.toml fixtures /etc/feedwatch/")

    for line in commands(name):
        shell.run(line)


def test_a_site_is_watched_in_three_steps(shell: Shell) -> None:
    steps = re.findall(r"^```sh\n(.*?)^```", README.partition("## Watch your own site")[2], re.DOTALL | re.MULTILINE)
    add, poll, *_ = [line for block in steps for line in block.splitlines()]

    shell.run(add)
    assert "1 discovered" in shell.run(poll)

    assert "A post" in shell.run("feedwatch list")
    assert re.search(r"^\*\*3\. Run it\*\*, with `make run`", README, re.MULTILINE)


def test_a_restore_brings_back_what_was_known(shell: Shell) -> None:
    shell.run("feedwatch poll")
    before = shell.run("feedwatch list --json")
    backup, restore = (block.splitlines() for block in blocks("docs/operation.md", "sh") if "tar " in block)

    for line in (*backup, *restore[:2]):
        shell.run(line)

    assert json.loads(shell.run("feedwatch list --json")) == json.loads(before)
    assert not (shell.folder / "state" / "polls.json").exists()
    assert restore == ["rm -rf state", restore[1], "feedwatch check", "feedwatch poll --discover"]


@pytest.mark.parametrize(("name", "text"), [(name, text) for name in DOCUMENTS for text in blocks(name, "toml")])
def test_every_configuration_is_good(name: str, text: str) -> None:
    assert tomllib.loads(text)
    if "[[source]]" not in text:
        text += SOURCE
    if "mail " in text and "[mail]" not in text:
        text += MAIL
    environ = {variable: SECRETS.get(variable, "x") for variable in re.findall(r"\$\{([A-Z_]+)\}", text)}

    parsed = config.parse(text, ROOT / "config.toml", environ)

    assert len(parsed.sources) == len(re.findall(r"^\[\[source]]", text, re.MULTILINE))
    assert len(parsed.routes) == len(re.findall(r"^\[\[alert]]", text, re.MULTILINE))


@pytest.mark.parametrize(("name", "text"), [(name, text) for name in DOCUMENTS for text in blocks(name, "json")])
def test_every_json_is_json(name: str, text: str) -> None:
    assert json.loads(text)


@pytest.mark.parametrize(("name", "text"), [(name, text) for name in DOCUMENTS for text in blocks(name, "ini")])
def test_every_drop_in_changes_what_the_unit_has(name: str, text: str) -> None:
    """A setting that the unit does not have would loosen nothing."""
    unit = (ROOT / "systemd" / "feedwatch.service").read_text("utf-8")
    changed = configparser.RawConfigParser(strict=False)
    changed.optionxform = str  # type: ignore[assignment,method-assign]  # systemd minds the case
    changed.read_string(text)

    assert changed.sections() == ["Service"]
    assert [key for key in changed["Service"] if not re.search(rf"^{key}=", unit, re.MULTILINE)] == []


def test_nginx_takes_its_recipe(tmp_path: Path) -> None:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed")
    (recipe,) = blocks("README.md", "nginx")
    recipe = recipe.replace("listen 80;", f"listen unix:{tmp_path}/socket;")
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nerror_log {tmp_path}/error.log;\nevents {{}}\nhttp {{\naccess_log off;\n{recipe}}}\n"
    )

    done = subprocess.run(
        [nginx, "-t", "-e", f"{tmp_path}/error.log", "-p", str(tmp_path), "-c", f"{tmp_path}/nginx.conf"],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr


#: Blocks that are run or read by the tests above, by those of docs/webhooks.md, or are no code.
TESTED = {"sh", "toml", "json", "ini", "nginx", "", "python", "javascript", "php", "go"}


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    for name, text in DOCUMENTS.items():
        found = re.findall(r"^```(\w*)\n.*?^```", text, re.DOTALL | re.MULTILINE)
        assert set(found) <= TESTED, name
        assert name == "docs/webhooks.md" or not {"python", "javascript", "php", "go"} & set(found)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_that_is_named_exists_and_has_those_options(name: str) -> None:
    for code in re.findall(r"`(?:\.venv/bin/)?feedwatch ([^`]+)`", DOCUMENTS[name]):
        command: click.Command = cli
        for word in shlex.split(code.partition(">")[0]):
            inner = command.get_command(click.Context(command), word) if isinstance(command, click.Group) else None
            options = {option for parameter in command.params for option in parameter.opts}
            assert not word.startswith("--") or word in options, f"feedwatch {code}"
            assert inner or not isinstance(command, click.Group) or word.startswith("-"), f"feedwatch {code}"
            command = inner or command


def test_every_command_is_in_the_readme() -> None:
    for name in cli.list_commands(click.Context(cli)):
        assert f"`{name}" in README or f"feedwatch {name}" in README, name


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_that_is_linked_to_is_there(name: str) -> None:
    folder = (ROOT / name).parent
    links = [link for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", DOCUMENTS[name]) if "://" not in link]

    assert [link for link in links if not (folder / link).exists()] == []
    for document, anchor in re.findall(r"\]\(([^)#\s:]+\.md)#([^)]+)\)", DOCUMENTS[name]):
        headings = re.findall(r"^#+ (.*)$", (folder / document).read_text("utf-8"), re.MULTILINE)
        assert anchor in [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]


def test_each_incident_is_explained() -> None:
    table = DOCUMENTS["docs/operation.md"].partition("## Incidents")[2]
    explained = re.findall(r"^\| `([a-z-]+)` \| .+ \| .+ \|$", table, re.MULTILINE)

    assert sorted(explained) == sorted(get_args(IncidentKind))


def test_each_law_names_tests_that_exist() -> None:
    laws = DOCUMENTS["docs/architecture.md"].partition("## The laws")[2].partition("\nWhy")[0]
    named = re.findall(r"`(test_\w+\.py)`", laws)

    assert len(named) > 15
    assert [test for test in named if not (ROOT / "tests" / test).exists()] == []


def test_the_container_has_what_it_needs_and_no_root() -> None:
    text = (ROOT / "Containerfile").read_text("utf-8")
    let_in = [line[1:] for line in (ROOT / ".containerignore").read_text("utf-8").splitlines() if line.startswith("!")]
    copied = [name for line in re.findall(r"^COPY (?!--)(.+) \S+$", text, re.MULTILINE) for name in line.split()]
    (health,) = re.findall(r"HEALTHCHECK .*\\\n  CMD (\[.*\])", text)

    assert sorted(copied) == sorted(let_in)
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert re.search(r"^USER (?!0|root)\d+:\d+$", text, re.MULTILINE)
    assert re.findall(r"STATE_DIRECTORY=(\S+)|^VOLUME (\S+)", text, re.MULTILINE) == [
        ("/var/lib/feedwatch", ""),
        ("", "/var/lib/feedwatch"),
    ]
    compile(json.loads(health)[2], "healthcheck", "exec")
    assert text.rindex("FROM") < text.index("USER")


def test_the_table_of_manners_has_every_check() -> None:
    checks = re.findall(
        r'^        "(P\d+ [^"]+)":', (ROOT / "tests" / "test_manners.py").read_text("utf-8"), re.MULTILINE
    )
    table = re.findall(r"^- (P\d+ .*)$", (ROOT / "docs" / "manners.md").read_text("utf-8"), re.MULTILINE)

    assert len(checks) > 40
    assert table == checks


def test_the_lock_files_name_no_index() -> None:
    for name in ("requirements.lock", "requirements-test.lock"):
        text = (ROOT / name).read_text("utf-8")
        assert "--hash=sha256:" in text
        assert not re.search(r"https?://|--index|--find-links", text)
