"""Print the OpenAPI document, as a linter or a generator of clients wants it."""

import os
import sys
import tempfile

from moderation.app import create_app

if __name__ == "__main__":
    os.environ["REPLYDESK_ENV"] = "production"
    with tempfile.TemporaryDirectory() as folder:
        app = create_app({"DATA": folder, "PUBLIC_URL": "https://replydesk.invalid"})
        sys.stdout.write(app.test_client().get("/v1/openapi.json").get_data(as_text=True))
