"""Folders in object storage: `s3://bucket/folder`, `gs://bucket/folder` and what else fsspec knows.

Work is done on a copy on this disk, so that whoever has a local path pays nothing; what is finished goes up as one
object, which is there whole or not at all: an upload that was cut short leaves nothing that can be read. An object is
never replaced: of several writers the first one wins, and all read what that one wrote. Credentials, region and
endpoint are found as the libraries of the storage find them (`AWS_PROFILE`, `AWS_ENDPOINT_URL`, ...).
"""

import hashlib
import os
import re
import secrets
import zipfile
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pydantic import PlainSerializer, PlainValidator

from pipelines.errors import UserError, shown
from pipelines.files.atomic_files import STALE_S, atomic_folder, put, remove_stale_temp_files
from pipelines.settings import as_path

HOME = "PREFERENCE_STACKER_COPIES"
"""Environment variable: the folder for the copies of remote folders on this disk."""
LOCAL = ("file", "local")
PACKAGES = {
    "s3": "'preference-stacker[s3]'",
    "s3a": "'preference-stacker[s3]'",
    "gs": "'preference-stacker[gs]'",
    "gcs": "'preference-stacker[gs]'",
}
"""What to install for a protocol."""
MOST_FOLDER = 64 << 30
"""Bytes that a folder may unfold to."""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_COLLAPSED = re.compile(r"(?:s3a?|gc?s|abfss?|https?):/[^/]")


@dataclass(frozen=True)
class RemoteFolder:
    """A folder in object storage.

    Attributes
    ----------
    url : str
        Without a slash at its end.
    """

    url: str

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> "RemoteFolder":
        return RemoteFolder(f"{self.url}/{name}")

    @cached_property
    def local(self) -> Path:
        """The folder on this disk that is worked on; nothing makes it before it is needed."""
        home = os.environ.get(HOME)
        base = Path(home) if home else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        protocol, _, rest = self.url.partition("://")
        bucket, *inside = rest.split("/")
        # Names of one bucket at two endpoints are two folders.
        about = "\n".join((f"{protocol}://{bucket}", *(os.environ.get(name, "") for name in _ENDPOINTS)))
        root = f"{protocol}-{bucket}-{hashlib.sha256(about.encode()).hexdigest()[:8]}"
        return (base if home else base / "preference-stacker").joinpath(root, *inside)

    def check(self) -> None:
        """Raise a `UserError` where nothing can be put there: before hours of work, not after."""
        _checked(self.url)

    def names(self) -> list[str]:
        """Return the names of the objects right below this folder; none where there is no such folder."""
        with self._explained("listed"):
            files, root = self._opened()
            files.invalidate_cache()
            try:
                found = files.ls(root, detail=True)
            except FileNotFoundError:
                return []
        return sorted(each["name"].rpartition("/")[2] for each in found if each["type"] == "file" and each["size"])

    def read(self, names: list[str]) -> dict[str, bytes]:
        """Return the content of objects by name, side by side; without those that are not there."""
        with self._explained("read"):
            files, root = self._opened()
            found = files.cat([f"{root}/{name}" for name in names], on_error="return")
            content = found if isinstance(found, dict) else {f"{root}/{names[0]}": found}
            kept = {}
            for path, data in content.items():
                if isinstance(data, bytes):
                    kept[path.rpartition("/")[2]] = data
                elif not isinstance(data, FileNotFoundError):
                    raise data
        return kept

    def fetch(self, name: str, target: Path) -> bool:
        """Bring an object to a file on this disk, whole or not at all; False where there is none."""
        part = self._incoming(name)
        try:
            with self._explained("read"):
                files, root = self._opened()
                try:
                    files.get_file(f"{root}/{name}", str(part))
                except FileNotFoundError:
                    return False
            target.parent.mkdir(parents=True, exist_ok=True)
            put(part, target)
        finally:
            part.unlink(missing_ok=True)
        return True

    def send(self, name: str, source: Path) -> bool:
        """Put a finished file up as an object; False where there is one of this name, which stays."""
        with self._explained("written"):
            files, root = self._opened()
            with suppress(FileExistsError):
                files.put_file(str(source), f"{root}/{name}", mode="create")
                return True
        return False

    def fetch_folder(self, name: str, target: Path) -> bool:
        """Bring a folder that `send_folder` put up to this disk, whole or not at all; False where there is none."""
        part = self._incoming(name)
        try:
            if not self.fetch(f"{name}.zip", part):
                return False
            with atomic_folder(target, keep=True) as new, zipfile.ZipFile(part) as packed:
                for member in packed.infolist():
                    if member.compress_type != zipfile.ZIP_STORED or _leads_out(member.filename):
                        raise zipfile.BadZipFile(f"{member.filename} is not as it was written")
                if sum(member.file_size for member in packed.infolist()) > MOST_FOLDER:
                    raise zipfile.BadZipFile(f"it unfolds to more than {MOST_FOLDER:,} bytes")
                packed.extractall(new)  # checks the CRC of each file
        except zipfile.BadZipFile as fault:
            raise self.damaged(f"{name}.zip", fault) from fault
        finally:
            part.unlink(missing_ok=True)
        return True

    def send_folder(self, name: str, source: Path) -> bool:
        """Put a finished folder up as one object, `NAME.zip`; False where there is one, which stays."""
        part = self._incoming(name)
        try:
            with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED, strict_timestamps=False) as packed:
                for path in sorted(source.rglob("*")):
                    if path.is_file():
                        packed.write(path, path.relative_to(source).as_posix())
            return self.send(f"{name}.zip", part)
        finally:
            part.unlink(missing_ok=True)

    def damaged(self, name: str, fault: object) -> UserError:
        """Return what is said of an object that is not as it was written."""
        return UserError(f"{self}/{name}: is damaged ({shown(str(fault))}); delete that object, and it is made anew.")

    def _incoming(self, name: str) -> Path:
        """Return a new name on this disk for what is not complete yet."""
        folder = self.local / ".incoming"
        folder.mkdir(parents=True, exist_ok=True)
        remove_stale_temp_files(folder, STALE_S)
        return folder / f".{name}.{secrets.token_hex(6)}.part"

    def _opened(self) -> tuple[Any, str]:
        """Return fsspec's file system, and the folder's path in it."""
        from fsspec.core import url_to_fs  # its import takes a moment, and local paths need none

        files, root = url_to_fs(self.url)
        return files, root.rstrip("/")

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except UserError:
            raise
        except ImportError as fault:
            raise UserError(_missing(self.url)) from fault
        except Exception as fault:  # every library of a storage has errors of its own
            said = shown(str(fault) or type(fault).__name__, 200)
            raise UserError(
                f"{self}: cannot be {doing} ({said}); check the bucket, the credentials and the network. What is "
                f"finished is kept in {self.local}, and the same command resumes."
            ) from fault


@cache
def _checked(url: str) -> None:
    """Put up a small object, once for each folder in a process."""
    folder = RemoteFolder(url)
    part = folder._incoming("check")
    try:
        part.write_text("Caches of preference-stacker.\n", encoding="ascii")
        folder.send(".preference-stacker", part)
    finally:
        part.unlink(missing_ok=True)


_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "FSSPEC_S3_ENDPOINT_URL", "STORAGE_EMULATOR_HOST")

AnyFolder = Path | RemoteFolder


def any_folder(value: Any) -> AnyFolder:
    """Return the folder that a path or a URL names; `file://` is a local one.

    Raises
    ------
    ValueError
        When it is neither, or holds what does not belong into a file of settings.
    """
    if isinstance(value, RemoteFolder):
        return value
    if not isinstance(value, str | Path):
        raise ValueError("must be a path, or a URL such as s3://bucket/folder")
    text = str(value)
    if _COLLAPSED.match(text):
        raise ValueError(f"must have two slashes: {text.replace(':/', '://', 1)}")
    if "::" in text and "://" in text:
        raise ValueError("must be a plain URL such as s3://bucket/folder")
    if not _URL.match(text):
        return Path(as_path(value))
    protocol = text.partition("://")[0].lower()
    if protocol in LOCAL:
        return Path(as_path(url2pathname(urlsplit(text).path)))
    rest = text.partition("://")[2].rstrip("/")
    if "@" in rest or "?" in rest:
        raise ValueError("must be a plain URL such as s3://bucket/folder; credentials are read from the environment")
    if not rest or not all(part and part not in (".", "..") for part in rest.split("/")):
        raise ValueError("must name a bucket and a folder, such as s3://bucket/folder")
    as_path(rest)
    try:
        from fsspec.registry import known_implementations, registry
    except ImportError as fault:
        raise ValueError(_missing(text).rstrip(".")) from fault
    if protocol not in known_implementations and protocol not in registry:
        raise ValueError(f"{protocol}:// is nothing that fsspec knows; write file://, s3:// or gs://")
    return RemoteFolder(f"{protocol}://{rest}")


def folder_argument(text: str) -> AnyFolder:
    """Return what `any_folder` does, as the type of a command's option."""
    try:
        return any_folder(text)
    except ValueError as fault:
        raise ArgumentTypeError(f"{shown(text)}: {fault}") from fault


def local_folder(folder: AnyFolder) -> Path:
    """Return the folder on this disk that is worked on."""
    return folder.local if isinstance(folder, RemoteFolder) else folder


CacheFolder = Annotated[AnyFolder, PlainValidator(any_folder), PlainSerializer(str, return_type=str, when_used="json")]
"""A folder of a cache: a path, or a URL of object storage."""


def _missing(url: str) -> str:
    protocol = url.partition("://")[0].lower()
    package = PACKAGES.get(protocol, "the package that fsspec names for it")
    return f"{url}: what reads {protocol}:// is not installed; pip install {package}."


def _leads_out(name: str) -> bool:
    return name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name) or ":" in name
