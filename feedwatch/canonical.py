"""The normal form of text, URLs and names, and a stable digest. No clock, no I/O, no knowledge of entries."""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata
import uuid
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from feedwatch.remembered import remembered

#: Namespace of every atom:id that feedwatch mints (RFC 4122 §4.3). Changing it would change every id.
_ATOM_IDS = uuid.UUID("5f3b8f0e-6c0a-5d0e-9d43-0c6a0d6f7f11")

# XML 1.0 §2.2 Char, inverted; lone surrogates are among them.
_XML_ILLEGAL = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r"))
#: Characters; whether so short a text is printable is soon seen.
_SHORT = 200
_QUOTES = str.maketrans({
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "“": '"', "”": '"', "„": '"', "‟": '"', "″": '"',
    "«": '"', "»": '"', "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-", "…": "...",
    "\u00ad": None, "\u200b": None, "\u200e": None, "\u200f": None, "\ufeff": None,
})  # fmt: skip

_TRACKING = (
    r"(?i)(utm_.*|mtm_.*|pk_.*|hsa_.*|_hs.*|fbclid|gclid|gclsrc|dclid|wbraid|gbraid|msclkid|yclid|igshid|mc_[ce]id|"
    r"mkt_tok|vero_id|oly_(anon|enc)_id|twclid|ttclid|li_fat_id|s_cid|ref_src|xtor)"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
# Most addresses are written as they should be, and taking one apart takes longer than seeing that.
_HOST = r"[A-Za-z0-9.-]+(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}))?"
_IN_PATH = "A-Za-z0-9/%:@!$&'()*+,=~._-"
_SETTLED = re.compile(rf"(https?://{_HOST})(?:/[{_IN_PATH}]*)?(?:\?[?{_IN_PATH}]+)?(?:#[?{_IN_PATH}]+)?")
_ROOTED = re.compile(rf"/(?!/)(?:[{_IN_PATH}]*)(?:\?[?{_IN_PATH}]+)?(?:#[?{_IN_PATH}]+)?")
_BARE = re.compile(rf"https?://([a-z0-9.-]*[a-z0-9])((?:/[;{_IN_PATH}]*)?)")
_SLUG_LENGTH = 64


def clean(text: str) -> str:
    """`text` without the characters that XML 1.0 forbids (one of them would spoil a whole feed)."""
    if len(text) < _SHORT and text.isprintable():
        return text
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return re.sub(_XML_ILLEGAL, "", text)
    # A tenth of what the search takes.
    if len(data.translate(None, _CONTROLS)) == len(data) and "\ufffe" not in text and "\uffff" not in text:
        return text
    return re.sub(_XML_ILLEGAL, "", text)


def one_line(text: str) -> str:
    """`text` cleaned, with every run of white space folded to one space."""
    if text.isprintable():
        # Of white space that has spaces only.
        return " ".join(text.split()) if "  " in text else text.strip()
    return " ".join(clean(text).split())


def comparable(text: str) -> str:
    """The form in which two texts are the same text: NFKC, one kind of quote and dash, white space folded."""
    if text.isascii():
        return one_line(text)
    return one_line(unicodedata.normalize("NFKC", text.translate(_QUOTES)))


def digest(*parts: str | None) -> str:
    """A stable digest of `parts`, in order: 32 hex digits. None and "" differ; no part can run into the next."""
    state = hashlib.sha256()
    for part in parts:
        data = b"" if part is None else part.encode("utf-8", "surrogatepass")
        state.update(b"-" if part is None else str(len(data)).encode())
        state.update(b":" + data)
    return state.hexdigest()[:32]


@remembered(65_536)
def host_of(url: str) -> str:
    """The host of a URL in lower case, "" for one without."""
    return urlsplit(url).hostname or ""


def body_digest(body: bytes) -> str:
    """By which a body is known to be the same one again."""
    return hashlib.sha256(body).hexdigest()


def is_settled(url: str) -> bool:
    """Whether `url` is an absolute http(s) URL that joining with a base, splitting and quoting leave as it is."""
    return _SETTLED.fullmatch(url) is not None


def is_rooted(url: str) -> bool:
    """Whether `url` is a path from the root of a site, and joining it with a base puts that site before it as it is."""
    return _ROOTED.fullmatch(url) is not None and "/." not in url


@remembered(64)
def site_of(url: str) -> str | None:
    """What stands before the path in an absolute http(s) URL that is settled."""
    found = _SETTLED.fullmatch(url)
    return found[1] if found else None


@remembered(16_384)
def canonical_url(url: str) -> str:
    """The normal form under which two URLs name one entry. For comparing, never for requesting.

    Scheme and host lower case, http as https, default port, fragment,
    tracking parameters and a trailing slash dropped, parameters sorted (RFC 3986 §6).
    Returns `url` stripped when it is not an absolute http(s) URL.
    """
    if bare := _BARE.fullmatch(url):
        return f"https://{bare[1]}{bare[2].rstrip('/') or '/'}"
    url = url.strip()
    if url.isprintable() and url[:4].lower() != "http":
        return url
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").lower().rstrip(".")
    except ValueError:
        return url
    if parts.scheme.lower() not in _DEFAULT_PORTS or not host:
        return url
    if port == _DEFAULT_PORTS[parts.scheme.lower()]:
        port = None
    netloc = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    query = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if not re.fullmatch(_TRACKING, k)]
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._").rstrip("/") or "/"
    return urlunsplit(("https", netloc, path, urlencode(sorted(query)), ""))


def entry_id(guid: str | None, link: str | None, title: str, date: str | None) -> str:
    """An entry's identity within its source: the guid, else the canonical link, else title and date.

    A guid that is a web address is compared as one, so that a move to https makes no new entry.
    """
    guid = one_line(guid or "")
    if guid:
        return canonical_url(guid)
    if link:
        return canonical_url(link)
    return "digest:" + digest("title+date", comparable(title), date)


def atom_id(source_id: str, key: str) -> str:
    """The atom:id of an entry: an absolute IRI, the same on every machine (RFC 4287 §4.2.6)."""
    return _urn(digest("entry", source_id, key))


def edit_id(entry: str, revision: int) -> str:
    """The atom:id of an edit: of the entry with that atom:id, and the revision it made."""
    return _urn(digest("edit", entry, str(revision)))


@functools.lru_cache(maxsize=4096)
def feed_id(path: str) -> str:
    """The atom:id of a feed that feedwatch publishes; independent of where it is served."""
    return _urn(digest("feed", path))


def _urn(name: str) -> str:
    """The UUID of version 5 (RFC 9562 §5.5) of a name: `uuid.uuid5` takes four times as long."""
    found = hashlib.sha1(_ATOM_IDS.bytes + name.encode(), usedforsecurity=False).digest()
    number = int.from_bytes(found[:16], "big") & ~(0xF000 << 64 | 0xC000 << 48) | 5 << 76 | 0x8000 << 48
    text = f"{number:032x}"
    return f"urn:uuid:{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@remembered(8192)
def slug(name: str) -> str:
    """`name` as it stands in a file name and URL: `[a-z0-9-]{1,64}`, never empty.

    Case, spacing, accents and punctuation are merged away. Signs that carry the whole meaning are spelled
    out (C++, C#, R&D), and names that lose letters on the way to ASCII are told apart by a digest.
    """
    text = unicodedata.normalize("NFKD", one_line(name).casefold())
    text = "".join(c for c in text if not unicodedata.combining(c))
    text = re.sub(r"(?<=[a-z0-9])#", " sharp ", text).replace("+", " plus ").replace("&", " and ")
    text = re.sub(r"['’‘ʼ]", "", text)
    lost = any(c.isalnum() and not c.isascii() for c in text)
    words = re.findall(r"[a-z0-9]+", text)
    base = "-".join(words)
    if not lost and 0 < len(base) <= _SLUG_LENGTH:
        return base
    tag = digest("slug", comparable(name).casefold())[:8]
    return f"{base[: _SLUG_LENGTH - 9].strip('-') or 'c'}-{tag}"
