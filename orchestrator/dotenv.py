"""The file `.env`, whose lines count like variables of the environment."""

from __future__ import annotations

import os
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values

from orchestrator.errors import ConfigurationError

DOTENV = Path(".env")


def environment() -> dict[str, str]:
    """Return the variables of the process, and those of `.env` that it does not have.

    Raises ConfigurationError as `check_dotenv`.
    """
    told = {name: value for name, value in _values().items() if value is not None}
    return told | os.environ


def check_dotenv() -> None:
    """Raises ConfigurationError where `.env` is not text in UTF-8."""
    _text()


def _values() -> dict[str, str | None]:
    text = _text()
    return dotenv_values(stream=StringIO(text)) if text else {}


def _text() -> str:
    try:
        content = DOTENV.read_bytes() if DOTENV.is_file() else b""
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    except OSError as error:
        raise ConfigurationError(f"The file .env cannot be read ({error.strerror}).") from error
    if "\0" in text:
        raise ConfigurationError(
            "The file .env is not text in UTF-8. Save it again as UTF-8; in PowerShell "
            "`Set-Content -Encoding utf8` does so, `>` writes UTF-16."
        )
    return text
