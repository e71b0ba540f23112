"""A stand-in for `docker` in the play of a CI file, as the player's wrapper calls it: `ci_docker.py STATE ENDPOINT ARGUMENT…`

It builds a manifest without layers, runs nothing (what `run` would have ended with stands in `settings.json`), and
pushes by ECR's PutImage, signed with the key that the registry's password stands for. What the real one would also take
is not known here, and fails.
"""

import hashlib
import json
import sys
from pathlib import Path

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
PASSWORD = "password-of-"
"""With the access key behind it, what `aws ecr get-login-password` says."""


class Docker:
    """One machine's docker, whose images and logins are files in `state`."""

    def __init__(self, state: Path, endpoint: str):
        self._state, self._endpoint = state, endpoint
        self._settings = json.loads((state / "settings.json").read_text())
        self._images = self._read("images.json")

    def build(self, *arguments: str) -> int:
        tags, rest = [], list(arguments)
        while rest and rest[0] in ("--tag", "-t"):
            tags, rest = [*tags, rest[1]], rest[2:]
        if rest != ["."] or not tags:
            return unknown("build", *arguments)
        if not Path("Dockerfile").is_file():
            return refused("failed to read dockerfile: open Dockerfile: no such file or directory")
        version = self._settings["version"]
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": MANIFEST.replace("manifest", "config"), "digest": digest(version), "size": 2},
            "layers": [],
            "annotations": {"org.opencontainers.image.version": version},
        }
        self._write("images.json", self._images | {tag: json.dumps(manifest) for tag in tags})
        return 0

    def run(self, *arguments: str) -> int:
        match arguments:
            case ("--rm", image, *command) if command and not image.startswith("-"):
                if image not in self._images:
                    return refused(f"Unable to find image '{image}' locally")
                return self._settings["tests_end_with"]
        return unknown("run", *arguments)

    def login(self, *arguments: str) -> int:
        match arguments:
            case ("--username", "AWS", "--password-stdin", registry) if "/" not in registry:
                password = sys.stdin.read().strip()
                if not password.startswith(PASSWORD):
                    return refused("Error response from daemon: login attempt failed with status: 400 Bad Request")
                self._write("logins.json", self._read("logins.json") | {registry: password})
                return 0
        return unknown("login", *arguments)

    def push(self, *arguments: str) -> int:
        if len(arguments) != 1 or arguments[0].startswith("-"):
            return unknown("push", *arguments)
        [image] = arguments
        if image not in self._images:
            return refused(f"An image does not exist locally with the tag: {image}")
        registry, _, name = image.partition("/")
        password = self._read("logins.json").get(registry)
        if not password:
            return refused("no basic auth credentials")
        repository, _, tag = name.rpartition(":")
        return self._put(repository, tag, self._images[image], password.removeprefix(PASSWORD))

    def _put(self, repository: str, tag: str, manifest: str, key: str) -> int:
        # Loaded where it is needed: it takes longer than all the rest.
        import boto3
        from botocore.exceptions import ClientError

        ecr = boto3.client(
            "ecr",
            endpoint_url=self._endpoint,
            region_name="eu-central-1",
            aws_access_key_id=key,
            aws_secret_access_key="rehearsal",
        )
        try:
            ecr.put_image(repositoryName=repository, imageTag=tag, imageManifest=manifest)
        except ClientError as error:
            return refused(str(error))
        return 0

    def _read(self, name: str) -> dict:
        path = self._state / name
        return json.loads(path.read_text()) if path.is_file() else {}

    def _write(self, name: str, value: dict) -> None:
        (self._state / name).write_text(json.dumps(value))


def digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def refused(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


def unknown(*command: str) -> int:
    print(f"the stand-in does not know `docker {' '.join(command)}`", file=sys.stderr)
    return 125


def main() -> int:
    state, endpoint, command, *arguments = sys.argv[1:]
    with (Path(state) / "docker.jsonl").open("a") as file:
        file.write(json.dumps([command, *arguments]) + "\n")
    docker = Docker(Path(state), endpoint)
    commands = {"build": docker.build, "run": docker.run, "login": docker.login, "push": docker.push}
    return commands[command](*arguments) if command in commands else unknown(command, *arguments)


if __name__ == "__main__":
    sys.exit(main())
