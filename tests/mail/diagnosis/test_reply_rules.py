"""The explanation of a reply, given the settings."""

import pytest

from webapp.mail.diagnosis import reply_rules as rules
from webapp.mail.diagnosis import reply_texts as texts
from webapp.mail.replies.concepts import CONCEPTS
from webapp.mail.replies.reading import read
from webapp.providers import Cause, Diagnosis, Failure

PASSWORD = {"authentication": "password", "security": "starttls"}
# What a reply names beyond its cause, or the settings make impossible.
CLOSER = [
    ("auth", "534 5.7.9 Please log in with your web browser and then try again.", {}, texts.CONFIRM_SIGN_IN),
    ("auth", "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", {}, texts.PASSWORDS_OFF),
    ("auth", "503 5.5.1 Error: authentication not enabled", {}, texts.AUTHENTICATION_OFF),
    ("auth", "550 User has no permission", {}, texts.SIGN_IN_NOT_ALLOWED),
    ("mail", "550 Account suspended: invoice overdue", {}, texts.NOT_PAID),
    ("rcpt", "450 4.7.25 Client host rejected: cannot find your hostname", {}, texts.NO_REVERSE_DNS),
    ("rcpt", "550 5.7.25 Your IP has no name in DNS", {}, texts.NO_REVERSE_DNS),
    ("data", "554 Message rejected: Email address is not verified.", {}, texts.NOT_VERIFIED),
    ("auth", "451 Authentication failed: Maximum credits exceeded", {}, texts.NO_CREDITS),
    ("auth", "454 4.7.0 Temporary authentication failure", {}, texts.SIGN_IN_OUT_OF_ORDER),
    ("rcpt", "554 5.7.1 <eve@example.org>: Relay access denied", {}, texts.NEEDS_AUTHENTICATION),
    ("rcpt", "554 5.7.1 <eve@example.org>: Relay access denied", PASSWORD, texts.RELAY_DENIED_SIGNED_IN),
    ("rcpt", "553 5.7.1 <m@x.example>: Sender address rejected: not logged in", PASSWORD, rules.DONE),
    ("mail", "530 5.7.1 Authentication required", PASSWORD, rules.DONE),
    ("auth", "538 5.7.11 Encryption required", PASSWORD, rules.ENCRYPTED_NOW),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "reply", "settings", "expected"), CLOSER)
def test_the_advice_fits_what_the_reply_names_and_the_settings(
    stage: str, reply: str, settings: dict[str, str], expected: Diagnosis
) -> None:
    assert rules.diagnose_reply(Failure(stage, reply=reply), settings) is expected


def test_every_cause_has_a_text() -> None:
    assert texts.BY_CAUSE.keys() == set(Cause)
    assert {name for names in texts.BY_NAME.values() for name, _text in names} <= CONCEPTS.keys()


def test_what_is_not_understood_is_shown_in_the_servers_words_first() -> None:
    diagnosis = rules.diagnose_reply(Failure("data", reply="550 5.7.1 Computer\nsays no"), {})
    assert str(diagnosis.cause).startswith("The server said: “550 5.7.1 Computer says no”.")
    assert diagnosis.confidence == ""


def test_a_diagnosis_says_once_what_in_the_reply_led_to_it() -> None:
    reading = read("auth", "535 5.7.8 Wrong password")
    diagnosis = rules.with_evidence(texts.BAD_CREDENTIALS, reading)
    assert [str(one) for one in diagnosis.evidence] == [
        "The reply says “wrong password”.",
        "Enhanced code 5.7.8: “Authentication credentials invalid” (RFC 4954).",
    ]


@pytest.mark.parametrize("code", rules.ODD_PASSWORDS)
def test_an_odd_password_is_the_first_thing_to_check(code: str) -> None:
    diagnosis = rules.diagnose_reply(Failure("auth", code, reply="535 5.7.8 Rejected"), {})
    assert diagnosis.steps[0] == rules.ODD_PASSWORDS[code]
