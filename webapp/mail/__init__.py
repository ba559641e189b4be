"""Mail servers: settings, authentication, sending, test sends, diagnosis."""
