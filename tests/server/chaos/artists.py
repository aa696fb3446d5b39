"""Clients that go on working while the server and its workers are killed, and write down what they are told."""

from __future__ import annotations

import random
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from server.client import Client, ClientError

Json = dict[str, Any]

# Longer than a server takes to come back.
_PATIENCE = 60.0
_MOST_UNFINISHED = 4


@dataclass
class Order:
    """A request that the server has accepted, and all that was heard of it."""

    key: str
    fields: Json
    job: Json
    cancel_sent: bool = False
    cancel_answer: Json | None = None
    heard: list[Json] = field(default_factory=list)


class Artist(threading.Thread):
    """Creates jobs, follows each by its event stream, and cancels some, until `enough` is set and all are finished."""

    def __init__(self, name: str, url: str, seed: int, enough: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self.orders: list[Order] = []
        self._url = url
        self._random = random.Random(seed)
        self._enough = enough
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self.error = error

    def _work(self) -> None:
        client = Client(self._url, patience=_PATIENCE)
        followers: list[Future[None]] = []
        with ThreadPoolExecutor(_MOST_UNFINISHED) as pool:
            while not self._enough.is_set():
                order = self._create(client)
                followers.append(pool.submit(self._follow, order))
                if self._random.random() < 0.3:
                    self._cancel(client, order)
                while sum(not follower.done() for follower in followers) >= _MOST_UNFINISHED:
                    self._enough.wait(0.02)
        for follower in followers:
            follower.result()

    def _create(self, client: Client) -> Order:
        key = f"{self.name}-{len(self.orders)}"
        fields: Json = {
            "prompt": self._random.choice(["orange fire", "grey smoke"]),
            "model": "mini",
            "seed": self._random.randrange(1000),
            "steps": self._random.randint(1, 15),
            "num_clips": self._random.choice([1, 1, 2]),
        }
        order = Order(key, fields, client.create(idempotency_key=key, **fields))
        self.orders.append(order)
        return order

    def _cancel(self, client: Client, order: Order) -> None:
        self._enough.wait(self._random.uniform(0, 0.3))
        order.cancel_sent = True
        try:
            order.cancel_answer = client.cancel(order.job["id"])
        except ClientError as error:
            # Whether it came through nobody knows.
            if error.code not in ("server_unreachable", "stopping"):
                raise

    def _follow(self, order: Order) -> None:
        order.heard.extend(Client(self._url, patience=_PATIENCE).follow(order.job["id"]))
