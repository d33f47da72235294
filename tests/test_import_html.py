"""HTML of other systems becomes the text that its readers saw."""

import time

import pytest

from moderation.services.moving.html_text import MOST_HTML_CHARACTERS, plain
from moderation.services.moving.record import Refusal


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("just words", "just words"),
        ("a < b", "a < b"),
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<p>One</p>\n\n\n<p>Two</p>", "One\n\nTwo"),
        ("One<br>two<br/>three", "One\ntwo\nthree"),
        ("Tom &amp; Jerry &lt;3 &#x1f600;", "Tom & Jerry <3 \U0001f600"),
        ('<a href="https://a.example/long/path">here</a>', "here (https://a.example/long/path)"),
        ('<a href="https://a.example/">https://a.example</a>', "https://a.example"),
        ('<a href="https://a.example"></a>', "https://a.example"),
        ('<a href="javascript:alert(1)">here</a>', "here"),
        ('<a href="data:text/html,x">here</a>', "here"),
        ("<a>here</a> and <a href>there</a>", "here and there"),
        ("<b>bold</b>ly", "boldly"),
        ("before<script>alert(1)</script>after", "beforeafter"),
        ("before<style>p {}</style>after", "beforeafter"),
        ('<img src="x" alt="a cat" onerror="alert(1)">', "a cat"),
        ("<ul><li>one</li><li>two</li></ul>", "- one\n- two"),
        ("<blockquote>Quoted</blockquote>Answer", "Quoted\n\nAnswer"),
        ("<p>never closed", "never closed"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", "<script>alert(1)</script>"),
        ("<!-- hidden -->shown", "shown"),
        ("shown<!-- never closed", "shown"),
        ('<img alt="a > b">', "a > b"),
        ('<a title="it\'s > that" href="https://a.example">x</a>', "x (https://a.example)"),
        ("I <3 you & 2 < 3 > 1", "I <3 you & 2 < 3 > 1"),
        ("</a></p></script>x", "x"),
    ],
)
def test_what_a_reader_saw_is_the_text(html, text):
    assert plain(html) == text


HOSTILE = ("<!--", "<a ", "</", "<![CDATA[", "<", "&", "&#", "<a b='", "<p>", "<script>", "<a \"'>'", "<li>", "9")


@pytest.mark.parametrize("html", HOSTILE)
@pytest.mark.parametrize("before", ["", "&#", "<a>", '<a href="'])
def test_what_is_hostile_takes_no_longer_than_its_length(before, html):
    started = time.process_time()

    made = plain((before + html * MOST_HTML_CHARACTERS)[:MOST_HTML_CHARACTERS])

    assert time.process_time() - started < 2.0
    assert len(made) <= MOST_HTML_CHARACTERS


def test_more_html_than_any_comment_has_is_not_read():
    with pytest.raises(Refusal, match="of HTML"):
        plain("<p>" * MOST_HTML_CHARACTERS)
