"""What all pages share: access, cookies, headers, forms, error pages."""
