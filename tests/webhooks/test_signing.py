"""Signatures, held against an example of others."""

import base64
from datetime import UTC, datetime

from webapp.webhooks import signing

# From the tests of the libraries of Standard Webhooks.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MOMENT = datetime.fromtimestamp(1614265330, UTC)


def test_the_example_of_the_standard_has_the_same_signature() -> None:
    headers = signing.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', [SECRET], MOMENT)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


def test_each_secret_signs() -> None:
    headers = signing.headers("evt_1", b"{}", [SECRET, signing.new_secret()], MOMENT)
    assert [one[:3] for one in headers["webhook-signature"].split(" ")] == ["v1,", "v1,"]


def test_a_secret_is_as_long_as_the_standard_asks() -> None:
    assert len(base64.b64decode(signing.new_secret().removeprefix("whsec_"))) == 32
    assert signing.new_secret() != signing.new_secret()
