"""Tests of earlier settings that are used again."""
