"""The cheapest counter on MongoDB: one `find_one_and_update` per call, from threads."""

import threading
import time
from itertools import chain

import pymongo
from pymongo import MongoClient

from bench.figures import Figures
from bench.processes import tree_us


def updates(url: str, threads: int, series: int, seconds: float, mongods: list[int]) -> Figures:
    """Measure majority writes. Each thread sends the next one after each response."""
    with MongoClient(url, w="majority", maxPoolSize=threads) as client:
        counters = client.get_default_database()["counters"]
        counters.create_index("key", unique=True)
        times: list[list[float]] = [[] for _ in range(threads)]
        deadline = time.monotonic() + seconds

        def run(thread: int) -> None:
            number = thread
            while (requested_at := time.monotonic()) < deadline:
                counters.find_one_and_update(
                    {"key": f"spread-{number % series}"},
                    {"$inc": {"value": 1}},
                    upsert=True,
                    return_document=pymongo.ReturnDocument.AFTER,
                )
                number += threads
                times[thread].append(1000 * (time.monotonic() - requested_at))

        running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
        started, used = time.monotonic(), time.process_time()
        nodes = sum(map(tree_us, mongods))
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        seconds, used = time.monotonic() - started, time.process_time() - used
        nodes = sum(map(tree_us, mongods)) - nodes
    latencies = sorted(chain.from_iterable(times))
    count = len(latencies)
    cpu = {"threads": 1e6 * used / count, "mongod": nodes / count}
    return Figures(count / seconds, latencies[count // 2], latencies[count * 99 // 100], cpu)
