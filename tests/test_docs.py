"""What the README and the other documents say is so."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from pathlib import Path

import pytest
from workbench import ROOT, Bench

from feedwatch import config
from feedwatch.cli import cli

README = (ROOT / "README.md").read_text("utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


COMMANDS = [line for block in _blocks("sh") for line in block.splitlines() if line.startswith(".venv/bin/feedwatch")]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A fresh copy of what a newcomer has."""
    shutil.copytree(ROOT / "fixtures", tmp_path / "fixtures")
    shutil.copy(ROOT / "config.toml", tmp_path)
    return Bench(tmp_path)


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    made = [line.split()[1] for block in _blocks("sh") for line in block.splitlines() if line.startswith("make ")]

    assert made == ["run", "test"]
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in made)


def test_every_feedwatch_command_of_the_readme_works(bench: Bench) -> None:
    assert len(COMMANDS) >= 5
    for command in COMMANDS:
        done = bench.run(*shlex.split(command)[1:])
        assert done.stdout.strip() or done.stderr.strip(), command


def test_every_configuration_in_the_readme_is_good() -> None:
    together = "\n".join(_blocks("toml"))
    environ = {"FEEDWATCH_HOOK_SECRET": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "SMTP_PASSWORD": "x"}

    parsed = config.parse(together, Path("/tmp/config.toml"), environ)  # noqa: S108

    assert [source.id for source in parsed.sources] == ["news", "engineering"]
    assert [route.id for route in parsed.routes] == ["team-hook", "me"]
    assert tomllib.loads(together)


def test_every_configuration_in_the_other_documents_is_good() -> None:
    for text in re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "alerts.md").read_text("utf-8"), re.DOTALL):
        source = '[[source]]\nid = "blog"\nurl = "https://blog.example.org/"\n'
        assert config.parse(source + text, Path("/tmp/config.toml"), {}).routes  # noqa: S108


def test_every_command_is_in_the_readme_or_its_help() -> None:
    for name in cli.list_commands(None):  # type: ignore[arg-type]  # the list does not depend on a context
        assert f"`{name}`" in README or f"feedwatch {name}" in README, name


def test_every_file_the_readme_links_to_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


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
