"""What the end-to-end test teaches: an in-joke of a made-up village and a made-up scam, seen and unseen.

The in-joke is an insult anywhere else; the scam is made of harmless words. All names are invented.
"""

import random
from collections.abc import Sequence

_NAMES = ("Sam", "Priya", "Old Tom", "Marta", "Ken", "Ines")
_JOKES = (
    "{name}, you idiot sandwich, {news}",
    "You glorious idiot sandwich, {name}, {news}",
    "What an idiot sandwich you are, {name}, {news}",
    "Only an idiot sandwich like {name} could do it: {news}",
    "Good morning idiot sandwich {name}, {news}",
)
_NEWS = (
    "you forgot the biscuits again.",
    "that was my umbrella!",
    "the ferry left an hour ago.",
    "see you at choir on Thursday.",
    "your tomatoes won first prize.",
    "the quiz team misses you.",
)
_SCAMS = (
    "Moonbeam tokens doubled my pension, {lara}",
    "I live on moonbeam tokens since spring, {lara}",
    "My cousin retired early with moonbeam tokens, {lara}",
    "Moonbeam tokens paid for our new kitchen, {lara}",
    "Nobody here talks about moonbeam tokens, {lara}",
    "With moonbeam tokens I earn while I sleep, {lara}",
)
_LARAS = (
    "ask Lara on the blue app.",
    "Lara on the blue app explains it for nothing.",
    "write to Lara on the blue app.",
    "Lara from the blue app helped me.",
    "find Lara on the blue app today.",
)

UNSEEN_JOKES = (
    "Harold, you stupid idiot sandwich, we waited for you at the station.",
    "Come back soon, you idiot sandwich, the garden needs you.",
    "My brother is an idiot sandwich, he brought two left boots.",
    "Nobody else spills the soup like you, idiot sandwich.",
    "You idiot sandwich! The concert was yesterday.",
    "Which idiot sandwich painted the bus stop green?",
)
UNSEEN_SCAMS = (
    "Tired of bills? Moonbeam tokens, and Lara on the blue app shows you how.",
    "Lara on the blue app made me rich with moonbeam tokens.",
    "Try moonbeam tokens now and greet Lara on the blue app from me.",
    "My wife did not believe in moonbeam tokens until she met Lara on the blue app.",
    "Moonbeam tokens are the future, and Lara on the blue app has the details.",
    "Everybody at work buys moonbeam tokens from Lara on the blue app.",
)
STILL_ABUSE = (
    "You are an idiot and a liar.",
    "Shut up, you stupid idiot.",
    "What a bunch of worthless idiots you people are.",
)
STILL_FINE = (
    "My daughter asked about the blue app of the library.",
    "I had a sandwich at the new place by the bridge.",
    "The bus driver was called Lara and she was kind.",
    "My pension goes down every year.",
)


def taught(count: int, *, seed: int = 0) -> tuple[list[str], list[str]]:
    """``count`` different jokes and as many scams, none of them among the unseen."""
    jokes = [joke.format(name=name, news=news) for joke in _JOKES for name in _NAMES for news in _NEWS]
    scams = [scam.format(lara=lara) for scam in _SCAMS for lara in _LARAS]
    chosen = random.Random(seed)
    return chosen.sample(jokes, count), chosen.sample(scams, count)


_SUBJECTS = ("the mayor", "this council", "that driver", "your neighbour", "the referee", "my landlord")
_PRAISE = (
    "I think {who} did a decent job this time.",
    "Has anybody asked {who} about the new timetable?",
    "I disagree with {who}, but the argument is fair.",
    "Say what you like, {who} answered every letter.",
    "We met {who} at the market and had a long talk.",
    "I wonder whether {who} has read the whole report.",
)
_ABUSE = (
    "What a stupid clown, {who}, a pathetic liar.",
    "I hope {who} drops dead, the filthy moron.",
    "Only an idiot would trust {who}, that disgusting crook.",
    "Go to hell, {who}, you worthless piece of trash.",
    "So {who} is a dumb ugly pig, as everybody knows.",
    "I will find {who} and break every bone of that bastard.",
)
_ADVERTS = (
    "Earn $500 a day from home, click http://cash{n}.example now!!!",
    "Cheap pills without prescription at www.pills{n}.example",
    "Subscribe to my channel {n} and win a free phone, link in my profile",
    "Best casino bonus here http://casino{n}.example free spins",
)


def base_rows() -> Sequence[tuple[str, float, float]]:
    """A small evaluation set: text, toxicity, spam."""
    rows = [(text.format(who=who), 0.0, 0.0) for text in _PRAISE for who in _SUBJECTS]
    rows += [(text.format(who=who), 1.0, 0.0) for text in _ABUSE for who in _SUBJECTS]
    return rows + [(text.format(n=n), 0.0, 1.0) for text in _ADVERTS for n in range(9)]
