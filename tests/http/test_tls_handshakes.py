"""A TLS handshake on the port of a server, which does not use TLS, is answered immediately."""

from __future__ import annotations

import socket
import ssl

import pytest

from support.server import Server

CONTEXT = ssl.create_default_context()


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=5)


def test_a_tls_client_gets_an_error_immediately(server: Server) -> None:
    with (
        connect(server) as connection,
        pytest.raises(ssl.SSLError, match="WRONG_VERSION_NUMBER"),
    ):
        CONTEXT.wrap_socket(connection, server_hostname="localhost")


def test_the_connection_is_closed(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00")
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert connection.recv(4096) == b""


def test_a_later_byte_with_this_value_is_data(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(
            b"PUT /v1/versions/tls-byte/a?bump=auto HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Length: 9\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(4096) == b"HTTP/1.1 100 (Continue)\r\n\r\n"
        connection.sendall(b"\x16feat: a\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")
