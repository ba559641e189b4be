"""What pages of all packages share: access, cookies, headers, forms, navigation, error pages."""
