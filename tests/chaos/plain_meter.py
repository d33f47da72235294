"""The meter in the plain model: each reader's counted posts, and until when each is open."""

from datetime import timedelta

SECTIONS = {"post/3": "sport"}


class Meter:
    """A site's meter and what it has counted; ``rules`` is a number for each section, and for the rest under ""."""

    def __init__(self):
        self.window, self.rules = None, {}
        self.counted = {}

    def set(self, window, posts, sections):
        self.window, self.rules = window, {"": posts} | sections

    def standing(self, reader, post, now):
        """How many more may be counted (None: no rule does), and until when it is open (None: it is not)."""
        if self.window is None:
            return None, None
        rule, most = self.rule_of(post)
        still = {key: ends for key, ends in self.counted.get(reader, {}).items() if ends > now}
        taken = sum(key[0] == rule for key in still)
        left = None if most is None else max(0, most - taken)
        return left, max((ends for (_, named), ends in still.items() if named == post), default=None)

    def rule_of(self, post):
        section = SECTIONS.get(post, "")
        return (section, self.rules[section]) if section in self.rules else ("", self.rules.get(""))

    def ends(self, now):
        if self.window != "month":
            return now + timedelta(days=self.window)
        return (now.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0)

    def access_to(self, reader, post, now):
        left, until = self.standing(reader, post, now)
        return ("meter", until or self.ends(now)) if until or left else ("none", None)

    def view(self, reader, post, now, *, dry):
        """Count a post that nothing else opens; status, code, how many are left, and until when it is open."""
        left, until = self.standing(reader, post, now)
        if until:
            return 200, None, left, until
        if left is None:
            return 409, "not_metered", None, None
        if not left:
            return 409, "meter_used_up", 0, None
        if not dry:
            self.counted.setdefault(reader, {})[self.rule_of(post)[0], post] = self.ends(now)
        return 201, None, left - 1, self.ends(now)
