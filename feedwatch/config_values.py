"""The values that stand in the configuration: each function takes one and returns it, or says what is wrong.

A ValueError is a sentence that says what to write instead and never shows the value, which may be a secret
from the environment. Knows no tables, and opens no file: where symbolic links lead is all it asks the disk.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from feedwatch.canonical import one_line, slug
from feedwatch.hours import read_digest, read_quiet

DURATION = r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?"
#: An interval that follows what the source publishes.
AUTO = "auto"
ID = r"[a-z0-9][a-z0-9-]{0,63}"

# Patterns are compiled when something is first held against them: compiling all of them takes longer than reading most
# configurations.
_NAME = r"[A-Za-z_][\w-]*"
_COMPOUND = rf"(?=[\w*.#\[])(?:{_NAME}|\*)?(?:[.#]{_NAME}|\[{_NAME}(?:=\"[\w ./:-]*\")?\])*"
#: Selectors that need no CSS parser to be seen to be right: most of them.
PLAIN_SELECTOR = rf"(?a){_COMPOUND}(?:(?: *[>+~] *| +){_COMPOUND})*(?:@{_NAME})?"

#: URLs that need not be taken apart to be seen to be right: nearly all of them. In printable ASCII.
PLAIN_URL = r"https?://[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?::[1-9][0-9]{0,3})?(?:[/?#][!-\[\]-~]*)?"

_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*:"
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\.?"
_HOST_AND_PORT = r"(?a)(\[[^\[\]]+\]|[^\[\]:]+)(?::(\d{1,5}))?"
_FORGOTTEN_SCHEME = r"www\.|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}/"
_FIELD_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # RFC 9110 §5.6.2
_FIELD_VALUE = r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?"  # RFC 9110 §5.5, ASCII only
_MAIL_ADDRESS = (
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
#: Headers that belong to the connection or to conditional requests: feedwatch computes them.
_OWN_HEADERS = frozenset({
    "accept-encoding", "connection", "content-length", "host", "if-modified-since", "if-none-match", "te",
    "transfer-encoding", "upgrade",
})  # fmt: skip
#: Bytes of key that Standard Webhooks 1.0.0 asks for.
_KEY_LENGTHS = range(24, 65)


def duration(text: str) -> timedelta:
    """`15m`, `1h30m`, `2d`, `30s`. Raises ValueError."""
    match = re.fullmatch(DURATION, text, re.ASCII)
    if not match or not text:
        raise ValueError('is not a duration; write for example "15m", "1h30m", "2d" or "30s"')
    days, hours, minutes, seconds = (int(number or 0) for number in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def interval(text: str) -> str:
    """A duration, or AUTO."""
    if text != AUTO and duration(text) < timedelta(minutes=1):
        raise ValueError('is too often for any origin; write "1m" or more')
    return text


def at_least_a_second(text: str) -> str:
    if duration(text) < timedelta(seconds=1):
        raise ValueError('is too short; write "1s" or more')
    return text


def any_duration(text: str) -> str:
    duration(text)
    return text


def words(text: str) -> str:
    """Text for people, on one line."""
    if not (line := one_line(text)):
        raise ValueError("is empty; write some text, or leave the key out")
    return line


def identifier(text: str) -> str:
    if not re.fullmatch(ID, text):
        raise ValueError('must be 1 to 64 of a-z, 0-9 and hyphen, and not begin with one; write it like "my-blog"')
    return text


def category_slug(key: str) -> str:
    if slug(key) != key:
        raise ValueError(f"cannot stand in the address of a feed; write [category.{slug(key)}]")
    return key


def former_slug(text: str) -> str:
    if slug(text) != text:
        raise ValueError(f"never stood in the address of a feed; write {slug(text)}")
    return text


def feed_token(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,128}", text):
        raise ValueError("must be 16 to 128 of a-z, A-Z, 0-9, - and _, by chance; try: openssl rand -hex 16")
    return text


def formats(names: list[str]) -> list[str]:
    if "atom" not in names:
        raise ValueError("atom cannot be left out: feeds.opml and the archives lead to it")
    return names


def web_url(url: str) -> str:
    """An absolute http(s) URL that every parser reads alike, without user name and password."""
    return url if re.fullmatch(PLAIN_URL, url) else any_web_url(url)


def any_web_url(url: str) -> str:
    """The same, for those too that have to be looked at more closely."""
    if not url.isprintable() or " " in url:  # no other space is printable
        raise ValueError("has a space or control character in it; write %20 for a space, else nothing")
    if "\\" in url:
        raise ValueError("has a backslash in it; write /")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is not a URL; write it like https://example.org/blog") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("must begin with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError(
            "has a user name or password in it; leave them out (a source can send an Authorization header: "
            "headers = { Authorization = \"${NAME}\" })"
        )  # fmt: skip
    if not host or port == 0 or not _is_host(host):
        raise ValueError("has no proper host; write it like https://example.org/blog (in ASCII, xn--… for others)")
    return url


def pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression ({error})") from None
    return text


def page_url(url: str) -> str:
    if url.count("{page}") != 1:
        raise ValueError("says nowhere, or more than once, where the number goes; write {page} there")
    web_url(url.replace("{page}", "2"))
    return url


def expression(text: str) -> str:
    """JMESPath."""
    import jmespath  # few sources are JSON APIs
    from jmespath.exceptions import JMESPathError

    try:
        jmespath.compile(text)
    except JMESPathError as error:
        raise ValueError(f"is not JMESPath ({str(error).splitlines()[0]})") from None
    return text


def proxy_url(url: str) -> str:
    """`http://host:port`, with `user:password@` where the proxy wants it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    plain = host and port and _is_host(host) and not any(c.isspace() or not c.isprintable() or c == "\\" for c in url)
    if not plain or parts.scheme != "http" or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("is not the address of a proxy; write it like http://proxy.example.org:3128")
    return url


def base_url(url: str) -> str:
    """A `web_url` to which paths can be added; without the slash at its end."""
    web_url(url)
    if "?" in url or "#" in url:
        raise ValueError("has a ? or # in it; write only scheme, host and path, like https://feeds.example.org")
    return url.rstrip("/")


def source_url(text: str, folder: Path) -> str:
    """A web address, or a path below `folder` (which becomes an absolute `file:` URL)."""
    scheme = re.match(_SCHEME, text)
    if scheme and scheme.group().lower() == "file:":
        raise ValueError("must be http(s) or a path; write the path alone, relative to the configuration's folder")
    if scheme:
        return web_url(text)
    if not text or "\\" in text or not text.isprintable():
        raise ValueError("is empty, or has a backslash or control character in it; write https://… or a path")
    if re.match(_FORGOTTEN_SCHEME, text):
        raise ValueError("looks like a web address; write https:// before it, or ./ before it if it is a file")
    root = Path(os.path.realpath(folder))
    target = Path(os.path.realpath(root / text))
    if not target.is_relative_to(root) or target == root:
        raise ValueError("is outside the configuration's folder; put the file in that folder")
    return target.as_uri()


def host_and_port(text: str) -> tuple[str, int | None]:
    """`intranet.example`, `127.0.0.1:8080`, `[::1]:80`: host (without brackets) and port. Raises ValueError."""
    match = re.fullmatch(_HOST_AND_PORT, text)
    host = match.group(1).strip("[]") if match else ""
    port = int(match.group(2)) if match and match.group(2) else None
    if not match or (":" in host) != text.startswith("[") or not _is_host(host) or (port or 0) > 65535:
        raise ValueError('is not a host; write it like "intranet.example", "127.0.0.1:8080" or "[::1]:80"')
    return host, port


def allowed_host(text: str) -> str:
    host_and_port(text)
    return text.lower()


def listening(text: str) -> str:
    if text != "off" and (re.fullmatch(_HOST_AND_PORT, text) is None or host_and_port(text)[1] is None):
        raise ValueError('is not host:port; write it like "127.0.0.1:8080", or "off" to serve nothing')
    return text


def header_name(name: str) -> str:
    if not re.fullmatch(_FIELD_NAME, name):
        raise ValueError("is not the name of a header (RFC 9110 §5.1); write it like Authorization")
    if name.lower() in _OWN_HEADERS:
        raise ValueError("is a header that feedwatch sets itself; leave it out")
    return name


def header_value(value: str) -> str:
    if not re.fullmatch(_FIELD_VALUE, value):
        raise ValueError("is not the value of a header: printable ASCII on one line, no space at either end")
    return value


def signing_secret(text: str) -> str:
    try:
        length = len(base64.b64decode(text.removeprefix("whsec_"), validate=True))
    except (binascii.Error, ValueError):
        length = 0
    if not text.startswith("whsec_") or length not in _KEY_LENGTHS:
        raise ValueError("is not a signing secret; write whsec_ and the base64 of 24 to 64 random bytes")
    return text


def server(text: str) -> str:
    host_and_port(text)
    return text.lower()


def mail_address(text: str) -> str:
    """An address that every mail server takes (RFC 5321 §4.1.2, ASCII, unquoted)."""
    if len(text) > 254 or not re.fullmatch(_MAIL_ADDRESS, text):
        raise ValueError('is not a mail address; write it like "name@example.org" (in ASCII, xn--… for others)')
    return text


def mailbox(text: str) -> str:
    """An address, or a name and an address in angle brackets."""
    match = re.fullmatch(r"(?:([^<>\"\\]*?)\s*<([^<>]+)>|([^<>]+))", text)
    mail_address((match.group(2) or match.group(3)) if match else "")
    if not text.isprintable():
        raise ValueError("has a control character in it; write it on one line")
    return text


def credential(text: str) -> str:
    if not text or any(c in "\0\r\n" for c in text):
        raise ValueError("is empty or has a line break in it; write it on one line")
    return text


def web_token(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._~+/=-]{16,512}", text):
        raise ValueError(
            "must be at least 16 letters, digits and signs of -._~+/=; make one with: openssl rand -hex 24"
        )
    return text


def cookie_value(text: str) -> str:
    """RFC 6265 §4.1.1, without the quotes."""
    if not re.fullmatch(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*", text):
        raise ValueError("is not the value of a cookie: no space, comma, semicolon, quote or backslash")
    return text


def notify_url(text: str) -> str:
    """An address that Apprise understands; that package is asked when it is installed."""
    if not re.match(r"[A-Za-z][A-Za-z0-9.+-]*://.", text) or not text.isprintable():
        raise ValueError("is not an address of Apprise; write it like ntfy://topic or slack://token/#channel")
    if urlsplit(text).scheme.lower() in ("mailto", "mailtos"):
        raise ValueError('is e-mail; write mail = ["name@example.org"] and a [mail] table instead')
    return text


def time_zone(text: str) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError('is not a time zone; write its IANA name, like "Europe/Stockholm"') from None
    return text


def digest_times(text: str) -> str:
    read_digest(text)
    return text


def quiet_hours(text: str) -> str:
    read_quiet(text)
    return text


def template(text: str) -> str:
    # Imported here so that a configuration without templates does not load the engine.
    from feedwatch.alerts.wording import check

    check(text)
    return text


def template_tree(tree: dict[str, Any]) -> dict[str, Any]:
    from feedwatch.alerts.wording import check_tree

    try:
        json.dumps(tree, allow_nan=False)
    except (TypeError, ValueError):
        raise ValueError("has a value that JSON does not have; write dates as text, and no nan or inf") from None
    check_tree(tree)
    return tree


def selector(text: str) -> str:
    if re.fullmatch(PLAIN_SELECTOR, text):
        return text
    # Imported here: the CSS parser takes longer to load than the rest of the configuration.
    from feedwatch.readers.selectors import compile_selector, split_selector

    compile_selector(split_selector(text)[0])
    return text


def _is_host(host: str) -> bool:
    if ":" not in host:
        return re.fullmatch(_HOST, host) is not None
    import ipaddress  # few hosts are literals

    try:
        return "%" not in host and ipaddress.ip_address(host).version == 6
    except ValueError:
        return False
