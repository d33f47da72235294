"""Files of other systems, written here from the description of their formats."""

import json

WHOLE_ROW = {
    "external_id": "a1",
    "post_external_id": "2041",
    "post_url": "https://news.example/2041",
    "post_title": "Bridge reopens",
    "reader_external_id": "u-7",
    "reader_name": "Ana",
    "reader_email": "ana@example.org",
    "reader_url": "https://ana.example",
    "text": "Good news \U0001f600\nfor everyone.",
    "status": "published",
    "decided_by": "policy",
    "created_at": "2021-03-04T05:06:07.123456Z",
}


def row(**changes):
    """A row of our own columns; a column that is None is left out."""
    return {name: value for name, value in (WHOLE_ROW | changes).items() if value is not None}


def json_lines(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def report(installation, kind, path, *words):
    """Import it and return the report; a run that failed for another reason than its records fails the test."""
    result = installation.run("import", kind, path, "--json", *words)
    assert result.exit_code in (0, 1), result.output
    assert result.stdout, result.stderr
    return json.loads(result.stdout)


def stored(installation):
    """What the site holds, by external id, as ``export`` writes it without scores."""
    result = installation.run("export")
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    return {found["external_id"]: {k: v for k, v in found.items() if k != "scores"} for found in rows}


def is_sound(installation):
    """Whether ``doctor`` finds nothing."""
    return installation.run("doctor").exit_code == 0


DISQUS = """<?xml version="1.0" encoding="utf-8"?>
<disqus xmlns="http://disqus.com" xmlns:dsq="http://disqus.com/disqus-internals">
<category dsq:id="1"><forum>demo</forum><title>General</title></category>
<thread dsq:id="900"><id>article-7</id><forum>demo</forum><link>https://news.example/7</link>
<title>Salt &amp;amp; pepper</title><message/><createdAt>2020-01-02T03:04:05Z</createdAt>
<author><name>Ed</name></author><isClosed>false</isClosed><isDeleted>false</isDeleted></thread>
<thread dsq:id="901"><id/><link>https://news.example/8</link><title>Eight</title><isClosed>true</isClosed></thread>
{posts}
</disqus>
"""


def disqus_post(id, message="&lt;p&gt;Words&lt;/p&gt;", *, thread="900", parent="", more="", author=None):
    author = author or "<name>Ada</name><isAnonymous>false</isAnonymous><username>ada</username>"
    parent = f'<parent dsq:id="{parent}"/>' if parent else ""
    return (
        f'<post dsq:id="{id}"><id>wp_id=1</id><message>{message}</message><createdAt>2020-01-02T04:00:00</createdAt>'
        f'{more}<author>{author}</author><thread dsq:id="{thread}"/>{parent}</post>'
    )


def disqus(path, *posts):
    path.write_text(DISQUS.format(posts="\n".join(posts)))
    return path


WXR = """<?xml version="1.0" encoding="UTF-8" ?>
<rss version="2.0" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:wp="http://wordpress.org/export/1.2/">
<channel><title>A blog</title><link>https://blog.example</link><wp:wxr_version>1.2</wp:wxr_version>
<item><title><![CDATA[First & foremost]]></title><link>https://blog.example/first</link>
<content:encoded><![CDATA[<p>The article.</p>]]></content:encoded><excerpt:encoded><![CDATA[]]></excerpt:encoded>
<wp:post_id>12</wp:post_id><wp:comment_status><![CDATA[open]]></wp:comment_status>
{comments}
</item>
<item><title>Second</title><link>https://blog.example/second</link><wp:post_id>13</wp:post_id>
<wp:comment_status>closed</wp:comment_status>
{second}
</item>
</channel></rss>
"""


def wp_comment(id, content="Words", *, approved="1", parent="0", more="", **changes):
    told = {
        "author": "Ada",
        "author_email": "ada@example.org",
        "author_url": "https://ada.example",
        "author_IP": "203.0.113.9",
        "date": "2020-05-06 09:08:09",
        "date_gmt": "2020-05-06 07:08:09",
        "type": "comment",
        "user_id": "0",
    } | changes
    fields = "".join(f"<wp:comment_{name}>{value}</wp:comment_{name}>" for name, value in told.items())
    return (
        f"<wp:comment><wp:comment_id>{id}</wp:comment_id>{fields}"
        f"<wp:comment_content><![CDATA[{content}]]></wp:comment_content>"
        f"<wp:comment_approved>{approved}</wp:comment_approved><wp:comment_parent>{parent}</wp:comment_parent>"
        f"{more}</wp:comment>"
    )


def wordpress(path, *comments, second=()):
    path.write_text(WXR.format(comments="\n".join(comments), second="\n".join(second)))
    return path
