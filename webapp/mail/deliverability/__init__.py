"""Whether the DNS vouches for email from a domain: SPF, DKIM, DMARC, MX and reverse names."""
