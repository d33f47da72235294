"""A news site of one article, with its thread and its webhooks: DESK_KEY=rdk_... python docs/examples/site.py"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import time
from urllib import request as http
from urllib.parse import quote

from flask import Flask, abort, redirect, render_template_string, request

DESK, KEY = os.environ.get("DESK_URL", "http://127.0.0.1:8000"), os.environ["DESK_KEY"]
SECRET = os.environ.get("WEBHOOK_SECRET", "")
POST = {"id": "2041", "title": "Bridge reopens", "url": "http://127.0.0.1:5000/"}
PAGE = """<!doctype html><title>{{ post.title }}</title><h1>{{ post.title }}</h1><p>{{ request.args.said }}</p>
{% for c in thread recursive %}<div style="margin-left: 2em"><b>{{ c.reader_name }}</b> <p>{{ c.text }}</p>
{{ loop(c.replies) }}</div>{% endfor %}
<form method="post"><input type="hidden" name="once" value="{{ once }}"><input name="name" placeholder="Name" required>
<textarea name="text" required></textarea><button>Reply</button></form>"""
SAID = {"published": "Thank you.", "pending": "Thank you; an editor reads it first.", "rejected": "It was not taken:"}
app, told = Flask(__name__), {}  # told: what webhooks said last, by comment


def desk(method, path, body=None):
    data = json.dumps(body).encode() if body else None
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    with http.urlopen(http.Request(DESK + path, data, headers, method=method), timeout=5) as answer:
        return json.load(answer)


@app.get("/")
def article():
    thread = desk("GET", f"/v1/posts/{POST['id']}/comments")["items"]
    return render_template_string(PAGE, post=POST, thread=thread, once=secrets.token_hex(16))


@app.post("/")
def reply():
    form = request.form
    # The external id makes a second click the same comment.
    sent = {"external_id": form["once"], "post": POST, "reader": {"name": form["name"]}, "text": form["text"]}
    comment = desk("POST", "/v1/comments", sent)
    why = [reason["detail"] for reason in comment["reasons"]] if comment["status"] == "rejected" else []
    return redirect("/?said=" + quote(" ".join([SAID[comment["status"]], *why])))


@app.post("/hooks")
def hooks():
    id, stamp = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    signed = f"{id}.{stamp}.".encode() + request.get_data()
    mac = base64.b64encode(hmac.digest(base64.b64decode(SECRET.removeprefix("whsec_")), signed, hashlib.sha256))
    sent = request.headers.get("webhook-signature", "").encode().split()
    good = [hmac.compare_digest(b"v1," + mac, one) for one in sent]
    if not any(good) or not stamp.isdecimal() or abs(time.time() - int(stamp)) > 300:
        abort(400)
    event = request.get_json()["data"]
    if event.get("version", 0) >= told.get(event.get("id"), {}).get("version", 0):  # they may come in any order
        told[event.get("id")] = event
    return "", 204


if __name__ == "__main__":
    app.run(port=int(os.environ.get("PORT", "5000")))
