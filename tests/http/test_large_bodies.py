"""Large bodies of strangers are not read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from monotron.web import fallback
from support.in_process import serving
from support.server import ROOT, ROOT_ENV

HOST = "Host: 127.0.0.1\r\n"
LARGE = 65537


class TestLargeBodies:
    """Bodies above 64 KiB are read only after authentication."""

    PUT = f"PUT /v1/versions/app/T?bump=auto HTTP/1.1\r\n{HOST}"
    SIZES = (f"Content-Length: {LARGE}\r\n", "Transfer-Encoding: chunked\r\n")

    @staticmethod
    def exchange(
        *parts: str, is_response_expected_early: bool, env: Mapping[str, str] = ROOT_ENV
    ) -> bytes:
        """Send the parts, the last one after the response if it is expected early."""

        async def scenario() -> bytes:
            async with serving(env=env) as (services, port):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                *first, last = parts
                writer.write("".join(first).encode())
                if not is_response_expected_early:
                    writer.write(last.encode())
                response = await reader.readuntil(b"}\n")
                writer.close()
                assert services.lifecycle.in_flight == 0
                return response

        return asyncio.run(asyncio.wait_for(scenario(), 30))

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("credentials", ["", "Authorization: Bearer wrong\r\n"])
    def test_a_body_without_valid_credentials_is_not_awaited(
        self, monkeypatch: pytest.MonkeyPatch, size: str, credentials: str
    ) -> None:
        monkeypatch.setattr(fallback, "DISCARD_SECONDS", 0.01)
        head = f"{self.PUT}{size}{credentials}\r\n"
        response = self.exchange(head, "", is_response_expected_early=True)
        assert response.startswith(b"HTTP/1.1 401 ")
        assert b"www-authenticate" in response.lower()

    @pytest.mark.parametrize("header", ["Via: 1.1 proxy", "Origin: https://example.com"])
    def test_an_open_server_does_not_await_the_body_of_a_stranger(
        self, monkeypatch: pytest.MonkeyPatch, header: str
    ) -> None:
        monkeypatch.setattr(fallback, "DISCARD_SECONDS", 0.01)
        head = f"{self.PUT}{self.SIZES[0]}{header}\r\n\r\n"
        response = self.exchange(head, "", is_response_expected_early=True, env={})
        assert response.startswith(b"HTTP/1.1 403 ")

    def test_a_client_that_waits_for_100_continue_is_refused_immediately(self) -> None:
        head = f"{self.PUT}{self.SIZES[0]}Expect: 100-continue\r\n\r\n"
        response = self.exchange(head, "", is_response_expected_early=True)
        assert response.startswith(b"HTTP/1.1 401 ")

    def test_a_client_that_sends_the_whole_body_gets_the_reason(self) -> None:
        body = "x" * LARGE
        response = self.exchange(
            f"{self.PUT}{self.SIZES[0]}\r\n", body, is_response_expected_early=False
        )
        assert response.startswith(b"HTTP/1.1 401 ")

    @pytest.mark.parametrize(
        "sent",
        [
            f"{SIZES[0]}Authorization: {ROOT}\r\n\r\nfeat: a\n\n{'x' * (LARGE - 9)}",
            f"{SIZES[1]}Authorization: {ROOT}\r\n\r\n7\r\nfeat: a\r\n0\r\n\r\n",
        ],
        ids=["fixed", "chunked"],
    )
    def test_a_body_with_valid_credentials_is_read(self, sent: str) -> None:
        response = self.exchange(self.PUT, sent, is_response_expected_early=False)
        assert b'"version": "0.1.0"' in response

    @pytest.mark.parametrize("length", ["9" * 5000, "5, 6", "-1", "0x10", "1_0"])
    @pytest.mark.parametrize("path", ["series/a/T", "versions/app/T?bump=auto"])
    def test_an_invalid_length_is_refused(
        self, length: str, path: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def scenario() -> bytes:
            async with serving(env=ROOT_ENV) as (_, port):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                head = f"PUT /v1/{path} HTTP/1.1\r\n{HOST}Authorization: {ROOT}\r\n"
                writer.write(f"{head}Content-Length: {length}\r\n\r\n".encode())
                response = await reader.read()
                writer.close()
                return response

        assert asyncio.run(scenario()).startswith(b"HTTP/1.1 400 ")
        assert not caplog.records
