"""However long a file is, what is held of it at once is a few records."""

import io
import json
import tracemalloc

import pytest

from moderation.services.moving import disqus, lines, wordpress
from tests.moving import DISQUS, WXR, disqus_post, row, wp_comment

RECORDS = 5_000
MOST_BYTES = 2_000_000
WORDS = "Words and more words. " * 20


def json_lines():
    return "".join(json.dumps(row(text=WORDS, external_id=f"a{n}")) + "\n" for n in range(RECORDS))


def as_csv():
    return "external_id,post_url,text\n" + "".join(f"a{n},p,{WORDS}\n" for n in range(RECORDS))


def as_wxr():
    return WXR.format(comments="".join(wp_comment(n, WORDS) for n in range(RECORDS)), second="")


def as_disqus():
    return DISQUS.format(posts="".join(disqus_post(n, WORDS) for n in range(RECORDS)))


@pytest.mark.parametrize(
    ("read", "written"),
    [
        (lines.from_json_lines, json_lines),
        (lines.from_csv, as_csv),
        (wordpress.records, as_wxr),
        (disqus.records, as_disqus),
    ],
    ids=["jsonl", "csv", "wordpress", "disqus"],
)
def test_memory_does_not_grow_with_the_file(read, written):
    stream = io.BytesIO(written().encode())
    tracemalloc.start()

    count = sum(1 for _ in read(stream))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count == RECORDS
    assert len(stream.getvalue()) > MOST_BYTES
    assert peak < MOST_BYTES
