"""From a domain to its mail server, and from there to the records to publish."""

from uuid import uuid4

from tests.browser.serving import Site
from tests.browser.walker import Walker
from tests.support.dns_server import NameServer, Records

PASSWORD = "the first long sentence 7"
ZONES: dict[str, Records] = {
    "shop.example": {"MX": ["1 smtp.google.com"], "TXT": ["v=spf1 mx include:news.example -all"]},
    "news.example": {"TXT": ["v=spf1 ip4:198.51.100.0/24 -all"]},
    "smtp.google.com": {"A": ["93.184.215.25"]},
    "_spf.google.com": {"TXT": ["v=spf1 ip4:93.184.215.128/25 ~all"]},
    "_dmarc.shop.example": {"TXT": ["v=DMARC1; p=reject"]},
}


def test_a_domain_leads_to_its_service_and_to_what_to_publish(
    walker: Walker, site: Site, name_server: NameServer
) -> None:
    name_server.zones.update(ZONES)
    walker.open(site.setup_url)
    walker.fill(
        email=f"ada.{uuid4().hex[:8]}@shop.example",
        name="Ada",
        password=PASSWORD,
        password_confirm=PASSWORD,
        public_url="",
    )
    walker.press("Create and sign in")
    walker.open(f"{site.url}/settings/mail")
    walker.fill(discover_for="unknown.example")
    walker.press("discover")
    walker.page.get_by_text("doesn't exist in the DNS").first.wait_for()
    walker.fill(discover_for="mail@shop.example")
    walker.press("discover")
    assert walker.sees("Google receives the email of shop.example")
    walker.fill(password="abcdefghijklmnop")
    walker.press("save")
    walker.follow("Check deliverability (SPF, DKIM, DMARC)")
    published = walker.page.get_by_label("Its value").first
    assert published.input_value() == "v=spf1 mx include:news.example include:_spf.google.com -all"
    walker.page.get_by_role("button", name="Copy").nth(1).click()
    assert walker.sees("can't pass DMARC")
    assert walker.complaints == []
