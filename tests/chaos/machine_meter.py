"""The meter among the readers: rules that change, views, and access by whatever opens a post first."""

from datetime import UTC, datetime

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.chaos.plain_meter import Meter
from tests.engagement import url

ANYBODY = st.sampled_from(["ana", "bo", "sue"])
POSTS = st.sampled_from([f"post/{n}" for n in range(4)])
DRY = st.sampled_from([False] * 7 + [True])


def moment(text):
    return text and datetime.fromisoformat(text).astimezone(UTC)


class Metered:
    """Rules for a machine that has ``books``, ``now``, ``name``, ``ask`` and ``look``."""

    def begin_meter(self):
        self.meter = Meter()
        self.ask("DELETE", "/v1/meter")

    @rule(window=st.sampled_from(["month", 1, 7]), posts=st.sampled_from([None, 0, 1, 2, 3]),
          sport=st.sampled_from([None, None, 0, 1]))  # fmt: skip
    def set_the_meter(self, window, posts, sport):
        sections = {} if sport is None else {"sport": sport}
        answer = self.ask("PUT", "/v1/meter", {"window": window, "posts": posts, "sections": sections})
        if posts is None and not sections:
            assert answer.status_code == 422
            return
        assert answer.status_code == (200 if self.meter.window else 201)
        self.meter.set(window, posts, sections)

    @rule(reader=ANYBODY, post=POSTS)
    def read_access(self, reader, post):
        account = self.books.at(reader, self.now)
        because, until = account.access_to(post, self.now)
        if because == "none":
            because, until = self.meter.access_to(reader, post, self.now)
        seen = self.ask("GET", url("/access", self.name(reader)), query_string={"post_id": post}).json
        seen["until"] = moment(seen["until"])
        assert seen == {
            "allowed": because != "none", "because": because, "until": until, "unlock_left": account.left,
            "meter_left": self.meter.standing(reader, post, self.now)[0],
        }  # fmt: skip

    @rule(reader=ANYBODY, post=POSTS, dry=DRY)
    def view(self, reader, post, dry):
        because, until = self.books.at(reader, self.now).access_to(post, self.now)
        status, code, left = 200, None, self.meter.standing(reader, post, self.now)[0]
        if because == "none":
            because = "meter"
            status, code, left, until = self.meter.view(reader, post, self.now, dry=dry)
        address = url("/views", self.name(reader))
        answer = self.ask("POST", f"{address}?dry_run=true" if dry else address, {"post_id": post})
        assert (answer.status_code, answer.json.get("code")) == (status, code)
        if status < 300:
            told = [answer.json["because"], answer.json["meter_left"], moment(answer.json["until"])]
            assert told == [because, left, until]
        self.look(reader)

    def compare_meter(self, reader):
        held = self.ask("GET", url("/export", self.name(reader))).json["metered_posts"]
        seen = {row["post_id"] for row in held if moment(row["ends_at"]) > self.now}
        still = {post for (_, post), ends in self.meter.counted.get(reader, {}).items() if ends > self.now}
        assert seen == still
