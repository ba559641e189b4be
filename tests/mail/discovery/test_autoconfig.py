"""Documents for mail programs, hostile ones included."""

import pytest

from webapp.mail.discovery.autoconfig import MAX_SIZE, Settings, read

SERVER = """<outgoingServer type="smtp"><hostname>smtp.%EMAILDOMAIN%</hostname><port>465</port>
<socketType>SSL</socketType><username>%EMAILADDRESS%</username>
<authentication>password-cleartext</authentication></outgoingServer>"""
PLAIN = SERVER.replace("SSL", "plain").replace("465", "25")
FOUND = Settings("smtp.shop.example", 465, "tls", "ada@shop.example")


def document(*servers: str, before: str = "") -> bytes:
    text = f'<?xml version="1.0" encoding="UTF-8"?>{before}<clientConfig version="1.1"><emailProvider id="shop">'
    return f"{text}{''.join(servers)}</emailProvider></clientConfig>".encode()


def of(*servers: str) -> Settings | None:
    return read(document(*servers), "shop.example", "ada@shop.example")


def test_the_first_encrypted_server_counts() -> None:
    assert of(PLAIN, SERVER, SERVER.replace("465", "466")) == FOUND
    assert of(PLAIN) is None
    assert of(SERVER.replace("SSL", "STARTTLS")) == Settings("smtp.shop.example", 465, "starttls", "ada@shop.example")


def test_without_an_address_the_user_name_stays_open() -> None:
    assert read(document(SERVER), "shop.example", "") == Settings("smtp.shop.example", 465, "tls")
    fixed = SERVER.replace("%EMAILADDRESS%", "shop-mail")
    assert read(document(fixed), "shop.example", "") == Settings("smtp.shop.example", 465, "tls", "shop-mail")


@pytest.mark.parametrize(
    "broken",
    [
        SERVER.replace("smtp.%EMAILDOMAIN%", "127.0.0.1"),
        SERVER.replace("smtp.%EMAILDOMAIN%", "localhost"),
        SERVER.replace("smtp.%EMAILDOMAIN%", "smtp.shop.example:25/x"),
        SERVER.replace("465", "0"),
        SERVER.replace("465", "99999"),
        SERVER.replace("<port>465</port>", ""),
        SERVER.replace('"smtp"', '"ews"'),
    ],
)
def test_a_server_that_cannot_be_one_is_passed_over(broken: str) -> None:
    assert of(broken) is None
    assert of(broken, SERVER) == FOUND


ENTITIES = '<!DOCTYPE a [<!ENTITY x "y"><!ENTITY xx "&x;&x;">]>'


@pytest.mark.parametrize(
    "hostile",
    [
        document(SERVER, before=ENTITIES),
        document(SERVER, before=ENTITIES).decode().replace("UTF-8", "UTF-16").encode("utf-16"),
        document(SERVER, before='<!DOCTYPE a SYSTEM "file:///etc/passwd">'),
        document(SERVER + " " * MAX_SIZE),
        document("<a>" * 20_000),
        b"<html><body>Not found",
        b"\xff\xfe\x00",
        b"",
    ],
)
def test_a_hostile_document_is_none(hostile: bytes) -> None:
    assert read(hostile, "shop.example", "ada@shop.example") is None
