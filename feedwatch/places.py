"""Where the configuration and the state folder are looked for. Opens and creates nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from feedwatch.errors import ConfigError

_NAME = "config.toml"


def find_config(explicit: Path | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """The configuration file: the one that was asked for, whether it exists or not, else the first that exists.

    In order: `explicit` (--config), $FEEDWATCH_CONFIG, ./config.toml, $XDG_CONFIG_HOME (or ~/.config)
    /feedwatch/config.toml, /etc/feedwatch/config.toml. Raises ConfigError that lists the places looked at.
    """
    if explicit is not None:
        return explicit
    if environ.get("FEEDWATCH_CONFIG"):
        return Path(environ["FEEDWATCH_CONFIG"])
    places = [cwd / _NAME]
    personal = _personal(environ, "XDG_CONFIG_HOME", ".config")
    if personal:
        places.append(personal / _NAME)
    places.append(Path("/etc/feedwatch") / _NAME)
    for place in places:
        # A folder that may not be entered is a place without a configuration, not the end of the search.
        with contextlib.suppress(OSError):
            if place.exists():
                return place
    looked = ", ".join(map(str, places))
    raise ConfigError((
        f"no configuration: looked for {looked}; name yours with --config, or begin one with: feedwatch add URL",
    ))  # fmt: skip


def new_config(environ: Mapping[str, str], cwd: Path) -> Path:
    """Where a configuration is begun: this user's own place, so that it is found from every folder."""
    return (_personal(environ, "XDG_CONFIG_HOME", ".config") or cwd) / _NAME


def state_dir(explicit: Path | None, config_path: Path, environ: Mapping[str, str], cwd: Path) -> Path:
    """The folder for everything that feedwatch remembers; it need not exist yet.

    In order: `explicit` (--state-dir), $STATE_DIRECTORY (systemd; the first of a list), ./state when the
    configuration is ./config.toml, $XDG_STATE_HOME (or ~/.local/state)/feedwatch. Raises ConfigError when
    there is not even a home folder.
    """
    if explicit is not None:
        return explicit
    given = environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    if cwd / config_path == cwd / _NAME:
        return cwd / "state"
    personal = _personal(environ, "XDG_STATE_HOME", ".local/state")
    if personal:
        return personal
    raise ConfigError(("no place for the state folder: $HOME is not set; name one with --state-dir",))


def _personal(environ: Mapping[str, str], variable: str, fallback: str) -> Path | None:
    """This user's feedwatch folder. A relative value is to be ignored (XDG Base Directory 0.8)."""
    base = Path(environ.get(variable, ""))
    if base.is_absolute():
        return base / "feedwatch"
    home = environ.get("HOME")
    return Path(home) / fallback / "feedwatch" if home else None
