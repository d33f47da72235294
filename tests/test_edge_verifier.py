"""The reference verifier refuses each forgery by name, keeps keys as long as it may, and obeys in an outage."""

import base64
import json
from datetime import timedelta

import jwt
import pytest

from tests.edge import claims_of, decode, edge, header_of, key_set, token_of, verifier
from tests.engagement import START, at, configure, sell, subscribe, travel
from tests.forgeries import FORGERIES, STRANGER, resigned, with_flipped


@pytest.fixture
def genuine(client):
    """A token of a reader to whom everything is open, at the tests' own moment."""
    sell(client)
    with at():
        subscribe(client)
        yield token_of(client)


def test_a_genuine_token_says_yes(client, genuine):
    assert edge(client).check(genuine, "2041") == (True, "subscription")


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_token_is_refused_by_name(client, genuine, forgery):
    forge, name = FORGERIES[forgery]

    assert edge(client).check(forge(genuine, client), "2041") == (False, name)


def test_another_sites_token_is_refused_with_its_key_and_also_with_ours(client, other):
    with at():
        foreign = token_of(other)
        answers = edge(client).check(foreign, "2041"), edge(client).check(foreign, "2041", free=True)
        # As if both sites shared one key: then the audience alone keeps them apart.
        shared = edge(client, "other")
        shared.site = "demo"

        assert answers == ((False, "key"), (True, "free_post"))
        assert shared.check(foreign, "2041") == (False, "site")


def test_every_single_bit_matters(client, genuine):
    guard = edge(client)
    said = {
        guard.check(with_flipped(genuine, part, bit), "2041").yes
        for part in range(3)
        for bit in range(0, len(decode(genuine.split(".")[part])) * 8, 5)
    }

    assert said == {False}


def test_claims_of_another_form_are_refused_even_when_they_are_signed(app, client):
    # Only a fault of ours could sign these.
    keys = edge(client).keys
    kid = header_of(token_of(client))["kid"]
    keys._keys, keys._old_at = {kid: STRANGER.public_key()}, float("inf")
    whole = claims_of(token_of(client))
    wrong = [{"exp": None}, {"exp": "x"}, {"exp": 1e300}, {"iat": 1.5}, {"sub": 5}, {"sub": None}, {"opens": None},
             {"iss": "evil"}, {"aud": ["x"]}, {"aud": None}]  # fmt: skip

    names = []
    for claims in wrong:
        with pytest.raises(verifier.Refused) as refused:
            verifier.verify(resigned(token_of(client), claims=whole | claims), keys, site="demo", now=whole["iat"])
        names.append(refused.value.name)

    assert names == ["malformed"] * 7 + ["issuer", "site", "malformed"]


def test_it_expires_to_the_second_and_no_clock_behind_makes_it_live_longer(client, genuine):
    guard = edge(client)
    said = {}
    for second in (-61, -60, 0, 599, 599.999, 600, 10_000):
        with travel(START + timedelta(seconds=second)):
            said[second] = guard.check(genuine, "2041").because

    yes = "subscription"
    assert said == {-61: "early", -60: yes, 0: yes, 599: yes, 599.999: yes, 600: "expired", 10_000: "expired"}


def test_a_token_of_somebody_else_than_who_is_signed_in_is_refused(client, genuine):
    guard = edge(client)

    assert guard.check(genuine, "2041", reader_id="u-77").yes is True
    assert guard.check(genuine, "2041", reader_id="u-78") == (False, "reader")


def test_without_a_token_only_a_free_post_is_open(client):
    guard = edge(client)

    assert guard.check(None, "2041") == guard.check("", "2041") == (False, "no_token")
    assert guard.check(None, "2041", free=True) == (True, "free_post")


# The keys of the verifier.


class Counted:
    """A fetch that counts, and fails while ``down``."""

    def __init__(self, client):
        self.client, self.times, self.down = client, 0, False

    def __call__(self):
        self.times += 1
        if self.down:
            raise TimeoutError
        return json.loads(key_set(self.client).text)


def test_keys_are_fetched_once_in_five_minutes(client, genuine):
    fetch = Counted(client)
    guard = verifier.Edge("demo", verifier.Keys(fetch))
    times = []
    for second in (0, 1, 299, 300, 301):
        with travel(START + timedelta(seconds=second)):
            assert guard.check(genuine, "2041").yes
            times.append(fetch.times)

    assert times == [1, 1, 1, 2, 2]


def test_made_up_keys_are_looked_for_twice_a_minute_at_most(client, genuine):
    fetch = Counted(client)
    guard = verifier.Edge("demo", verifier.Keys(fetch))
    for second in range(60):
        with travel(START + timedelta(seconds=second)):
            assert guard.check(resigned(genuine, header={"kid": f"tky_{second}"}), "2041").because == "key"

    assert fetch.times == 2


def test_old_keys_are_kept_while_new_ones_cannot_be_had_and_nobody_waits_for_them(client, genuine):
    fetch = Counted(client)
    guard = verifier.Edge("demo", verifier.Keys(fetch))
    assert guard.check(genuine, "2041").yes

    fetch.down = True
    for second in range(300, 330):
        with travel(START + timedelta(seconds=second)):
            assert guard.check(genuine, "2041").yes

    assert fetch.times == 2


@pytest.mark.parametrize(
    ("mode", "later", "named", "open_"),
    [
        ("closed", 599, True, True),
        ("closed", 600, True, False),
        ("grace", 600, True, True),
        ("grace", 600 + 899, True, True),
        ("grace", 600 + 900, True, False),
        ("grace", 600, False, False),
        ("open", 10_000, True, True),
        ("open", 10_000, False, True),
    ],
)
def test_an_outage_opens_what_the_site_chose(client, app, mode, later, named, open_):
    configure(app, outage=mode, outage_grace_seconds=900)
    sell(client, opens={"sections": ["sport"]})
    guard = edge(client)
    with at():
        subscribe(client)
        token = token_of(client)
        guard.check(token, "2041")
    guard.keys._fetch = lambda: (_ for _ in ()).throw(OSError("down"))

    with travel(START + timedelta(seconds=later)):
        assert guard.in_outage(token, "2041", section="sport" if named else "city") is open_


def test_an_edge_that_never_had_the_keys_stays_closed_in_an_outage(client, genuine):
    fetch = Counted(client)
    fetch.down = True

    assert verifier.Edge("demo", verifier.Keys(fetch)).in_outage(genuine, "2041") is False


def test_pyjwt_itself_verifies_with_the_document_alone(client, genuine):
    document = json.loads(key_set(client).text)
    key = jwt.PyJWKSet.from_dict(document)[header_of(genuine)["kid"]]

    assert jwt.decode(genuine, key, audience="demo", issuer="replydesk")["sub"] == "u-77"


def test_a_signature_is_the_one_of_rfc_8032(client, genuine):
    signed, _, signature = genuine.rpartition(".")
    [key] = key_set(client).json["keys"]
    public = jwt.PyJWK(key).key

    public.verify(base64.urlsafe_b64decode(signature + "=="), signed.encode())
