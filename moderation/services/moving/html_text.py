"""HTML of other systems as plain text: paragraphs and lists as lines, links as text, no script."""

import re
from html.parser import HTMLParser

from moderation.services.moving.record import MOST_CHARACTERS, Refusal

# Tags cost room: this much HTML may become a text that is short enough, more is not even read.
MOST_HTML_CHARACTERS = 4 * MOST_CHARACTERS
_PARAGRAPHS = {"p", "div", "blockquote", "pre", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6"}
_LINES = {"br", "li", "tr"}
_SILENT = {"script", "style", "head", "template", "noscript"}
_SAFE = re.compile(r"(https?://|mailto:)", re.IGNORECASE)


def plain(html: str) -> str:
    """Return the text that a reader of ``html`` would have seen."""
    if len(html) > MOST_HTML_CHARACTERS:
        raise Refusal("too_long", f"has {len(html):,} characters of HTML; {MOST_HTML_CHARACTERS:,} are read")
    if "<" not in html and "&" not in html:
        return html.strip()
    reader = _Text()
    try:
        reader.feed(html)
        reader.close()
    except AssertionError:
        # The library gives up over a malformed declaration: then what was written is the text.
        return html.strip()
    lines = [line.rstrip() for line in "".join(reader.parts).replace("\xa0", " ").split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._break(tag)
        if tag in _SILENT:
            self._silent += 1
        elif tag == "li":
            self.parts.append("- ")
        elif tag == "a":
            self._links.append((dict(attrs).get("href") or "", len(self.parts)))
        elif tag == "img":
            self.parts.append(dict(attrs).get("alt") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag == "a" and self._links:
            address, start = self._links.pop()
            shown = "".join(self.parts[start:]).strip()
            # A link whose text hides where it leads says so; an address of another kind is no link at all.
            if _SAFE.match(address) and address.rstrip("/") != shown.rstrip("/"):
                self.parts.append(f" ({address})" if shown else address)
        elif tag in _PARAGRAPHS:
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)

    def _break(self, tag: str) -> None:
        if self._silent or not self.parts:
            return
        if tag in _PARAGRAPHS:
            self.parts.append("\n\n")
        elif tag in _LINES and not (tag != "br" and self.parts[-1].endswith("\n")):
            self.parts.append("\n")
