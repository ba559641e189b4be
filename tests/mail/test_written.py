"""Emails whose every part an application chose."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from webapp.mail.written import Attachment, WrittenEmail

# What the API lets into a header: no control characters, and nothing that ends a line or a paragraph.
PLAIN = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=120)
ADDRESS = "ada@people.example"


def parsed(email: WrittenEmail) -> EmailMessage:
    octets = email.as_bytes()
    assert octets.count(b"\n") == octets.count(b"\r\n") == octets.count(b"\r")
    assert octets.endswith(b"\r\n")
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    found: Any = message_from_bytes(octets, policy=policy.SMTP)
    assert not any(part.defects for part in found.walk())
    return found  # type: ignore[no-any-return]


@given(name=PLAIN, subject=PLAIN, value=PLAIN)
def test_any_text_stays_in_its_header(name: str, subject: str, value: str) -> None:
    email = WrittenEmail((name, ADDRESS), to=[(name, ADDRESS)], subject=subject, headers={"X-A": value}, text="")
    found = parsed(email)
    assert sorted(found.keys()) == [
        "Content-Transfer-Encoding", "Content-Type", "From", "MIME-Version", "Subject", "To", "X-A",
    ]  # fmt: skip
    assert [one.addr_spec for one in (*found["From"].addresses, *found["To"].addresses)] == [ADDRESS] * 2


@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0\r")), content=st.binary(max_size=300))
def test_texts_and_files_arrive_as_they_were(text: str, content: bytes) -> None:
    found = parsed(WrittenEmail(("", ADDRESS), text=text, attachments=[Attachment("a", "image/png", content)]))
    body, attachment = (part for part in found.iter_parts())
    assert str(body.get_content()).replace("\r\n", "\n") == text
    assert attachment.get_payload(decode=True) == content


def test_a_thousand_recipients_take_no_time_to_write() -> None:
    people = [(f"Ädä {index}", f"ada{index}@people.example") for index in range(1000)]
    assert len(parsed(WrittenEmail(("", ADDRESS), to=people, text=""))["To"].addresses) == 1000
