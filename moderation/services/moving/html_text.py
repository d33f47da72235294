"""HTML of other systems as plain text: paragraphs and lists as lines, links as text, no script.

Read by hand, from left to right and never back: the standard library's parser takes minutes over some hostile
200,000 characters (a row of opened comments), and one record must not hold up a million.
"""

import re
from html import unescape

from moderation.services.moving.record import MOST_CHARACTERS, Refusal

# Tags cost room: this much HTML may become a text that is short enough, more is not even read.
MOST_HTML_CHARACTERS = 4 * MOST_CHARACTERS
# A tag that is longer is no tag.
LONGEST_TAG = 4_000
# How often in a text the end of a tag is searched for past a “>” in quotes; no real comment comes near it.
MOST_SEARCHES = 100
_PARAGRAPHS = {"p", "div", "blockquote", "pre", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6"}
_LINES = {"br", "li", "tr"}
_SILENT = {"script", "style", "head", "template", "noscript"}
_SAFE = re.compile(r"(https?://|mailto:)", re.IGNORECASE)
_NAME = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]{0,20})(?=[\s/>])")
_ATTRIBUTE = re.compile(r"""([a-zA-Z-]+)\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+)""")


def plain(html: str) -> str:
    """Return the text that a reader of ``html`` would have seen."""
    if len(html) > MOST_HTML_CHARACTERS:
        raise Refusal("too_long", f"has {len(html):,} characters of HTML; {MOST_HTML_CHARACTERS:,} are read")
    if "<" not in html and "&" not in html:
        return html.strip()
    lines = [line.rstrip() for line in _Reading(html).text().replace("\xa0", " ").split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _unescaped(text: str) -> str:
    try:
        return unescape(text)
    except ValueError:  # a number of more digits than Python reads
        return text


class _Reading:
    def __init__(self, html: str) -> None:
        self.html, self.lower = html, html.lower()
        self.parts: list[str] = []
        self.searches = 0
        # The link that is open: its address and where its words begin.
        self.link: tuple[str, int] | None = None

    def text(self) -> str:
        at = 0
        while (start := self.html.find("<", at)) >= 0:
            self.parts.append(_unescaped(self.html[at:start]))
            at = self._markup(start)
        self.parts.append(_unescaped(self.html[at:]))
        return "".join(self.parts)

    def _markup(self, start: int) -> int:
        """Read what begins with ``<`` and return where it ends; what never ends takes the rest along."""
        if self.html.startswith("<!--", start):
            return self._after("-->", start + 4)
        if self.html.startswith(("<!", "<?"), start):
            return self._after(">", start)
        named, end = _NAME.match(self.html, start), self._end_of_tag(start)
        if named is None or end < 0:
            self.parts.append("<")
            return start + 1
        name, closes = named[1].lower(), self.html[start + 1] == "/"
        if name in _SILENT and not closes:
            return self._after(">", self._after(f"</{name}", end))
        self._tag(name, self.html[named.end() : end], closes=closes)
        return end + 1

    def _after(self, mark: str, start: int) -> int:
        found = self.lower.find(mark, start)
        return len(self.html) if found < 0 else found + len(mark)

    def _end_of_tag(self, start: int) -> int:
        """Where the tag's ``>`` stands, not counting one inside quotes; -1 where there is none near."""
        quote, last = "", min(len(self.html), start + LONGEST_TAG)
        first = self.html.find(">", start, last)
        odd = any(self.html.count(mark, start, max(first, start)) % 2 for mark in "\"'")
        if not odd or self.searches == MOST_SEARCHES:
            return first
        self.searches += 1
        for at in range(start, last):
            mark = self.html[at]
            if quote:
                quote = "" if mark == quote else quote
            elif mark in "\"'":
                quote = mark
            elif mark == ">":
                return at
        # The quotes do not pair: then it ends where it seemed to.
        return first

    def _tag(self, name: str, inside: str, *, closes: bool) -> None:
        if name == "a":
            self._close_link()
            if not closes:
                self.link = (_attribute(inside, "href"), len(self.parts))
        elif name == "img" and not closes:
            self.parts.append(_attribute(inside, "alt"))
        elif name in _PARAGRAPHS:
            self._break("\n\n")
        elif name in _LINES and not closes:
            self._break("\n" if name == "br" or not self._at_line_start() else "")
            self.parts.append("- " if name == "li" else "")

    def _break(self, ends: str) -> None:
        if any(self.parts[-3:]):
            self.parts.append(ends)

    def _at_line_start(self) -> bool:
        return next((part for part in reversed(self.parts[-5:]) if part), "\n").endswith("\n")

    def _close_link(self) -> None:
        if self.link is None:
            return
        (address, start), self.link = self.link, None
        shown = "".join(self.parts[start:]).strip()
        # A link whose words hide where it leads says so; an address of another kind is no link at all.
        if _SAFE.match(address) and address.rstrip("/") != shown.rstrip("/"):
            self.parts.append(f" ({address})" if shown else address)


def _attribute(inside: str, name: str) -> str:
    found = [value for key, value in _ATTRIBUTE.findall(inside) if key.lower() == name]
    return _unescaped(found[0].strip("\"'").strip()) if found else ""
