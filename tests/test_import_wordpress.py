"""``replydesk import wordpress``: WXR files, made here from the description of the format."""

import pytest

from tests.moving import is_sound, report, stored, wordpress, wp_comment


@pytest.fixture
def file(tmp_path):
    return lambda *comments, **more: wordpress(tmp_path / "blog.xml", *comments, **more)


def test_comments_come_with_their_posts_threads_authors_and_times(installation, file):
    told = report(installation, "wordpress", file(
        wp_comment(5, 'One<br />two <a href="https://a.example/x">here</a>.'),
        wp_comment(6, "Reply", parent="5", user_id="3"),
        second=[wp_comment(7, "Elsewhere", author_email="")],
    ))  # fmt: skip

    found = stored(installation)
    assert (told["read"], told["stored"], told["wrong"]) == (3, 3, 0)
    first = found["wp:12:5"]
    assert first.pop("reader_external_id").startswith("wp:email:")
    assert first == {
        "external_id": "wp:12:5",
        "post_external_id": "12",
        "post_url": "https://blog.example/first",
        "post_title": "First & foremost",
        "reader_name": "Ada",
        "reader_url": "https://ada.example",
        "text": "One\ntwo here (https://a.example/x).",
        "status": "published",
        "decided_by": "policy",
        "created_at": "2020-05-06T07:08:09Z",
    }
    assert (found["wp:12:6"]["parent_external_id"], found["wp:12:6"]["reader_external_id"]) == ("wp:12:5", "wp:3")
    assert (found["wp:13:7"]["post_title"], found["wp:13:7"].get("reader_external_id")) == ("Second", None)
    assert installation.client.get("/v1/posts/13").json["comments"] == "closed"
    assert installation.client.get("/v1/posts/12").json["comments"] == "open"
    assert is_sound(installation)


def test_neither_addresses_nor_e_mails_are_taken_over(installation, file):
    report(installation, "wordpress", file(wp_comment(5)))

    assert "ada@example.org" not in installation.run("export").stdout
    held = b"".join(path.read_bytes() for path in installation.data.glob("replydesk.db*"))
    assert b"203.0.113.9" not in held
    assert b"ada@example.org" not in held


@pytest.mark.parametrize(
    ("approved", "status", "reason"),
    [
        ("1", "published", None),
        ("0", "pending", None),
        ("spam", "rejected", "spam"),
        ("trash", "rejected", "deleted"),
        ("post-trashed", "rejected", "deleted"),
    ],
)
def test_the_status_of_the_source_stands(installation, file, approved, status, reason):
    report(installation, "wordpress", file(wp_comment(5, approved=approved)))

    found = stored(installation)["wp:12:5"]
    assert (found["status"], found.get("reason")) == (status, reason)


def test_a_status_that_nobody_knows_is_skipped(installation, file):
    assert list(report(installation, "wordpress", file(wp_comment(5, approved="2")))["skipped"]) == ["bad_status"]


def test_pingbacks_are_left_out_without_being_wrong(installation, file):
    result = installation.run("import", "wordpress", file(wp_comment(5, type="pingback"), wp_comment(6, type="")))

    assert result.exit_code == 0
    assert "skipped as pingback: 1 (comment 1 is a pingback" in result.stdout
    assert set(stored(installation)) == {"wp:12:6"}


def test_what_a_moderator_told_akismet_is_a_decision_and_nothing_else_is(installation, file):
    def said(word):
        return (
            "<wp:commentmeta><wp:meta_key>akismet_user_result</wp:meta_key>"
            f"<wp:meta_value><![CDATA[{word}]]></wp:meta_value></wp:commentmeta>"
        )

    report(installation, "wordpress", file(
        wp_comment(5, "Buy.", approved="spam", more=said("true")),
        wp_comment(6, "Fine.", more=said("false")),
        wp_comment(7, "Nobody said."),
        wp_comment(8, "Contradiction.", more=said("true")),
    ), "--decisions")  # fmt: skip

    lines = installation.run("labels", "export").stdout.splitlines()[1:]
    assert sorted(line.split(",")[5] for line in lines) == ["Buy.", "Fine."]


def test_a_zero_date_falls_back_to_the_local_one_and_none_at_all_is_skipped(installation, file):
    zero = "0000-00-00 00:00:00"

    told = report(
        installation, "wordpress", file(wp_comment(5, date_gmt=zero), wp_comment(6, date_gmt=zero, date=zero))
    )

    assert stored(installation)["wp:12:5"]["created_at"] == "2020-05-06T09:08:09Z"
    assert list(told["skipped"]) == ["bad_time"]


def test_broken_bytes_and_control_characters_cost_themselves_only(installation, file):
    path = file(wp_comment(5, "a@b"), wp_comment(6, "After"))
    path.write_bytes(path.read_bytes().replace(b"a@b", b"a\x00\x0b\xffb"))

    told = report(installation, "wordpress", path)

    assert told["stored"] == 2
    assert stored(installation)["wp:12:5"]["text"] == "a\ufffdb"


def test_a_text_that_holds_the_end_of_a_cdata_section_is_whole(installation, file):
    report(installation, "wordpress", file(wp_comment(5, "a ]]]]><![CDATA[> b")))

    assert stored(installation)["wp:12:5"]["text"] == "a ]]> b"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_older_versions_of_the_format_are_read(installation, file, version):
    path = file(wp_comment(5))
    path.write_text(path.read_text().replace("export/1.2/", f"export/{version}/"))

    assert report(installation, "wordpress", path)["stored"] == 1


def test_another_encoding_that_the_file_declares_is_read(installation, file):
    path = file(wp_comment(5, "Grüße"))
    path.write_bytes(path.read_text().replace('"UTF-8"', '"iso-8859-1"').encode("latin-1"))

    report(installation, "wordpress", path)

    assert stored(installation)["wp:12:5"]["text"] == "Grüße"
