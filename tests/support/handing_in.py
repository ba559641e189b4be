"""Clients that hand in one email after the other, and try each again until it is accepted, as mail programs do."""

import smtplib
import threading
import time
from itertools import count

from tests.support.applications import IDENTIFIER, SECRET

CLIENTS = 4
# Seconds before a client tries again, and for a reply.
PAUSE, TIMEOUT = 0.05, 30


class Clients:
    """Some clients, each in a thread, until `stop`."""

    def __init__(self, port: int, number: int = CLIENTS) -> None:
        self._port, self._numbers, self._stopping = port, count(1), threading.Event()
        # The numbers of the emails that were accepted: 7 is to person7@people.example.
        self.accepted: list[int] = []
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(number)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let each client finish its email, however long that takes."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(90)
            assert not thread.is_alive(), "an email is still not accepted"

    def _run(self) -> None:
        connection: smtplib.SMTP | None = None
        while not self._stopping.is_set():
            number = next(self._numbers)
            while not self._is_accepted(number, connection := connection or self._connected()):
                connection = None
                time.sleep(PAUSE)
            self.accepted.append(number)
        if connection:
            connection.close()

    def _connected(self) -> smtplib.SMTP | None:
        smtp = smtplib.SMTP(local_hostname="client.example", timeout=TIMEOUT)
        try:
            smtp.connect("127.0.0.1", self._port)
            smtp.login(IDENTIFIER, SECRET)
        except (OSError, smtplib.SMTPException):
            smtp.close()
            return None
        return smtp

    def _is_accepted(self, number: int, connection: smtplib.SMTP | None) -> bool:
        if connection is None:
            return False
        person = f"person{number}@people.example"
        content = f"From: orders@shop.example\nTo: {person}\nSubject: Order {number}\n\nThank you.\n"
        try:
            connection.sendmail("orders@shop.example", [person], content)
        except (OSError, smtplib.SMTPException):
            connection.close()
            return False
        return True
