"""The browser of this machine: where it is, how it is told to stay off the network, what to do where there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from importlib.util import find_spec

#: Names an executable: the browser to take instead of the first one on PATH.
NAMED_BY = "FEEDWATCH_CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_INSTALL = "install chromium (on Debian: apt install chromium)"
#: What a browser needs of our environment; the rest may be secrets.
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "FONTCONFIG_FILE", "FONTCONFIG_PATH")

#: Whatever is not handed to us to be fetched must find no way out: a proxy whose name nobody knows, for loopback too
#: (which needs to be said), no names, and no UDP past the proxy.
ARGUMENTS = (
    "--proxy-server=http://nowhere.invalid:9",
    "--proxy-bypass-list=<-loopback>",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--dns-prefetch-disable",
    "--no-pings",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    # Megabytes of a page's JavaScript objects; beyond it the page ends, not the machine.
    "--js-flags=--max-old-space-size=512",
)


def find(environ: Mapping[str, str]) -> str | None:
    """The executable that the environment names, else the first browser on its PATH."""
    named = environ.get(NAMED_BY)
    if named:
        return shutil.which(named)
    path = environ.get("PATH", os.defpath)
    return next((found for name in _NAMES if (found := shutil.which(name, path=path))), None)


def missing(environ: Mapping[str, str]) -> str | None:
    """What has to be installed before a page can be rendered, as one sentence; None when all is there."""
    if find_spec("playwright") is None:
        return f"browser = true needs Playwright: install feedwatch[browser], and {_INSTALL} if there is none"
    if find(environ) is None:
        if named := environ.get(NAMED_BY):
            return (
                f"browser = true needs chromium, and {NAMED_BY} names no program ({named}): correct it, or {_INSTALL}"
            )
        return f"browser = true needs chromium, and none is on PATH: {_INSTALL}, or name one in {NAMED_BY}"
    return None


def surroundings(environ: Mapping[str, str]) -> dict[str, str | float | bool]:
    """The environment of the browser's process."""
    return {name: environ[name] for name in _ENVIRONMENT if name in environ}
