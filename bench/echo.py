"""The yardstick of bench/intake.py: a Flask view that reads JSON and gives it back."""

from flask import Flask, request

app = Flask(__name__)


@app.post("/echo")
def echo():
    return request.get_json(), 201
