"""Rows a second and peak memory of an import and an export, each a process of its own, on one core.

Usage: .venv/bin/python bench/imports.py [--rows 200000]

The rows are generated: texts of some 300 characters, 400 posts, 5,000 readers, two of three answer an
earlier row, one of fifty answers a row that comes later. Aim: 3,000 a second on one core without scoring,
at most 512 MiB.
"""

import argparse
import json
import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from multiprocessing import Process
from pathlib import Path

ROOT = Path(__file__).parent.parent
AIM_A_SECOND, AIM_MIB = 3_000, 512
TEXT = (
    "the bridge over old river was closed for two years and people in eastern part of town had to take a longer way "
    "work every day so news that it opens again on Monday is good them shops near even if council could have told "
    "everybody little earlier what going there"
)
WORDS = TEXT.split()


def rows(count: int):
    chance, start = random.Random(7), datetime(2015, 1, 1, tzinfo=UTC)
    for n in range(count):
        post, answers = n % 400, None
        if n >= 400 and n % 3:
            answers = n - 400 * chance.randint(1, min(5, n // 400))
        elif n % 50 == 0 and n + 400 < count:
            answers = n + 400
        yield (
            n,
            post,
            chance.randrange(5_000),
            " ".join(chance.choices(WORDS, k=60)),
            answers,
            start + timedelta(seconds=n),
        )


def json_lines(path: Path, count: int) -> None:
    with path.open("w") as file:
        for n, post, reader, text, answers, at in rows(count):
            row = {
                "external_id": f"c{n}",
                "post_external_id": f"p{post}",
                "post_title": f"Article {post}",
                "reader_external_id": f"r{reader}",
                "reader_name": f"Reader {reader}",
                "text": text,
                "status": "rejected" if n % 20 == 0 else "published",
                "created_at": at.isoformat(),
            }
            if answers is not None:
                row["parent_external_id"] = f"c{answers}"
            file.write(json.dumps(row) + "\n")


def wordpress(path: Path, count: int) -> None:
    """One item after another, each with its comments."""
    by_post: dict[int, list[str]] = {}
    for n, post, reader, text, answers, at in rows(count):
        by_post.setdefault(post, []).append(
            f"<wp:comment><wp:comment_id>{n + 1}</wp:comment_id><wp:comment_author>Reader {reader}</wp:comment_author>"
            f"<wp:comment_date_gmt>{at:%Y-%m-%d %H:%M:%S}</wp:comment_date_gmt>"
            f"<wp:comment_content><![CDATA[<p>{text}</p>]]></wp:comment_content>"
            f"<wp:comment_approved>{int(n % 20 > 0)}</wp:comment_approved><wp:comment_type>comment</wp:comment_type>"
            f"<wp:comment_parent>{0 if answers is None else answers + 1}</wp:comment_parent>"
            f"<wp:comment_user_id>{reader + 1}</wp:comment_user_id></wp:comment>\n"
        )
    with path.open("w") as file:
        file.write('<?xml version="1.0"?><rss xmlns:wp="http://wordpress.org/export/1.2/"><channel>')
        for post, found in by_post.items():
            file.write(f"<item><title>Article {post}</title><wp:post_id>{post}</wp:post_id>{''.join(found)}</item>")
        file.write("</channel></rss>")


def remark42(path: Path, count: int) -> None:
    with path.open("w") as file:
        file.write(json.dumps({"version": 1, "users": [], "posts": []}) + "\n")
        for n, post, reader, text, answers, at in rows(count):
            row = {
                "id": f"c{n}",
                "pid": "" if answers is None else f"c{answers}",
                "text": f"<p>{text}</p>",
                "user": {"id": f"r{reader}", "name": f"Reader {reader}"},
                "locator": {"site": "bench", "url": f"https://news.example/{post}"},
                "time": at.isoformat(),
            }
            file.write(json.dumps(row) + "\n")


def isso(path: Path, count: int) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.executescript((ROOT / "tests" / "recorded" / "isso.sql").read_text())
        file.execute("DELETE FROM comments")
        file.executemany("INSERT INTO threads VALUES (?, ?, 'Article')", ((n + 9, f"/{n}/") for n in range(400)))
        file.executemany(
            "INSERT INTO comments (tid, id, parent, created, mode, text, author, email, voters)"
            " VALUES (?, ?, ?, ?, 1, ?, ?, ?, x'00')",
            (
                (
                    post + 9,
                    n + 1,
                    answers and answers + 1,
                    at.timestamp(),
                    text,
                    f"Reader {reader}",
                    f"r{reader}@x.example",
                )
                for n, post, reader, text, answers, at in rows(count)
            ),
        )
        file.commit()


def coral(path: Path, count: int) -> None:
    with path.open("w") as file:
        for n, post, reader, text, answers, at in rows(count):
            row = {
                "id": f"c{n}",
                "storyID": f"s{post}",
                "authorID": f"u{reader}",
                "parentID": None if answers is None else f"c{answers}",
                "revisions": [{"id": "r", "body": f"<div>{text}</div>"}],
                "status": "NONE",
                "createdAt": {"$date": at.isoformat()},
            }
            file.write(json.dumps(row) + "\n")


def call(environ: dict[str, str], *words: str | Path) -> tuple[float, float, float]:
    """Run a command; return seconds, CPU seconds, and the peak of its memory in MiB."""
    script = "import sys; from moderation.cli import main; sys.argv[0] = 'replydesk'; main()"
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, "-c", script, *map(str, words)], env=environ, cwd=ROOT,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # fmt: skip
    told = process.stderr.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, told
    return time.monotonic() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def one(name: str, count: int, write, *words: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data, file = Path(folder), Path(folder) / "in"
        environ = os.environ | {"REPLYDESK_DATA": folder, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        # In a process of its own: what this one ever held would be counted with its children.
        writer = Process(target=write, args=(file, count))
        writer.start()
        writer.join()
        call(environ, "migrate")
        call(environ, "site", "create", "bench")
        for label, asked in (
            (f"{name} {' '.join(words)}".strip(), ("import", name, file, *words)),
            (f"{name}, a second time", ("import", name, file, *words)),
            ("export", ("export", data / "out.jsonl")),
        ):
            seconds, cpu, peak = call(environ, *asked)
            print(f"{label:28}{count / seconds:>12,.0f}{count / cpu:>16,.0f}{peak:>12,.0f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=200_000)
    count = parser.parse_args().rows
    # One core, whatever the machine has.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print(f"{count:,} rows; aim {AIM_A_SECOND:,} a second without scoring, {AIM_MIB} MiB\n")
    print(f"{'':28}{'a second':>12}{'a CPU second':>16}{'peak MiB':>12}")
    one("jsonl", count, json_lines, "--no-score")
    one("wordpress", count, wordpress, "--no-score")
    one("remark42", count, remark42, "--no-score")
    one("isso", count, isso, "--no-score")
    one("coral", count, coral, "--no-score")
    one("jsonl", count, json_lines)


if __name__ == "__main__":
    main()
