"""CPU and latency of an intake request against a bare Flask echo, both behind gunicorn, in one run.

Usage: .venv/bin/python bench/intake.py [--requests 2000]

An intake request is validated, scored by the linear tier, decided, and stored at FULL durability with
its decision, audit row and event. CPU is user + system time of the one worker process, from /proc.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
TICK = os.sysconf("SC_CLK_TCK")
TEXT = (
    "the bridge over the old river was closed for two years and people in the eastern part of the town had to "
    "take a longer way to work every day so the news that it opens again on Monday is good for them and for the "
    "shops near it even if the council could have told everybody a little earlier what was going on there"
)
WORDS = TEXT.split()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve(target: str, environ: dict[str, str]) -> tuple[subprocess.Popen, int]:
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--no-control-socket",
        "-w",
        "1",
        "-b",
        f"127.0.0.1:{port}",
        target,
    ]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environ, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return process, port
    raise SystemExit(f"{target} did not start")


def worker_of(process: subprocess.Popen) -> int:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not children.read_text().split():
        time.sleep(0.05)
    return int(children.read_text().split()[0])


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory_mb(pid: int) -> float:
    line = next(row for row in Path(f"/proc/{pid}/status").read_text().splitlines() if row.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def drive(port: int, path: str, bodies: list[bytes], headers: dict[str, str]) -> list[float]:
    times = []
    for body in bodies:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        start = time.perf_counter()
        connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        answer = response.read()
        times.append(time.perf_counter() - start)
        connection.close()
        if response.status != 201:
            raise SystemExit(f"{path}: {response.status} {answer[:300]!r}")
    return sorted(times)


def bodies(count: int) -> list[bytes]:
    made = []
    for n in range(count):
        turn = n % len(WORDS)
        text = f"{' '.join(WORDS[turn:] + WORDS[:turn])}. Number {n}."
        reader = {"id": f"u-{n % 500}", "name": "Ana", "roles": ["member"]}
        made.append(json.dumps({"external_id": f"b-{n}", "post": {"id": f"{n % 50}"}, "reader": reader, "text": text}))
    return [text.encode() for text in made]


def measure(name: str, target: str, path: str, count: int, environ: dict, headers: dict) -> dict:
    process, port = serve(target, environ)
    try:
        pid = worker_of(process)
        made = bodies(count + 200)
        drive(port, path, made[:200], headers)
        before = cpu_seconds(pid)
        times = drive(port, path, made[200:], headers)
        cpu = (cpu_seconds(pid) - before) / count * 1e6
        p50, p99 = times[count // 2] * 1e6, times[count * 99 // 100] * 1e6
        return {"name": name, "cpu": cpu, "p50": p50, "p99": p99, "memory": memory_mb(pid)}
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=2_000)
    count = parser.parse_args().requests
    with tempfile.TemporaryDirectory() as folder:
        environ = {"REPLYDESK_DATA": folder, "REPLYDESK_ENV": "production", "REPLYDESK_ENCODER_BUDGET_MS": "0"}
        replydesk = [str(Path(sys.executable).parent / "replydesk")]
        made = b""
        for words in ("migrate", "site create bench", "key create bench --scope comments --json"):
            command = [*replydesk, *words.split()]
            made = subprocess.run(command, env=os.environ | environ, cwd=ROOT, check=True, capture_output=True).stdout
        headers = {"Authorization": f"Bearer {json.loads(made)['key']}"}
        rows = [
            measure("Flask echo", "bench.echo:app", "/echo", count, {}, {}),
            measure("intake", "moderation.app:create_app()", "/v1/comments", count, environ, headers),
        ]
    echo = rows[0]
    print(f"{count} requests each, one worker\n")
    print(f"{'':<12}{'CPU us':>9}{'ratio':>7}{'p50 us':>9}{'p99 us':>9}{'RSS MB':>8}")
    for row in rows:
        ratio = row["cpu"] / echo["cpu"]
        print(
            f"{row['name']:<12}{row['cpu']:>9.0f}{ratio:>7.2f}{row['p50']:>9.0f}{row['p99']:>9.0f}{row['memory']:>8.0f}"
        )


if __name__ == "__main__":
    main()
