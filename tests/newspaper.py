"""A reader of the demo news site: a browser without scripts that sends the forms of the page it is on."""

import re
from html import unescape
from pathlib import Path

from itsdangerous import URLSafeSerializer

from moderation.views.demo import paper
from moderation.views.demo.client import KEY_FILE

LOCKED, FREE, PREMODERATED, CLOSED = "2042", "2041", "2030", "2027"
# Of these the fake model makes a reply that waits, and one that is rejected.
SILLY, IDIOT = "That is silly.", "What an idiot."
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_REPLY = re.compile(r'<li class="hc-reply([^"]*)" id="(cmt_\w+)"')
_TAG = re.compile(r"<[^>]+>")


def open_paper(app, client, key):
    """Give the paper its key and tell the API of its articles and plans, as its first start does."""
    (Path(app.config["DATA"]) / KEY_FILE).write_text(key)
    for article in paper.articles().values():
        said = {"title": article.title, "section": article.section, "free": article.free, "comments": article.comments}
        assert client.put(f"/v1/posts/{article.id}", json=said).status_code == 201
    for offer in paper.OFFERS:
        assert client.put(f"/v1/plans/{offer.plan}", json=offer.terms).status_code == 201


class Browser:
    def __init__(self, app):
        self.client = app.test_client()
        self.page = ""
        # The first page makes the reader.
        self.get()

    def get(self, path="/"):
        return self._keep(self.client.get(f"/demo{path}", follow_redirects=True))

    def post(self, path, *, token=None, **fields):
        """Send a form of the page that is open; ``token`` replaces its own."""
        found = _TOKEN.search(self.page)
        fields["csrf_token"] = token if token is not None else found and found[1]
        return self._keep(self.client.post(f"/demo{path}", data=fields, follow_redirects=True))

    def reply(self, text, *, post=FREE, name="Ana", do="post", **more):
        self.get(f"/posts/{post}")
        fields = {"ticket": self.field("ticket"), "started_at": self.field("started_at")} | more
        return self.post(f"/posts/{post}/replies", text=text, name=name, do=do, **fields)

    def field(self, name):
        """What stands in a field of the page, as a browser would send it."""
        area = re.search(rf'<textarea[^>]* name="{name}"[^>]*>([^<]*)</textarea>', self.page)
        if area:
            return unescape(area[1]).removeprefix("\n")
        return unescape(re.search(rf'<input[^>]* name="{name}"[^>]*? value="([^"]*)"', self.page)[1])

    def replies(self):
        """Ids of the replies on the page, in their order."""
        return [id for _, id in _REPLY.findall(self.page)]

    def item(self, id):
        """The markup of one reply, without those under it."""
        return re.split(r"<li |<ol", self.page.split(f'id="{id}"', 1)[1], maxsplit=1)[0]

    @property
    def words(self):
        """What the page says, without its markup."""
        return " ".join(unescape(_TAG.sub(" ", self.page)).split())

    @property
    def reader_id(self):
        cookie = self.client.get_cookie("courier", path="/demo/")
        return URLSafeSerializer("any").loads_unsafe(cookie.decoded_value)[1]["id"]

    def _keep(self, response):
        if response.mimetype == "text/html":
            self.page = response.text
        return response


def submitted(browser, text):
    """The id of a reply that was posted although there was a word before it."""
    browser.reply(text, do="anyway")
    return browser.replies()[-1]
