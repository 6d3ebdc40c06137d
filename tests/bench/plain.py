"""The cheapest counter on MongoDB: one `find_one_and_update` a request, from threads."""

import threading
import time

import pymongo
from pymongo import MongoClient


def updates_per_second(url: str, threads: int, series: int, seconds: float) -> float:
    """Majority writes a second, each thread the next as soon as its last is answered."""
    with MongoClient(url, w="majority", maxPoolSize=threads) as client:
        counters = client.get_default_database()["counters"]
        counters.create_index("key", unique=True)
        counts = [0] * threads
        deadline = time.monotonic() + seconds

        def run(thread: int) -> None:
            number = thread
            while time.monotonic() < deadline:
                counters.find_one_and_update(
                    {"key": f"spread-{number % series}"},
                    {"$inc": {"value": 1}},
                    upsert=True,
                    return_document=pymongo.ReturnDocument.AFTER,
                )
                number += threads
                counts[thread] += 1

        running = [threading.Thread(target=run, args=(each,)) for each in range(threads)]
        started = time.monotonic()
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        return sum(counts) / (time.monotonic() - started)
