"""Webhooks: signed events about messages, users and mail servers, sent to URLs that administrators choose."""
