"""XML from outside, an element at a time: no entity is expanded, nothing is fetched, memory does not grow.

Exports are mended as they are read: characters that XML forbids are dropped and bytes that are no UTF-8
become U+FFFD, because one such byte would otherwise cost everything that follows it.
"""

import codecs
import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import IO
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException, DTDForbidden
from defusedxml.ElementTree import iterparse

from moderation.errors import ReplydeskError

DEEPEST = 64
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_BROKEN = re.compile("[\ud800-\udfff]")
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.-]{1,40})[\"']", re.IGNORECASE)
_UTF8 = {b"utf-8", b"utf8"}
_LOOK_BYTES = 512


def elements(stream: IO[bytes], root: str, whole: Collection[str]) -> Iterator[tuple[tuple[str, ...], Element]]:
    """Give each element that ends, with the local names down to it; those of ``whole`` come with their insides.

    Inside a whole one nothing is given, and what was given is emptied afterwards. A broken file raises a
    ``ReplydeskError`` with a sentence after all that stood before the break.
    """
    walk = _Walk(root, frozenset(whole))
    try:
        for event, element in iterparse(_Mended(stream), events=("start", "end"), forbid_dtd=True):
            if event == "start":
                walk.enter(element)
            else:
                yield from walk.leave(element)
    except DTDForbidden:
        raise ReplydeskError("The file declares a document type, which no export does; it is not read.") from None
    except DefusedXmlException:
        raise ReplydeskError("The file declares entities, which no export does; it is not read.") from None
    except ParseError as error:
        raise ReplydeskError(_sentence(error, begun=walk.seen > 0)) from None
    except (UnicodeError, LookupError, ValueError) as error:
        raise ReplydeskError(f"The file's encoding cannot be read: {error}.") from None


def _sentence(error: ParseError, *, begun: bool) -> str:
    words = str(error).split(":")[0]
    if words == "no element found" and not begun:
        return "The file is empty."
    ends = " The file seems to be cut off." if words in ("no element found", "unclosed token") else ""
    return f"line {error.position[0]}: the XML is broken: {words}.{ends}"


@lru_cache(maxsize=1_000)
def local(name: str) -> str:
    """The name without its namespace, which differs from version to version."""
    return name.rpartition("}")[2]


def text_of(element: Element, name: str) -> str:
    """The text of the first child of this name, as it is; empty where there is none."""
    for child in element:
        if local(child.tag) == name:
            return "".join(child.itertext())
    return ""


def id_of(element: Element | None) -> str:
    """The attribute ``id`` of any namespace, or else the element's text."""
    if element is None:
        return ""
    found = [value for name, value in element.attrib.items() if local(name) == "id"]
    return (found[0] if found else "".join(element.itertext())).strip()


def child(element: Element, name: str) -> Element | None:
    return next((found for found in element if local(found.tag) == name), None)


class _Walk:
    """Where in the file we are, and what may be forgotten."""

    def __init__(self, root: str, whole: frozenset[str]) -> None:
        self.root, self.whole = root, whole
        self.path: list[str] = []
        self.open: list[Element] = []
        self.inside = 0
        self.seen = 0

    def enter(self, element: Element) -> None:
        name = local(element.tag)
        if not self.path and name != self.root:
            raise ReplydeskError(f"The file begins with <{name[:40]}>, not with <{self.root}>: it is another format.")
        if len(self.path) == DEEPEST:
            raise ReplydeskError(f"Elements stand {DEEPEST} deep in one another, which no export does.")
        self.seen += 1
        self.inside += name in self.whole
        self.path.append(name)
        self.open.append(element)

    def leave(self, element: Element) -> Iterator[tuple[tuple[str, ...], Element]]:
        self.inside -= self.path[-1] in self.whole
        if not self.inside:
            yield tuple(self.path), element
        self.path.pop()
        self.open.pop()
        if not self.inside and self.open:
            self.open[-1].remove(element)


class _Mended:
    """A file whose bytes are such as the parser takes."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._first = stream.read(_LOOK_BYTES)
        declared = _DECLARED.search(self._first)
        other = self._first.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)) or (
            declared is not None and declared[1].lower() not in _UTF8
        )
        self._decoder = None if other else codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def read(self, size: int) -> bytes:
        while True:
            chunk, self._first = self._first or self._stream.read(size), b""
            if self._decoder is None:
                return chunk
            text = self._decoder.decode(chunk, final=not chunk)
            mended = _BROKEN.sub("\ufffd", _FORBIDDEN.sub("", text)).encode()
            # Nothing would mean the end: after a chunk of which nothing is left comes the next.
            if mended or not chunk:
                return mended
