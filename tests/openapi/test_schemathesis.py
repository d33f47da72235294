"""A fuzzer that nobody here wrote reads the API's own description and tries to catch the service lying.

Schemathesis sends requests that the document allows and requests that it forbids, alone and in sequences, and holds
every answer against it: no 5xx, no undocumented status, media type or shape, nothing allowed that is refused
and nothing forbidden that is taken. ``make fuzz`` does the same with twenty thousand requests.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "12")
LEAST_REQUESTS = 2_000


def test_every_answer_is_what_the_document_says(installation, served, tmp_path):
    key = installation.client.environ_base["HTTP_AUTHORIZATION"]
    words = [
        str(Path(sys.executable).parent / "st"), "run", f"{served}/v1/openapi.json",
        "--header", f"Authorization: {key}", "--max-examples", EXAMPLES,
        "--seed", os.environ.get("FUZZ_SEED", "1"), "--continue-on-failure", "--no-color",
    ]  # fmt: skip
    hooks = {"SCHEMATHESIS_HOOKS": "tests.openapi.sensible_values", "PYTHONPATH": str(ROOT)}

    done = subprocess.run(
        words, env=os.environ | hooks, cwd=tmp_path, capture_output=True, text=True, timeout=3_000, check=False
    )

    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    sent = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert sent is not None, done.stdout[-2_000:]
    assert int(sent[2]) >= LEAST_REQUESTS
