"""No form and no bytes at all break the Akismet door, or make it answer in another way than its own."""

from urllib.parse import quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moderation.views.doors.akismet import limiter
from tests.akismet_client import CALLS, SENT, THANKS, Caller, is_invalid, make_key, said
from tests.perspective import stored


@pytest.fixture
def akismet_key(app, site_key):
    return make_key(app)


@pytest.fixture
def ask(app, akismet_key):
    return Caller(app, akismet_key)


_FIELD = st.sampled_from([*SENT, "is_test", "user_role", "honeypot_field_name", "comment_date_gmt", "user_ID",
                          "blog_charset", "recheck_reason", "comment_post_ID", "api_key", "x"])  # fmt: skip
_VALUE = st.text(st.characters(), max_size=60) | st.sampled_from(["1", "punycode", "idna", "9999-12-31T23:59:59-23:00"])


@given(fields=st.dictionaries(_FIELD, _VALUE, max_size=8), method=st.sampled_from(CALLS))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_form_at_all_gets_a_fault_or_another_form_of_answer(app, ask, akismet_key, fields, method):
    before = stored(app)
    sent = SENT | {"api_key": akismet_key} | fields
    body = "&".join(f"{k}={quote_plus(v, errors='surrogatepass')}" for k, v in sent.items())

    answer = said(ask(method, raw=body))

    assert answer in (b"valid", b"invalid", b"true", b"false", THANKS)
    if answer == b"invalid":
        assert stored(app) == before


@given(raw=st.binary(max_size=300), method=st.sampled_from(CALLS))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_at_all_get_a_fault(ask, raw, method):
    limiter.reset()

    assert is_invalid(ask(method, raw=raw))
