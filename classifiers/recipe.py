"""How the data sets are mixed: how much a row of each counts, and which labels its own labels imply.

A data set that this file does not know counts fully and implies nothing.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from classifiers.base import LABELS
from classifiers.data import TrainingRow

_ABUSE = LABELS[:6]
_RARE = ("threat", "severe_toxicity")


@dataclass(frozen=True)
class Source:
    """What is known of a data set besides its labels.

    ``weight`` of a row in training; ``clean`` labels that are 0 where toxicity is 0; ``never`` labels that are 0 in
    every row; ``skipped`` sets are left out unless the person who trains names their file; ``heading``: rows begin
    with the subject line of a letter, which is cut off, because comments have none; ``far`` sets are of another
    register than replies on the web, and teach with a deviation of their own; ``held`` is the share of rows kept
    from training; ``stream`` is what a clean and another row of those weigh in the ordinary stream of a news site,
    on which probabilities are made honest and lines are drawn.
    """

    weight: float = 1.0
    held: float = 0.1
    stream: tuple[float, float] = (0.0, 0.0)
    clean: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    skipped: bool = False
    heading: bool = False
    far: bool = False
    licence: str = "not stated"


_HAM = ("spam",)
# Adverts in forms and under videos are hardly ever hateful or threatening.
_ADVERT = ("threat", "identity_attack", "severe_toxicity")
_EVEN = (1.0, 1.0)
_WIKIPEDIA = "labels CC0 1.0, text CC BY-SA 3.0"

SOURCES: Mapping[str, Source] = MappingProxyType({
    "jigsaw_any": Source(clean=_ABUSE, never=_HAM, stream=_EVEN, licence=_WIKIPEDIA),
    "jigsaw_labels": Source(never=_HAM, stream=_EVEN, licence=_WIKIPEDIA),
    "civil_fractions": Source(never=_HAM, licence="CC0 1.0"),
    "civil_ordinary": Source(weight=2.0, never=_HAM, held=0.3, stream=(22.0, 2.0), licence="CC0 1.0"),
    "civil_comments_toxic_only": Source(never=_HAM, licence="CC0 1.0"),
    "convabuse": Source(clean=_ABUSE, never=_HAM, licence="CC BY 4.0"),
    "davidson_tweets": Source(far=True, weight=0.3, licence="MIT"),
    "discord_chat": Source(weight=0.7, clean=_ABUSE, never=_HAM, licence="MIT"),
    "email_spam": Source(far=True, weight=0.1, heading=True, licence="research corpora, Enron and SpamAssassin"),
    "gab_hate_corpus": Source(far=True, weight=0.3, clean=_ABUSE, never=_HAM, licence="MIT / CC BY 4.0"),
    "gbv_counterspeech": Source(never=LABELS, licence="Apache-2.0"),
    "hatemoji_build": Source(far=True, weight=0.5, licence="CC BY 4.0"),
    "hatexplain": Source(far=True, weight=0.3, licence="MIT"),
    "implicit_hate": Source(far=True, weight=0.3, licence="MIT"),
    "online_misogyny_reddit": Source(far=True, weight=0.3, never=_HAM, licence="MIT"),
    # Our own: 576 replies that use hard words harmlessly, and the names of groups as one does.
    "ordinary": Source(weight=4.0, held=0.0, never=_HAM, licence="Apache-2.0, written for Replydesk"),
    "politeness_requests": Source(never=LABELS, licence="CC BY-SA"),
    "sms_spam": Source(far=True, weight=0.5, never=_ADVERT, licence="CC BY 4.0"),
    "social_bias_frames": Source(far=True, weight=0.4, clean=_RARE, licence="CC BY 4.0"),
    "stormfront": Source(far=True, weight=0.3, licence="CC BY-SA 3.0"),
    "telegram_spam": Source(far=True, weight=0.3, licence="MIT"),
    "toxigen_annotated": Source(far=True, weight=0.5, clean=_RARE, licence="MIT / CDLA-Permissive 2.0"),
    "toxigen_demonstrations": Source(far=True, weight=0.5, clean=_RARE, licence="MIT / CDLA-Permissive 2.0"),
    "tweeteval_hate": Source(far=True, weight=0.3, skipped=True, licence="research use"),
    "web_form_spam": Source(heading=True, never=_ADVERT, stream=(1.0, 3.0), licence="MIT"),
    "x_crypto_spam": Source(far=True, weight=0.5, never=_ADVERT, stream=(0.0, 1.0), licence="MIT"),
    "youtube_spam": Source(weight=3.0, never=_ADVERT, held=0.15, stream=(1.0, 3.0), licence="CC BY 4.0"),
    "youtube_spam_2014": Source(weight=3.0, never=_ADVERT, held=0.15, stream=(1.0, 3.0), licence="CC BY 4.0"),
})  # fmt: skip
# Of data sets that are not ours every row is part of the stream.
_UNKNOWN = Source(stream=_EVEN)
# Of two rows with one text the one from the set with more labels is kept.
_FULLER = {"jigsaw_any": "jigsaw_labels"}
_CLEAN_BELOW = 0.25
_HEADING = re.compile(r"\s*'?subject:\s*", re.IGNORECASE)


def mixed(rows: Iterable[TrainingRow]) -> list[TrainingRow]:
    """Return the rows with implied labels and the weight of their source; texts that a fuller set has once."""
    known = list(rows)
    fuller = {row.text for row in known if row.source in _FULLER.values()}
    return [_mixed(row) for row in known if not (row.source in _FULLER and row.text in fuller)]


def source_of(name: str) -> Source:
    """Return what is known of a data set."""
    return SOURCES.get(name, _UNKNOWN)


def _mixed(row: TrainingRow) -> TrainingRow:
    source = source_of(row.source)
    labels = dict(row.labels)
    # A share above 0 of a rarer label may be hidden below a low share of toxicity, so only implied zeros are added.
    if labels.get("toxicity", 1.0) < _CLEAN_BELOW:
        labels = {**dict.fromkeys(source.clean, 0.0), **labels}
    labels = {**dict.fromkeys(source.never, 0.0), **labels}
    text = _without_heading(row.text) if source.heading else row.text
    return TrainingRow(text, labels, row.weight * source.weight, row.source, group=row.group)


def _without_heading(text: str) -> str:
    found = _HEADING.match(text)
    return text[found.end() :] if found else text
