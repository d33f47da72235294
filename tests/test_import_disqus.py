"""``replydesk import disqus``: exports made here from the description of the format, and hostile XML."""

import gzip

import pytest

from tests.moving import disqus, disqus_post, is_sound, report, stored


@pytest.fixture
def file(tmp_path):
    return lambda *posts: disqus(tmp_path / "disqus.xml", *posts)


def test_comments_come_with_their_pages_threads_authors_and_times(installation, file):
    told = report(installation, "disqus", file(
        disqus_post(1, "<![CDATA[<p>First</p><p>and <i>second</i>.</p>]]>"),
        disqus_post(2, parent="1", author="<name>Bob</name><isAnonymous>true</isAnonymous>"),
        disqus_post(3, thread="901"),
    ))  # fmt: skip

    found = stored(installation)
    assert (told["read"], told["stored"], told["wrong"]) == (3, 3, 0)
    assert found["disqus:1"] == {
        "external_id": "disqus:1",
        "post_external_id": "article-7",
        "post_url": "https://news.example/7",
        "post_title": "Salt & pepper",
        "reader_external_id": "disqus:ada",
        "reader_name": "Ada",
        "text": "First\n\nand second.",
        "status": "published",
        "decided_by": "policy",
        "created_at": "2020-01-02T04:00:00Z",
    }
    assert found["disqus:2"]["parent_external_id"] == "disqus:1"
    assert found["disqus:2"]["reader_external_id"].startswith("disqus:name:")
    assert found["disqus:3"]["post_external_id"] == "https://news.example/8"
    assert installation.client.get("/v1/posts/article-7").json["comments"] == "open"
    assert is_sound(installation)


@pytest.mark.parametrize(
    ("more", "status", "reason", "who"),
    [
        ("", "published", None, "policy"),
        ("<isDeleted>false</isDeleted><isSpam>false</isSpam>", "published", None, "policy"),
        ("<isSpam>true</isSpam>", "rejected", "spam", "human"),
        ("<isDeleted>true</isDeleted>", "rejected", "deleted", "human"),
        ("<isDeleted>true</isDeleted><isSpam>true</isSpam>", "rejected", "spam", "human"),
        ("<isApproved>false</isApproved>", "pending", None, "policy"),
        ("<isApproved>true</isApproved>", "published", None, "policy"),
    ],
)
def test_the_status_of_the_source_stands(installation, file, more, status, reason, who):
    report(installation, "disqus", file(disqus_post(1, more=more)))

    found = stored(installation)["disqus:1"]
    assert (found["status"], found.get("reason"), found["decided_by"]) == (status, reason, who)


def test_a_gzipped_file_is_read_as_it_is(installation, file):
    path = file(disqus_post(1))
    path.write_bytes(gzip.compress(path.read_bytes()))

    assert report(installation, "disqus", path)["stored"] == 1


def test_a_gzipped_file_that_is_cut_off_keeps_what_came_before(installation, file):
    path = file(*(disqus_post(n, f"{n * 7919}") for n in range(3_000)))
    path.write_bytes(gzip.compress(path.read_bytes())[:-5_000])

    result = installation.run("import", "disqus", path, "--no-score")

    assert result.exit_code == 1
    assert "run it again with a whole file" in result.stderr
    assert len(stored(installation)) > 500
    assert is_sound(installation)


def test_a_file_that_was_saved_again_without_its_namespace_is_read(installation, file):
    path = file(disqus_post(1))
    path.write_text(path.read_text().replace('xmlns="http://disqus.com" ', ""))

    assert report(installation, "disqus", path)["stored"] == 1


def test_a_cut_off_file_keeps_what_came_before_and_goes_on_with_a_whole_one(installation, file):
    path = file(disqus_post(1, parent="2"), disqus_post(2), disqus_post(3))
    whole = path.read_text()
    path.write_text(whole[: whole.index('<post dsq:id="3"') + 60])

    result = installation.run("import", "disqus", path)
    half = stored(installation)
    path.write_text(whole)
    told = report(installation, "disqus", path)

    assert result.exit_code == 1
    assert "seems to be cut off" in result.stderr
    assert half["disqus:1"]["parent_external_id"] == "disqus:2"
    assert (told["stored"], told["there"]) == (1, 2)


@pytest.mark.parametrize(
    ("post", "reason"),
    [
        (disqus_post(1, "x" * 10_000_000), "too_long"),
        (disqus_post(1, "&lt;p&gt;" * 100_000), "too_long"),
        (disqus_post(1, "&lt;p&gt; &lt;/p&gt;"), "empty"),
        (disqus_post(1, thread="999"), "no_post"),
        (disqus_post(""), "no_id"),
        (disqus_post(1).replace("2020-01-02", "2020-13-02"), "bad_time"),
        (disqus_post(1, author=f"<username>{'x' * 300}</username>"), "bad_id"),
    ],
)
def test_a_wrong_comment_is_told_with_its_number(installation, file, post, reason):
    told = report(installation, "disqus", file(disqus_post("before"), post, disqus_post("after")))

    assert (told["stored"], told["wrong"]) == (2, 1)
    assert [(why, found["first"][0]["where"]) for why, found in told["skipped"].items()] == [(reason, "comment 2")]


BOMB = "<!DOCTYPE d [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The file is empty."),
        ("   \n", "The file is empty."),
        ("Not XML at all", "line 1: the XML is broken"),
        ("<rss><channel/></rss>", "begins with <rss>, not with <disqus>"),
        (f"{BOMB}]><disqus>&i;</disqus>", "declares a document type"),
        ('<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><disqus>&x;</disqus>', "declares a document type"),
        ('<!DOCTYPE d SYSTEM "http://127.0.0.1:1/x.dtd"><disqus/>', "declares a document type"),
        ("<disqus>&unknown;</disqus>", "undefined entity"),
        ("<disqus>" + "<a>" * 100_000, "deep in one another"),
        ("<dsq:disqus/>", "unbound prefix"),
        ('<?xml version="1.0" encoding="klingon"?><disqus/>', "unknown encoding"),
        ('<?xml version="1.0" encoding="idna"?><disqus>\xe9</disqus>', "encoding"),
    ],
    ids=range(12),
)
def test_a_file_that_is_wrong_or_hostile_gets_one_sentence(installation, file, text, sentence):
    path = file()
    path.write_text(text)

    result = installation.run("import", "disqus", path)

    assert result.exit_code == 1
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert stored(installation) == {}


def test_an_export_without_comments_is_no_fault(installation, file):
    told = report(installation, "disqus", file())

    assert (told["read"], told["wrong"], told["broken"]) == (0, 0, "")


def test_a_run_of_control_characters_is_not_the_end_of_the_file(installation, file):
    path = file(disqus_post(1))
    path.write_bytes(path.read_bytes().replace(b"Words", b"\x01" * 3_000_000 + b"Words"))

    report(installation, "disqus", path)

    assert stored(installation)["disqus:1"]["text"] == "Words"
