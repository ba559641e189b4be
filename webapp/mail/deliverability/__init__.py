"""What the DNS says about email from a domain: SPF, DKIM, DMARC, MX and reverse names."""
