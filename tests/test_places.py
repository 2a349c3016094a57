"""Where the configuration and the state folder are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from feedwatch.errors import ConfigError
from feedwatch.places import find_config, state_dir

SYSTEM = Path("/etc/feedwatch/config.toml")


def written(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path


def test_a_configuration_that_is_named_is_taken_whether_it_exists_or_not(tmp_path: Path) -> None:
    written(tmp_path / "config.toml")
    environ = {"FEEDWATCH_CONFIG": "/srv/other.toml"}
    assert find_config(Path("mine.toml"), environ, tmp_path) == Path("mine.toml")
    assert find_config(None, environ, tmp_path) == Path("/srv/other.toml")


def test_the_folder_one_stands_in_comes_before_the_home_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    personal = written(home / ".config/feedwatch/config.toml")
    xdg = written(tmp_path / "xdg/feedwatch/config.toml")
    environ = {"HOME": str(home)}
    assert find_config(None, environ, tmp_path) == personal
    assert find_config(None, environ | {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}, tmp_path) == xdg
    here = written(tmp_path / "config.toml")
    assert find_config(None, environ, tmp_path) == here


def test_a_relative_xdg_folder_is_ignored(tmp_path: Path) -> None:
    personal = written(tmp_path / "home/.config/feedwatch/config.toml")
    environ = {"HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": "xdg"}
    assert find_config(None, environ, tmp_path / "work") == personal


@pytest.mark.skipif(SYSTEM.exists(), reason="this machine has a configuration of its own")
def test_without_a_configuration_the_places_looked_at_are_listed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find_config(None, {"HOME": str(tmp_path / "home")}, tmp_path)
    for place in (tmp_path / "config.toml", tmp_path / "home/.config/feedwatch/config.toml", SYSTEM):
        assert str(place) in str(caught.value)


def test_the_state_folder_that_is_named_comes_first_then_that_of_systemd(tmp_path: Path) -> None:
    environ = {"STATE_DIRECTORY": "/var/lib/feedwatch:/var/lib/other", "HOME": "/home/reader"}
    here = tmp_path / "config.toml"
    assert state_dir(Path("mine"), here, environ, tmp_path) == Path("mine")
    assert state_dir(None, here, environ, tmp_path) == Path("/var/lib/feedwatch")


@pytest.mark.parametrize("config", ["config.toml", "./config.toml"])
def test_the_state_stands_beside_a_configuration_in_the_folder_one_stands_in(config: str, tmp_path: Path) -> None:
    environ = {"HOME": "/home/reader"}
    assert state_dir(None, Path(config), environ, tmp_path) == tmp_path / "state"
    assert state_dir(None, tmp_path / config, environ, tmp_path) == tmp_path / "state"


def test_the_state_of_any_other_configuration_is_in_the_home_folder(tmp_path: Path) -> None:
    environ = {"HOME": "/home/reader"}
    for config in (SYSTEM, Path("other.toml"), Path("sub/config.toml")):
        assert state_dir(None, config, environ, tmp_path) == Path("/home/reader/.local/state/feedwatch")
    environ["XDG_STATE_HOME"] = "/srv/xdg"
    assert state_dir(None, SYSTEM, environ, tmp_path) == Path("/srv/xdg/feedwatch")


def test_without_a_home_folder_the_state_folder_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--state-dir"):
        state_dir(None, SYSTEM, {}, tmp_path)
