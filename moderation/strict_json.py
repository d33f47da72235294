"""JSON as RFC 8259 has it: no NaN, no nesting deep enough to hurt, no number too long to read."""

import json
from datetime import datetime
from typing import Any

from flask.json.provider import DefaultJSONProvider


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not JSON")


class StrictJson(DefaultJSONProvider):
    sort_keys = False
    ensure_ascii = False

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        try:
            return json.loads(s, parse_constant=_refuse, **kwargs)
        except RecursionError:
            raise ValueError("nested too deep") from None

    @staticmethod
    def default(o: Any) -> Any:
        if isinstance(o, datetime):
            return o.isoformat().replace("+00:00", "Z")
        return DefaultJSONProvider.default(o)
