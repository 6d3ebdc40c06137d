"""Containers of rendered pods, as processes on this machine.

Command, arguments and environment are those of the object. Only addresses, ports and the paths of
volumes are replaced, because all processes of this machine share them.
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from support.chart import Object
from support.http import Client
from support.member import free_port
from support.stoppable import Stoppable

ENTRYPOINT = ["monotron"]
"""The entry point of the image, which applies if a container has no command."""

READY = re.compile(r"^Monotron \S+ listening on (http://.+)$")

PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

Key = tuple[str, str]
"""The name of a Secret, and a key in it."""


def secrets_of(objects: list[Object]) -> dict[Key, str]:
    """The contents of the Secrets among these objects."""
    return {
        (each["metadata"]["name"], key): base64.b64decode(value).decode()
        for each in objects
        if each["kind"] == "Secret"
        for key, value in each["data"].items()
    }


def write_config(objects: list[Object], folder: Path) -> None:
    """Write the files of the ConfigMap among these objects, if any."""
    for each in objects:
        if each["kind"] == "ConfigMap":
            for name, text in each["data"].items():
                (folder / name).write_text(text)


class Addresses(NamedTuple):
    """Free addresses on loopback."""

    http: str
    metrics: str

    @property
    def replaced(self) -> dict[str, str]:
        """By the address in the pods."""
        return {"0.0.0.0:3030": self.http, "0.0.0.0:9464": self.metrics}


def addresses() -> Addresses:
    """Addresses that no process uses."""
    return Addresses(*(f"127.0.0.1:{free_port()}" for _ in Addresses._fields))


class Container:
    """The only container of a pod."""

    def __init__(
        self, pod: Object, folder: Path, secrets: Mapping[Key, str], replaced: Mapping[str, str]
    ) -> None:
        """Volumes are folders in *folder*, by their name. *replaced* are texts in arguments and
        variables, by what replaces them."""
        (self._container,) = pod["spec"]["containers"]
        self._secrets = secrets
        self._replaced = dict(replaced)
        for mount in self._container["volumeMounts"]:
            path = folder / mount["name"]
            path.mkdir(exist_ok=True)
            self._replaced[mount["mountPath"] + "/"] = f"{path}/"
            self._replaced[mount["mountPath"] + " "] = f"{path} "

    @property
    def environment(self) -> dict[str, str]:
        """The variables, without those of an image."""
        return {each["name"]: self._replace(self._value(each)) for each in self._container["env"]}

    @property
    def command(self) -> list[str]:
        """The command with its arguments."""
        arguments = [*self._container.get("command", ENTRYPOINT), *self._container["args"]]
        return [self._replace(self._expand(each)) for each in arguments]

    def check_probes(self, ports: Addresses) -> None:
        """Check that all probes succeed, as the kubelet does."""
        for name in ("startup", "liveness", "readiness"):
            request = self._container[f"{name}Probe"]["httpGet"]
            with Client(f"http://{getattr(ports, request['port'])}") as client:
                response = client.request("GET", request["path"])
            assert response.status == 200, (name, response)

    def run(self) -> str:
        """The output of a command that succeeds."""
        process = subprocess.run(
            self.command,
            env={"PATH": PATH, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout

    def _value(self, variable: Mapping[str, Any]) -> str:
        if "value" in variable:
            return str(variable["value"])
        reference = variable["valueFrom"]["secretKeyRef"]
        return self._secrets[reference["name"], reference["key"]]

    def _expand(self, text: str) -> str:
        """Replace `$(NAME)` as Kubernetes does: unknown names remain."""
        return re.sub(r"\$\((\w+)\)", lambda match: self.environment.get(match[1], match[0]), text)

    def _replace(self, text: str) -> str:
        # In one pass, because a folder can contain a path that is replaced, such as /tmp/.
        pattern = "|".join(map(re.escape, sorted(self._replaced, key=len, reverse=True)))
        return re.sub(pattern, lambda match: self._replaced[match[0]], text)


class RunningServer(Stoppable):
    """The process of a container that serves, which listens when the constructor returns."""

    def __init__(self, container: Container, folder: Path) -> None:
        """Its log is a file in *folder*. Raises AssertionError with the log if it ends."""
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                container.command,
                env={"PATH": PATH, **container.environment},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        try:
            self.url = self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def _wait_until_ready(self) -> str:
        assert self._process.stdout
        for line in self._process.stdout:
            if match := READY.match(line):
                return match[1]
        raise AssertionError(f"the server ended: {self.log()}")

    def log(self) -> str:
        """The log so far."""
        return self._log.read_text()

    def client(self, authorization: str | None = None) -> Client:
        """A client of this server."""
        return Client(self.url, authorization=authorization)

    def terminate(self, seconds: float) -> int:
        """Send SIGTERM as the kubelet does, and return the exit code. Raises TimeoutExpired after
        *seconds*, when the kubelet would kill the process."""
        self._process.terminate()
        return self._process.wait(seconds)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
