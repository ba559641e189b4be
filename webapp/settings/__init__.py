"""Settings of the whole installation: public URL, product name, support address, security."""
