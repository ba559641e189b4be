"""The version of Mailroom."""

from importlib.metadata import version

VERSION = version("mailroom")
