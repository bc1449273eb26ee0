from pathlib import Path

import pytest

from orchestrator.errors import ConfigurationError
from orchestrator.store.database import parse, sqlite_path, synchronous


@pytest.mark.parametrize("url", ["", "nonsense", "sqlite:memory", "http//x"])
def test_what_is_no_address_is_refused_by_the_name_of_the_setting(url):
    with pytest.raises(ConfigurationError, match="DATABASE_URL is not a database address"):
        parse(url)


@pytest.mark.parametrize("url", ["mysql://h/d", "oracle://h/d", "mysql+aiomysql://h/d", "x://y"])
def test_other_databases_are_refused_with_what_to_use(url):
    with pytest.raises(ConfigurationError, match="DATABASE_URL"):
        parse(url)


def test_the_sentence_never_shows_the_password():
    with pytest.raises(ConfigurationError) as refused:
        parse("mysql://me:hunter2@h/d")

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["postgresql://h/d", "postgresql+psycopg://h/d", "postgresql+asyncpg://h/d"]
)
def test_postgresql_is_spoken_to_through_one_driver(url):
    assert synchronous(parse(url)).drivername == "postgresql+psycopg"


def test_sqlite_is_spoken_to_through_the_driver_of_the_language():
    assert synchronous(parse("sqlite+aiosqlite:///a.db")).drivername == "sqlite+pysqlite"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite+aiosqlite:///data/a.db", Path("data/a.db")),
        ("sqlite:////var/a.db", Path("/var/a.db")),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("postgresql://h/d", None),
    ],
)
def test_only_a_sqlite_file_has_a_path(url, path):
    assert sqlite_path(parse(url)) == path
