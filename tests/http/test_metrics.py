"""`/metrics`: what is counted, on one address or a separate one, for one process or several."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from monotron.errors import InternalError, MonotronError, StorageFull, StoreUnavailable
from monotron.store.contents import StoreContents, StoreSize
from monotron.store.sqlite.store import SqliteStore
from support.metrics import metrics_url, read_metrics
from support.mongod import ReplicaSet
from support.pages import HTML, check_page, pairs
from support.series import JSON, delete, put_all
from support.server import ROOT, ROOT_ENV, Client, Server
from support.server_thread import ServerThread
from support.versions import assign, withdraw

VALUES = 'monotron_values_assigned_total{result="%s"}'
VERSIONS = 'monotron_versions_assigned_total{bump="%s",channel="%s",result="%s"}'
REQUESTS = 'monotron_http_requests_total{method="%s",route="%s",status="%d"}'
PROBLEMS = 'monotron_problems_total{applied="%s",code="%s"}'
RETRIES = 'monotron_store_retries_total{reason="%s"}'
SIGN_INS = 'monotron_sign_ins_total{method="%s",result="%s"}'


@pytest.fixture
def metered() -> Iterator[Server]:
    with Server("sqlite://", env=ROOT_ENV, args=["--failures-per-address=2"]) as server:
        yield server


@pytest.fixture
def root(metered: Server) -> Iterator[Client]:
    with metered.client(authorization=ROOT) as client:
        yield client


class TestCounters:
    def test_values_and_versions_are_counted_by_result(self, root: Client) -> None:
        for path in (
            "series/a/t1",
            "series/a/t1",
            "series/a/t2",
            "versions/shop/c1?bump=minor",
            "versions/shop/c1?bump=minor",
            "versions/shop/c2?prerelease=rc",
            "versions/shop/c3?dry_run=true",
        ):
            assert root.request("PUT", f"/v1/{path}").status == 200
        assert root.request("PUT", "/v1/versions/shop", '{"version": "1.2.57"}').status == 200
        metrics = read_metrics(root)
        assert metrics[VALUES % "new"] == 2
        assert metrics[VALUES % "reused"] == 1
        assert metrics[VERSIONS % ("minor", "final", "new")] == 1
        assert metrics[VERSIONS % ("minor", "final", "reused")] == 1
        assert metrics[VERSIONS % ("patch", "prerelease", "new")] == 1
        assert metrics[VERSIONS % ("adopted", "final", "new")] == 1
        versions = [value for name, value in metrics.items() if "versions_assigned_total" in name]
        assert sum(versions) == 4

    def test_a_withdrawal_is_not_counted_as_a_version(self, root: Client) -> None:
        assign(root, "shop", "c1?bump=minor")
        for method in ("PUT", "DELETE"):
            path = "/v1/releases/shop/0.1.0/withdrawal"
            body = '{"reason": "wrong"}' if method == "PUT" else None
            response = root.request(method, path, body, JSON)
            assert (response.status, response.headers["Monotron-Reused"]) == (200, "false")
        metrics = read_metrics(root)
        assert metrics[VERSIONS % ("minor", "final", "new")] == 1
        versions = [value for name, value in metrics.items() if "versions_assigned_total" in name]
        assert sum(versions) == 1

    def test_requests_are_counted_by_the_template_of_their_path(self, root: Client) -> None:
        for verb, path in (
            ("PUT", "/v1/series/a/t1"),
            ("PUT", "/v1/accounts/1/series/a/t2"),
            ("GET", "/v1/series/unknown"),
            ("GET", "/hidden-name"),
            ("PROPFIND", "/v1/series/a"),
        ):
            root.request(verb, path)
        metrics = read_metrics(root)
        assert metrics[REQUESTS % ("PUT", "/v1/series/{key}/{token}", 200)] == 2
        assert metrics[REQUESTS % ("GET", "/v1/series/{key}", 404)] == 1
        assert metrics[REQUESTS % ("GET", "other", 404)] == 1
        assert metrics[REQUESTS % ("other", "/v1/series/{key}", 405)] == 1
        durations = "monotron_http_request_duration_seconds_count"
        assert metrics[durations + '{method="PUT",route="/v1/series/{key}/{token}"}'] == 2

    def test_problems_are_counted_by_code(self, root: Client) -> None:
        assert root.request("PUT", "/v1/series/a/t1?x=1").status == 400
        assert root.request("GET", "/v1/series/unknown").status == 404
        metrics = read_metrics(root)
        assert metrics[PROBLEMS % ("no", "invalid_request")] == 1
        assert metrics[PROBLEMS % ("", "series_not_found")] == 1

    def test_numbers_that_a_version_passes_over_are_counted(self, root: Client) -> None:
        skipped = "monotron_values_skipped_total"
        for token in ("c1?bump=minor", "c2?version=0.3.0"):
            assign(root, "shop", token)
        assert withdraw(root, "shop", "0.3.0").status == 200
        assert assign(root, "shop", "c3?bump=minor")["version"] == "0.2.0"
        assert assign(root, "shop", "c4?bump=minor&dry_run=true")["version"] == "0.4.0"
        assert read_metrics(root)[skipped] == 0
        for _ in range(2):  # the second one is reused
            assert assign(root, "shop", "c4?bump=minor")["version"] == "0.4.0"
        assert read_metrics(root)[skipped] == 1
        delete(root, "shop-minor-v0", "?restart=true")
        assert assign(root, "shop", "c5?bump=minor")["version"] == "0.5.0"
        assert read_metrics(root)[skipped] == 1 + 4

    def test_requests_that_find_a_contradiction_are_counted(self, tmp_path: Path) -> None:
        file = tmp_path / "monotron.db"
        with ServerThread(f"sqlite:///{file}") as server, server.client() as client:
            put_all(client, "damaged", "a", "b")
            assert read_metrics(client)["monotron_ledger_contradictions_total"] == 0
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE series SET value = 1, token = 'a' WHERE key = 'damaged'")
        with ServerThread(f"sqlite:///{file}") as server, server.client() as client:
            assert client.request("PUT", "/v1/series/other/c").status == 200
            for number in (1, 2):
                assert client.request("PUT", "/v1/series/damaged/c").status == 500
                metrics = read_metrics(client)
                assert metrics["monotron_ledger_contradictions_total"] == number
        assert metrics['monotron_store_errors_total{reason="internal_error"}'] == 2
        assert metrics[PROBLEMS % ("no", "internal_error")] == 2

    def test_counters_of_alerts_start_at_zero(self, root: Client) -> None:
        """Prometheus does not notice the first increment of a counter that did not exist."""
        metrics = read_metrics(root)
        for name in (
            PROBLEMS % ("unknown", "store_unavailable"),
            PROBLEMS % ("unknown", "storage_full"),
            PROBLEMS % ("unknown", "internal_error"),
            SIGN_INS % ("api_key", "rejected"),
            SIGN_INS % ("id_token", "limited"),
            'monotron_jwks_fetches_total{result="failure"}',
            'monotron_store_errors_total{reason="storage_full"}',
            'monotron_store_retries_total{reason="commit"}',
            'monotron_rate_limited_total{limit="account"}',
        ):
            assert metrics[name] == 0, name

    def test_sign_ins_and_limits_are_counted(self, metered: Server, root: Client) -> None:
        assert root.request("GET", "/v1/series").status == 200  # its secret is not limited then
        with metered.client() as client:
            assert client.request("GET", "/v1/series").status == 401
        for status in (401, 401, 429):
            with metered.client(authorization="Bearer mtk_k_unknown") as client:
                assert client.request("GET", "/v1/series").status == status
        metrics = read_metrics(root)
        assert metrics[SIGN_INS % ("none", "rejected")] == 1
        assert metrics[SIGN_INS % ("api_key", "rejected")] == 2
        assert metrics[SIGN_INS % ("api_key", "limited")] == 1
        assert metrics[SIGN_INS % ("root_key", "accepted")] >= 1
        assert metrics['monotron_rate_limited_total{limit="address"}'] == 1

    def test_calls_of_the_store_are_measured(self, root: Client) -> None:
        assert root.request("PUT", "/v1/series/a/t1").status == 200
        assert root.request("GET", "/v1/series/a/t1").status == 200
        assert root.request("PUT", "/v1/versions/shop/c1").status == 200
        assert root.request("GET", "/v1/releases/shop").status == 200
        metrics = read_metrics(root)
        duration = 'monotron_store_operation_duration_seconds_count{operation="%s"}'
        for operation, calls in {"allocate": 1, "entry": 1, "page": 1, "decide": 2}.items():
            assert metrics[duration % operation] == calls, operation
        assert metrics["monotron_store_batch_size_count"] == 3
        assert metrics["monotron_store_up"] == 1
        assert metrics["monotron_store_waiting_requests"] == 0


class TestExport:
    def test_no_label_contains_what_clients_choose(self, metered: Server, root: Client) -> None:
        secret = "chosen-by-a-client"
        for verb, path in (
            ("PUT", f"/v1/series/{secret}/{secret}"),
            ("PUT", f"/v1/versions/{secret}/{secret}?prerelease={secret}"),
            ("GET", f"/{secret}"),
            ("GET", f"/v1/series?{secret}=1"),
            (secret.upper(), "/v1"),
        ):
            root.request(verb, path)
        with metered.client(authorization=f"Bearer {secret}") as client:
            client.request("GET", "/v1/series")
        text = root.request("GET", "/metrics").text
        assert secret not in text.lower()
        assert set(re.findall(r'(\w+)="', text)) <= {
            *("route", "method", "status", "le", "code", "applied", "limit", "result"),
            *("bump", "channel", "operation", "reason", "version", "issuer", "file"),
        }

    def test_the_free_space_of_the_disk_is_exported_for_a_file_only(
        self, root: Client, tmp_path: Path
    ) -> None:
        with ServerThread(f"sqlite:///{tmp_path}/a.db") as server, server.client() as client:
            available = read_metrics(client)["monotron_store_disk_available_bytes"]
        assert 0 < available <= shutil.disk_usage(tmp_path).total
        assert "monotron_store_disk_available_bytes" not in read_metrics(root)

    def test_a_scrape_does_not_count_rows(
        self, root: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Counting a million names would block all writes for a quarter of a second."""
        counted: list[SqliteStore] = []
        contents = SqliteStore.contents

        def counting(store: SqliteStore) -> StoreContents:
            counted.append(store)
            return contents(store)

        monkeypatch.setattr(SqliteStore, "contents", counting)
        with ServerThread("sqlite://") as server, server.client() as client:
            assert read_metrics(client)['monotron_store_bytes{file="memory"}'] > 0
            assert not counted
            assert client.request("GET", "/v1/system/info").status == 200
        assert len(counted) == 1

    def test_the_format_is_that_of_prometheus(self, root: Client) -> None:
        response = root.request("GET", "/metrics")
        assert response.headers["Content-Type"].startswith("text/plain; version=")
        assert 'monotron_build_info{version="' in response.text

    @pytest.mark.parametrize("name", ["PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"])
    def test_metrics_of_the_program_that_starts_the_server_are_separate(
        self, name: str, tmp_path: Path
    ) -> None:
        with Server("sqlite://", env={name: str(tmp_path)}) as server, server.client() as client:
            assert read_metrics(client)["monotron_store_up"] == 1
        assert list(tmp_path.iterdir()) == []

    def test_a_separate_address_serves_metrics_only_and_without_credentials(self) -> None:
        with (
            Server("sqlite://", env=ROOT_ENV, args=["--metrics-listen=127.0.0.1:0"]) as server,
            server.client() as client,
        ):
            assert client.request("GET", "/metrics").status == 401
            with Client(metrics_url(server), 30, None) as scraper:
                assert read_metrics(scraper)["monotron_store_up"] == 1
                assert scraper.request("GET", "/v1").status == 404

    def test_the_separate_address_of_an_open_server_accepts_every_host(self) -> None:
        with (
            Server("sqlite://", args=["--metrics-listen=127.0.0.1:0"]) as server,
            Client(metrics_url(server), 30, None) as scraper,
            server.client() as client,
        ):
            for headers in ({"Host": "monotron.example.com"}, {"X-Forwarded-For": "192.0.2.1"}):
                assert scraper.request("GET", "/metrics", headers=headers).status == 200
                assert client.request("GET", "/metrics", headers=headers).status in (400, 403)

    def test_every_process_exports_the_sum_of_all(self, replica_set: ReplicaSet) -> None:
        url = replica_set.url("metrics")
        with Server(url, args=["--processes=2"]) as server:

            def put(number: int) -> str:
                with server.client() as client:
                    response = client.request("PUT", f"/v1/series/a/t{number}?reuse=any")
                    return response.headers["X-Request-Id"].partition("-")[0]

            with ThreadPoolExecutor(8) as threads:
                processes = set(threads.map(put, range(40)))
            assert len(processes) == 2
            exports = []
            while len({process for process, _ in exports}) < 2:
                with server.client() as client:
                    process = client.request("GET", "/v1").headers["X-Request-Id"]
                    exports.append((process.partition("-")[0], read_metrics(client)))
            for _, metrics in exports:
                assert metrics[VALUES % "new"] == 40
                assert metrics["monotron_processes"] == 2
                assert metrics["monotron_audit_last_success_timestamp_seconds"] == 0
                assert metrics[RETRIES % "conflict"] >= 0
            shown: dict[str, int] = {}
            while len(shown) < 2:
                with server.client() as client:
                    page = client.request("GET", "/status", headers=HTML)
                process = page.headers["X-Request-Id"].partition("-")[0]
                values = pairs(check_page(page))
                (label,) = (each for each in values if each.startswith("Requests in the last"))
                shown[process] = int(values[label])
            assert min(shown.values()) >= 40
        with replica_set.client() as client:
            client.drop_database("metrics")

    def test_a_crashed_process_keeps_its_counters_and_loses_its_gauges(
        self, replica_set: ReplicaSet, tmp_path: Path
    ) -> None:
        env = {"TMPDIR": str(tmp_path)}
        url = replica_set.url("crashed")
        with Server(url, args=["--processes=2"], env=env) as server:
            processes: dict[str, int] = {}

            def put() -> None:
                with server.client() as client:
                    response = client.request("PUT", f"/v1/series/a/t{sum(processes.values())}")
                    process = response.headers["X-Request-Id"].partition("-")[0]
                    processes[process] = processes.get(process, 0) + 1

            while len(processes) < 2:
                put()
            (folder,) = tmp_path.glob("monotron-metrics-*")
            children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
            crashed = children[0]
            assert (folder / f"gauge_livesum_{crashed}.db").exists()
            os.kill(int(crashed), signal.SIGKILL)
            while len(processes) < 3:  # the replacement serves, so the crash was noticed
                with suppress(ConnectionError):
                    put()
            assert (folder / f"counter_{crashed}.db").exists()
            assert not (folder / f"gauge_livesum_{crashed}.db").exists()
            with server.client() as client:
                assert read_metrics(client)[VALUES % "new"] == sum(processes.values())
        with replica_set.client() as client:
            client.drop_database("crashed")


class TestBrokenStore:
    """A scrape succeeds even if the store does not, because its other metrics explain why."""

    def test_a_slow_store_does_not_delay_a_scrape(self, monkeypatch: pytest.MonkeyPatch) -> None:
        end = threading.Event()
        size = SqliteStore.size

        def slow_size(store: SqliteStore) -> StoreSize:
            assert end.wait(60)
            return size(store)

        with ServerThread("sqlite://") as server, server.client() as client:
            monkeypatch.setattr(SqliteStore, "size", slow_size)
            try:
                metrics = read_metrics(client)
            finally:
                end.set()
            assert metrics["monotron_store_up"] == 1
            assert 'monotron_store_bytes{file="memory"}' not in metrics
            assert read_metrics(client)['monotron_store_bytes{file="memory"}'] > 0

    @pytest.mark.parametrize("error", [StoreUnavailable, StorageFull, InternalError])
    @pytest.mark.parametrize(("method", "up"), [("ping", 0), ("size", 1)])
    def test_a_failing_store_is_reported(
        self,
        error: type[MonotronError],
        method: str,
        up: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def fail(_: SqliteStore) -> None:
            raise error("broken")

        with ServerThread("sqlite://") as server, server.client() as client:
            monkeypatch.setattr(SqliteStore, method, fail)
            metrics = read_metrics(client)
        assert metrics["monotron_store_up"] == up
        is_readable = method == "ping" and error is not StoreUnavailable
        assert ('monotron_store_bytes{file="memory"}' in metrics) is is_readable


def test_operations_md_lists_every_metric(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text()
    table = page.partition("<!-- table of metrics -->")[2].partition("<!-- /table -->")[0]
    listed = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    with ServerThread(f"sqlite:///{tmp_path}/monotron.db") as server, server.client() as client:
        assert client.request("GET", "/v1/system/audit").status == 200
        text = client.request("GET", "/metrics").text
    assert sorted(listed) == sorted(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
