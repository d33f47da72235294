"""A client made from the document by a third party's generator type-checks, and drives a site's whole day."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
STORY = Path(__file__).parent / "generated_client_story.py"
# Of the generated package its one fixed file does not fit httpx's types, whatever the document says.
MYPY = "[mypy]\nstrict = True\n[mypy-client.client]\nignore_errors = True\n"
TOLD = """1 pending True published
stale_version 1
1 1 True unlocked
1 canceling
not_found
"""


def test_a_generated_client_type_checks_and_drives_a_day(installation, served, tmp_path):
    key = installation.client.environ_base["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    (tmp_path / "openapi.json").write_text(json.dumps(installation.client.get("/v1/openapi.json").json))
    (tmp_path / "mypy.ini").write_text(MYPY)
    shutil.copy(STORY, tmp_path / "story.py")

    def run(*words):
        path = {"PATH": f"{BIN}:{os.environ['PATH']}"}
        done = subprocess.run(
            words, cwd=tmp_path, env=os.environ | path, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
        return done.stdout

    made = run(
        "openapi-python-client", "generate", "--path", "openapi.json", "--output-path", "client", "--meta", "none"
    )
    run("mypy", "--config-file", "mypy.ini", "story.py", "client")
    told = run(sys.executable, "story.py", served, key)

    assert "some pieces may be missing" not in made, made
    assert told == TOLD
