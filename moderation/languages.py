"""Which language a text is in, as far as a refusal needs to know: by its script and its commonest words.

Made to be wrong on the side of English, the language of the shipped model: another language is named only
where most letters are of another script, or where its function words clearly outnumber English ones.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping

# What the shipped model was trained on and measured in.
SERVED = ("en",)
_SCRIPTS: Mapping[str, str] = {
    "CYRILLIC": "ru", "ARABIC": "ar", "HEBREW": "he", "GREEK": "el", "DEVANAGARI": "hi", "BENGALI": "bn",
    "THAI": "th", "HANGUL": "ko", "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "zh", "ARMENIAN": "hy",
    "GEORGIAN": "ka", "TAMIL": "ta",
}  # fmt: skip
_COMMON: Mapping[str, frozenset[str]] = {
    code: frozenset(words.split())
    for code, words in {
        "en": "the and of to a in is you that it he was for on are with as i his they be this have not or had"
        " but what all were we when your can said there an if which do their how will about so my from no",
        "es": "el la de que y los se del las un por con una su para es al lo como más pero sus le ha este sí"
        " porque esta son entre está cuando muy sin sobre también hay todo esto eres",
        "fr": "le la les de des du et un une est que qui dans pour pas sur au ce il elle nous vous avec sont"
        " cette mais ou je tu ne se par plus c'est êtes être aux leur",
        "de": "der die das und ist nicht ich du sie wir ihr ein eine mit auf für von den dem zu im es auch"
        " wie aber wenn oder nur noch sind war kann hat haben sich werden",
        "pt": "o os as de que e do da um uma para com não em por mais como mas foi ele ela dos das seu sua ou"
        " quando muito nos já eu também só pelo pela até isso você são está",
        "it": "il lo la gli le di che e un una per con non del della sono è ma come questo questa più nel"
        " anche io tu se dei delle alla ho hai ha sei quando molto cosa",
        "nl": "de het een en van ik je dat is niet op te zijn met voor er maar om dan ook als bij nog wel naar"
        " heeft hebben deze dit wordt wat geen uit",
        "pl": "nie to się na i w z że do jest jak co po tak ale o za ty ja od by już tylko dla czy są jestem",
    }.items()
}
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
# Fewer common words than these say nothing: names and quotations have as many.
_FEWEST = 3
_MOST_CHARACTERS = 2_000


def detect(text: str) -> str:
    """Return the ISO 639-1 code of the text's language; ``en`` where nothing speaks clearly against it."""
    text = text[:_MOST_CHARACTERS]
    return (None if text.isascii() else _by_script(text)) or _by_words(text)


def _by_script(text: str) -> str | None:
    letters = [c for c in text if c.isalpha()]
    counts = Counter(unicodedata.name(c, "").split(" ")[0] for c in letters)
    if not counts:
        return None
    if counts["HIRAGANA"] + counts["KATAKANA"]:
        counts["HIRAGANA"] += counts.pop("CJK", 0)
    script, count = counts.most_common(1)[0]
    return _SCRIPTS.get(script) if count * 2 > len(letters) else None


def _by_words(text: str) -> str:
    words = Counter(_WORD.findall(text.lower()))
    found = {code: sum(words[word] for word in common) for code, common in _COMMON.items()}
    best = max(found, key=lambda code: found[code])
    return best if found[best] >= max(_FEWEST, 2 * found["en"] + 1) else "en"


def primary(tag: str) -> str:
    """The language of a BCP 47 tag: ``en`` for ``en-GB`` and ``en_GB``."""
    return re.split(r"[-_]", tag.strip().lower(), maxsplit=1)[0]
