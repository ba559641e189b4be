"""The keys that seal secrets and sign cookies: sealed under the secret key, and rotated while all runs."""
