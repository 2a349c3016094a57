"""HTML that others wrote, made fit to republish; and the text of it. The one owner of what may pass.

Does not repair meaning: no lazy-loaded images, no embeds, no readability.
"""

from __future__ import annotations

import functools
import html
import re
from functools import partial
from urllib.parse import urljoin, urlsplit

import nh3

from feedwatch.canonical import clean, is_rooted, is_settled, one_line, site_of
from feedwatch.remembered import remembered

_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "br", "caption", "center", "dd", "details", "div", "dl",
    "dt", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr",
    "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot", "th",
    "thead", "tr", "ul",
})  # fmt: skip
_INLINE = frozenset({
    "a", "abbr", "acronym", "audio", "b", "bdi", "bdo", "big", "cite", "code", "col", "colgroup", "data",
    "del", "dfn", "em", "i", "img", "ins", "kbd", "mark", "picture", "q", "rp", "rt", "ruby", "s", "samp",
    "small", "source", "span", "strike", "strong", "sub", "sup", "time", "track", "tt", "u", "var", "video",
    "wbr",
})  # fmt: skip
_TAGS = set(_BLOCKS | _INLINE)
#: Gone with all they contain: it is no text, or no text without a browser that runs it.
_HOLLOW = {
    "applet", "audio", "button", "canvas", "embed", "frame", "frameset", "iframe", "math", "noembed",
    "noframes", "noscript", "object", "script", "select", "style", "svg", "template", "textarea", "title",
    "video", "xmp",
}  # fmt: skip
_ATTRIBUTES = {
    "*": {"dir", "lang", "title"},
    "a": {"href", "hreflang"},
    "audio": {"controls", "src"},
    "bdo": {"dir"},
    "col": {"span"},
    "colgroup": {"span"},
    "data": {"value"},
    "del": {"datetime"},
    "details": {"open"},
    "img": {"alt", "height", "src", "srcset", "width"},
    "ins": {"datetime"},
    "li": {"value"},
    "ol": {"reversed", "start"},
    "source": {"media", "src", "srcset", "type"},
    "td": {"colspan", "headers", "rowspan"},
    "th": {"abbr", "colspan", "rowspan", "scope"},
    "time": {"datetime"},
    "track": {"kind", "src", "srclang"},
    "video": {"controls", "height", "poster", "src", "width"},
}
_SCHEMES = {"http", "https", "mailto"}
_TEXT = nh3.Cleaner(tags=set(), clean_content_tags=_HOLLOW)
#: What can have `srcset` or `poster`; HTML takes `image` for `img`. Of most pictures it is seen that they have neither:
#: no sign that begins or ends a tag is in what they say, so none of them can hide another one.
_PICTURE = re.compile(
    r"""<(?:im(?!g(?:[ \t\n]+(?!srcset|poster)[a-z-]+="[^"<>]*")*[ \t\n]*/?>)|source|video)""", re.IGNORECASE
)
_SRCSET = re.compile(r"\s*https?://[^\s,]+(\s+[\d.]+[wx])?\s*(,\s*https?://[^\s,]+(\s+[\d.]+[wx])?\s*)*", re.IGNORECASE)
_BLOCK_TAG = re.compile(rf"<(?=/?(?:{'|'.join(sorted(_BLOCKS))})\b)", re.IGNORECASE)
#: Letters of an address that can be one of the web: what is made for each base is remembered.
_LONGEST_BASE = 8192
_URL_NOISE = re.compile(r"[\t\n\r\0]")


def sanitize(markup: str, base: str) -> str:
    """`markup` with nothing in it that acts: no script, style, class, id, frame or form.

    URLs are http, https or mailto, relative ones resolved against `base`; without an http(s) `base` they are
    dropped. The same markup always gives the same bytes.
    """
    return sanitize_clean(clean(markup), base)


def sanitize_clean(markup: str, base: str) -> str:
    """The same for markup that is known to have no character that XML forbids."""
    if _is_text(markup):
        return markup.strip()
    if len(base) > _LONGEST_BASE:
        base = ""
    harmless = _cleaner(base, checked=_has_checked(markup)).clean(markup)
    # A reference can stand for a forbidden character. Looking for two letters takes longer than for one.
    return (clean(harmless) if "#" in markup and "&#" in markup else harmless).strip()


def _is_text(markup: str) -> bool:
    """Whether it has no tag or reference, and nothing that a parser drops or writes in another way."""
    return not (
        "<" in markup or "&" in markup or ">" in markup or "\r" in markup or "\xa0" in markup or "\ufeff" in markup
    )


def _has_checked(markup: str) -> bool:
    """Whether attributes can be in it whose values are looked at one by one."""
    if not _PICTURE.search(markup):
        return False
    # Bytes in lower case and then two searches: a tenth of what one takes that ignores the case.
    lower = markup.encode().lower()
    return b"srcset" in lower or b"poster" in lower


@functools.lru_cache(maxsize=64)
def _cleaner(base: str, *, checked: bool) -> nh3.Cleaner:
    """Making one takes longer than most texts, and so does asking `_attribute` of all that it has nothing to say of."""
    make = partial(
        nh3.Cleaner,
        tags=_TAGS,
        clean_content_tags=_HOLLOW - _TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_attribute if checked else None,
        link_rel=None,
        url_schemes=_SCHEMES,
    )
    url = web_url(base)
    try:
        return make(url_relative=("rewrite_with_base", url) if url else "deny")
    except ValueError:  # an address that Python takes for a URL and nh3 does not
        return make(url_relative="deny")


def plain(markup: str) -> str:
    """The text of `markup` on one line: entities decoded, blocks set apart, scripts and styles gone."""
    if _is_text(markup):
        return one_line(markup)
    apart = _BLOCK_TAG.sub(" <", clean(markup))
    return one_line(html.unescape(_TEXT.clean(apart)))


def web_url(url: str | None, base: str = "") -> str | None:
    """`url` as an absolute http(s) URL, resolved against `base`; None when it is none (`javascript:`, `data:`). What it
    gives stays the same in it."""
    return _web_url((url, base))


@remembered(8192)
def _web_url(stated: tuple[str | None, str]) -> str | None:
    url, base = stated
    if url and is_settled(url) and _is_base(base):
        return url
    if url and is_rooted(url) and (site := site_of(base)):
        return site + url
    text = _URL_NOISE.sub("", clean(url or "")).strip().replace(" ", "%20")
    if not text:
        return None
    try:
        absolute = urljoin(base, text).strip()
        parts = urlsplit(absolute)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    # Quotes and angle brackets are never legal in a URL (RFC 3986 appendix A), and break out of attributes.
    return re.sub(r"[\"<>\\^`{|}]", lambda sign: f"%{ord(sign[0]):02X}", absolute) if usable else None


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "srcset":
        return value if _SRCSET.fullmatch(value) else None
    if name == "poster":
        return web_url(value)
    return value


@remembered(64)
def _is_base(base: str) -> bool:
    """Whether `urljoin` takes it, whatever comes of that."""
    try:
        urlsplit(base)
    except ValueError:
        return False
    return True
