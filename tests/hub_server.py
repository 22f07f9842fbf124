"""A hub on this computer, as far as huggingface_hub needs one to upload and download a model."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

__all__ = ["LocalHub", "local_hub"]


class LocalHub:
    """Repositories in memory: their visibility, and the files of each of their commits."""

    def __init__(self) -> None:
        self.private: dict[str, bool] = {}
        self.commits: dict[str, list[dict[str, bytes]]] = {}
        self.url = ""

    def files(self, name: str, revision: str = "main") -> dict[str, bytes]:
        return self.commits[name][-1 if revision == "main" else int(revision, 16) - 1]

    def commit_id(self, name: str, revision: str = "main") -> str:
        number = len(self.commits[name]) if revision == "main" else int(revision, 16)
        return f"{number:040x}"

    def info(self, name: str, revision: str = "main") -> object:
        return {
            "id": name,
            "sha": self.commit_id(name, revision),
            "private": self.private[name],
            "siblings": [{"rfilename": x} for x in self.files(name, revision)],
        }

    def create(self, name: str, private: bool) -> object:
        if name not in self.private:
            self.private[name], self.commits[name] = private, [{".gitattributes": b""}]
        return {"url": f"{self.url}/{name}", "id": name, "name": name}

    def commit(self, name: str, content: bytes) -> object:
        files = dict(self.files(name))
        for line in content.splitlines():
            step = json.loads(line)
            value = step["value"]
            if step["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif step["key"] == "deletedFile":
                del files[value["path"]]
        self.commits[name].append(files)
        commit = self.commit_id(name)
        return {
            "success": True,
            "commitOid": commit,
            "commitUrl": f"{self.url}/{name}/commit/{commit}",
        }


@contextmanager
def local_hub() -> Iterator[LocalHub]:
    """Serve an empty hub."""
    hub = LocalHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Not on standard error."""

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
            try:
                if parts[:2] == ["api", "models"]:
                    self.answer(self.described("/".join(parts[2:4]), parts[4:]))
                else:  # name/model/resolve/REVISION/file
                    self.file("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
            except (KeyError, IndexError, ValueError):
                self.answer({"error": "not found"}, 404)

        def described(self, name: str, rest: list[str]) -> object:
            if rest[:1] == ["tree"]:
                return [
                    {
                        "type": "file",
                        "path": path,
                        "size": len(x),
                        "oid": hashlib.sha1(x).hexdigest(),
                    }
                    for path, x in hub.files(name, rest[1]).items()
                ]
            return hub.info(name, rest[1] if rest else "main")

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            parts = urlsplit(self.path).path.strip("/").split("/")
            if parts == ["api", "repos", "create"]:
                asked = json.loads(content)
                name = "/".join(filter(None, (asked.get("organization"), asked["name"])))
                # Older clients say the first, newer ones the second.
                is_private = bool(asked.get("private")) or asked.get("visibility") == "private"
                self.answer(hub.create(name, is_private))
                return
            name = "/".join(parts[2:4])
            if parts[4] == "preupload":
                asked = json.loads(content)["files"]
                mode = {"uploadMode": "regular", "shouldIgnore": False, "oid": None}
                self.answer({"files": [{"path": file["path"], **mode} for file in asked]})
            else:
                self.answer(hub.commit(name, content))

        def answer(self, value: object, status: int = 200) -> None:
            self.send(json.dumps(value).encode(), status, {"Content-Type": "application/json"})

        def file(self, name: str, revision: str, path: str) -> None:
            content = hub.files(name, revision)[path]
            etag = hashlib.sha1(content).hexdigest()
            headers = {"ETag": f'"{etag}"', "X-Repo-Commit": hub.commit_id(name, revision)}
            self.send(content, 200, headers)

        def send(self, content: bytes, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
