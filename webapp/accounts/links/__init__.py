"""One-time links and codes: the mechanism that all purposes share."""
