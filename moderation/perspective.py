"""What Perspective's words mean here: its attributes, its sentences and its unit of offsets.

No source says in what unit Perspective counts offsets; here they are UTF-16 code units, as most of those who
read spans are written in JavaScript. Source of the names: protocols.md 1.7 and the pages named there.
"""

import re
from collections.abc import Iterable, Mapping

_PRODUCTION = {
    "TOXICITY": "toxicity",
    "SEVERE_TOXICITY": "severe_toxicity",
    "IDENTITY_ATTACK": "identity_attack",
    "INSULT": "insult",
    "PROFANITY": "obscene",
    "THREAT": "threat",
}
# Every attribute that is answered, and by which label; any other is unknown, as it is to Perspective.
ATTRIBUTES: Mapping[str, str] = {
    **_PRODUCTION,
    **{f"{name}_EXPERIMENTAL": label for name, label in _PRODUCTION.items()},
    "TOXICITY_FAST": "toxicity",
    "OBSCENE": "obscene",
    "SPAM": "spam",
}
# Attributes that Perspective has or had and no label of ours means; a score for them would be made up.
_NO_LABEL = "no label of ours means this"
REFUSED: Mapping[str, str] = {
    "SEXUALLY_EXPLICIT": "obscene is about words, not about sex",
    "FLIRTATION": _NO_LABEL,
    "ATTACK_ON_AUTHOR": "an insult is scored, whom it is meant for is not",
    "ATTACK_ON_COMMENTER": "an insult is scored, whom it is meant for is not",
    "INFLAMMATORY": _NO_LABEL,
    "INCOHERENT": _NO_LABEL,
    "UNSUBSTANTIAL": _NO_LABEL,
    "LIKELY_TO_REJECT": "it was about the moderators of one newspaper",
    **dict.fromkeys(
        (
            f"{name}_EXPERIMENTAL"
            for name in (
                "AFFINITY", "COMPASSION", "CURIOSITY", "NUANCE", "PERSONAL_STORY", "REASONING", "RESPECT",
                "ALIENATION", "FEARMONGERING", "GENERALIZATION", "MORAL_OUTRAGE", "POWER_APPEAL", "SCAPEGOATING",
            )
        ),
        _NO_LABEL,
    ),
}  # fmt: skip
MOST_TEXT_BYTES = 20_480
MOST_CONTEXT_BYTES = 1_048_576
# A longer text is scored by fewer, longer parts; what a client shows is no longer than this either.
MOST_SPANS = 200
_SENTENCE = re.compile(r"[^.!?\u2026\u3002\uff01\uff1f\n]*(?:[.!?\u2026\u3002\uff01\uff1f]+[\"')\]\u201d\u2019]*|\n|$)")
_TAG = re.compile(r"<[^<>]*>")


def without_tags(html: str) -> str:
    """The text of a piece of HTML, every tag replaced by as many spaces, so that offsets stay true."""
    return _TAG.sub(lambda found: " " * len(found[0]), html)


def sentences(text: str) -> list[tuple[int, int]]:
    """Where each sentence begins and ends (exclusive), in code points; what follows the 200th is one part."""
    found: list[tuple[int, int]] = []
    for match in _SENTENCE.finditer(text):
        part = match[0].strip()
        if part:
            begin = match.start() + match[0].index(part)
            found.append((begin, begin + len(part)))
    if len(found) > MOST_SPANS:
        found[MOST_SPANS - 1 :] = [(found[MOST_SPANS - 1][0], found[-1][1])]
    return found


def utf16_offsets(text: str, offsets: Iterable[int]) -> dict[int, int]:
    """Return the place of each code point in UTF-16 code units; ``offsets`` in any order."""
    wanted = sorted(set(offsets))
    if text.isascii():
        return {offset: offset for offset in wanted}
    found, units, last = {}, 0, 0
    for offset in wanted:
        units += len(text[last:offset].encode("utf-16-le", "surrogatepass")) // 2
        found[offset], last = units, offset
    return found
