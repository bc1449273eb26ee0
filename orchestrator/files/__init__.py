"""Reads files people attach: bytes in, text or a picture out. Knows no database and no network."""
