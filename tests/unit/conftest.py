"""Servers that answer what a test says, and the embedded booru with its drawings made once."""

import pytest
from web import Web


@pytest.fixture
def web():
    """The site's server."""
    with Web() as server:
        yield server


@pytest.fixture
def elsewhere():
    """The server of another host."""
    with Web() as server:
        yield server


@pytest.fixture(scope="session")
def drawings(tmp_path_factory):
    """A folder in which the embedded booru keeps its drawings."""
    return tmp_path_factory.mktemp("drawings")
