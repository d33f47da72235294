"""HTML of other systems becomes the text that its readers saw."""

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
        ("</a></p></script>x", "x"),
    ],
)
def test_what_a_reader_saw_is_the_text(html, text):
    assert plain(html) == text


@pytest.mark.parametrize(
    "html", ["<![foo[x", "<!doctype x [<!y", "<" * 5_000, "<a " * 5_000, "<!--" * 5_000, "&" * 9_000]
)
def test_what_is_no_html_ends_and_is_some_text(html):
    assert isinstance(plain(html), str)


def test_more_html_than_any_comment_has_is_not_read():
    with pytest.raises(Refusal, match="of HTML"):
        plain("<p>" * MOST_HTML_CHARACTERS)
