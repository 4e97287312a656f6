"""A folder that all workers reach, on a disk or at an address: whole files go in, come out, and are listed.

Files hold people's data. On a disk they are private, as those of a load are: mode 0600, in folders of mode 0700.
Workers that run as other users cannot read them then. So a folder that exists before, and that its group (or everybody)
may write, is taken as the wish to share: what is made in it has the folder's modes. At an address, the access rules of
the storage hold.
"""

from __future__ import annotations

import os
import re
import socket
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

from cio_frames.errors import ConfigurationError, parameter
from cio_frames.loading.address_secrets import mask_secrets, without_secrets
from cio_frames.loading.file_systems import open_file_system
from cio_frames.loading.io_errors import system_message, translate_io_errors
from cio_frames.loading.lock import LockError, exclusive_lock

_PRIVATE_FOLDER = 0o700
# One slash instead of two would be a folder on this disk; a single letter is a drive.
_MISSING_SLASH = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):/(?!/)")


class RunStore:
    """A folder that all workers reach.

    It has no cell of a file and no secret of the address in its texts, and travels to workers as its address.

    Parameters
    ----------
    root : str
        A path, or an address such as ``s3://bucket/orders``.

    Raises
    ------
    ConfigurationError
        The address is malformed, of an unsupported kind, or not reachable.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = RunStore(folder)
    ...     store.put("leases/3.json", b"{}")
    ...     store.names("leases"), store.get("leases/3.json"), store.create("leases/3.json", b"")
    (['leases/3.json'], b'{}', False)
    """

    def __init__(self, root: str) -> None:
        malformed = _MISSING_SLASH.match(root)
        if malformed is not None:
            raise ConfigurationError(
                f"{parameter('output')} is not a valid address: a slash is missing after {malformed[1]}:/. Write "
                f"{malformed[1]}://bucket/folder."
            )
        # Some file systems look for the bucket at once.
        with translate_io_errors(root, _unusable_store, pa.ArrowException):
            system, path = open_file_system(root)
        self.is_local = isinstance(system, pafs.LocalFileSystem)
        # Workers have working directories of their own.
        self.root = str(Path(path).resolve()) if self.is_local else root
        self._system = system
        self._path = self.root if self.is_local else path.rstrip("/")
        # For texts.
        self.shown = without_secrets(self.root)

    def __reduce__(self) -> tuple[type[RunStore], tuple[str]]:
        return RunStore, (self.root,)

    def __repr__(self) -> str:
        return f"RunStore({self.shown!r})"

    def address(self, name: str) -> str:
        """Return where a file is, as a source of a load."""
        if self.is_local:
            return f"{self.root}/{name}"
        path, mark, settings = self.root.partition("?")
        return f"{path.rstrip('/')}/{name}{mark}{settings}"

    def _at(self, name: str) -> str:
        return f"{self._path}/{name}"

    def put(self, name: str, content: bytes) -> None:
        """Write a whole file, in place of one of this name."""
        with self._translate_errors(), self._writing(name) as path, self._system.open_output_stream(path) as stream:
            stream.write(content)

    def put_table(
        self,
        name: str,
        table: pa.Table,
        *,
        row_group_rows: int | None = None,
        only_if: Callable[[], bool] = lambda: True,
    ) -> None:
        """Write a table as a Parquet file, if ``only_if`` still holds when the file is complete.

        At an address, where a complete file is there at once, it is asked before the file is written.
        """
        if not self.is_local and not only_if():
            return
        with self._translate_errors(), self._writing(name, only_if) as path:
            pq.write_table(table, path, filesystem=self._system, row_group_size=row_group_rows)

    def put_batches(self, name: str, tables: Iterator[pa.Table], schema: pa.Schema) -> None:
        """Write tables as the batches of one Arrow file, each of which can be read alone."""
        options = ipc.IpcWriteOptions(compression="lz4")
        with (
            self._translate_errors(),
            self._writing(name) as path,
            self._system.open_output_stream(path) as stream,
            ipc.new_file(stream, schema, options=options) as writer,
        ):
            for table in tables:
                whole = table.combine_chunks().to_batches()
                writer.write_batch(whole[0] if whole else pa.RecordBatch.from_pylist([], schema=schema))

    @contextmanager
    def _writing(self, name: str, only_if: Callable[[], bool] = lambda: True) -> Iterator[str]:
        """Yield a path to write to; on a disk another one, which is renamed once the file is complete."""
        path = self._at(name)
        if not self.is_local:
            # What is written to an address appears there when it is complete.
            yield path
            return
        target = Path(path)
        mode = self._make_folder(target.parent)
        temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
        try:
            _create_file(temporary, mode)
            yield str(temporary)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            if only_if():
                temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def _make_folder(self, folder: Path) -> int:
        """Make a folder on a disk, unless there is one; return the mode of what is made in it."""
        mode = _mode_in(Path(self.root))
        if not folder.is_dir():
            folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
            if mode != _PRIVATE_FOLDER:
                with suppress(OSError):
                    folder.chmod(mode)
        return mode

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless there is one of this name; return whether it was written.

        On a disk only one of several writers succeeds. Elsewhere two may: read it again before relying on it.
        """
        if not self.is_local:
            if self.exists(name):
                return False
            self.put(name, content)
            return True
        path = Path(self._at(name))
        with self._translate_errors():
            mode = self._make_folder(path.parent)
            try:
                _create_file(path, mode, content)
            except FileExistsError:
                return False
        return True

    def lock(self, name: str, message: str) -> AbstractContextManager[object]:
        """Lock a file of a folder on a disk until the context ends, or raise with this message."""
        self.create(name, b"")
        with translate_io_errors(self.root, _unusable_store, LockError):
            return closing(exclusive_lock(Path(self._at(name)), message))

    def get(self, name: str) -> bytes | None:
        """Return the content of a file; None if there is none."""
        with self._translate_errors():
            try:
                with self._system.open_input_stream(self._at(name)) as stream:
                    return bytes(stream.read())
            except FileNotFoundError:
                return None

    def read_table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """Return a Parquet file as a table, with all its columns by default."""
        with self._translate_errors():
            return pq.read_table(self._at(name), columns=columns, filesystem=self._system, partitioning=None)

    def read_footer(self, name: str) -> pq.FileMetaData:
        """Return what the end of a Parquet file says of it."""
        with self._translate_errors():
            return pq.read_metadata(self._at(name), filesystem=self._system)

    def read_batch(self, name: str, number: int) -> pa.RecordBatch:
        """Return one batch of an Arrow file."""
        with self._translate_errors(), self._system.open_input_file(self._at(name)) as file:
            return ipc.open_file(file).get_batch(number)

    def exists(self, name: str) -> bool:
        """Return whether there is a file of this name."""
        with self._translate_errors():
            return bool(self._system.get_file_info(self._at(name)).type == pafs.FileType.File)

    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder, in order; files that are being written are left out."""
        selector = pafs.FileSelector(self._at(folder), allow_not_found=True)
        with self._translate_errors():
            infos = self._system.get_file_info(selector)
        found = [info.base_name for info in infos if info.type == pafs.FileType.File]
        return [f"{folder}/{name}" for name in sorted(found) if not name.startswith(".")]

    def delete(self, name: str) -> None:
        """Remove a file, if it exists."""
        with self._translate_errors():
            try:
                self._system.delete_file(self._at(name))
            except FileNotFoundError:
                return

    def delete_folder(self, name: str) -> None:
        """Remove a folder of ours with all files in it, if it exists."""
        with self._translate_errors():
            self._system.delete_dir_contents(self._at(name), missing_dir_ok=True)
            if self._system.get_file_info(self._at(name)).type == pafs.FileType.Directory:
                self._system.delete_dir(self._at(name))

    def require_reachable(self, name: str) -> None:
        """Raise unless a file that the caller's process wrote is found from here."""
        if not self.exists(name):
            raise ConfigurationError(
                f"{parameter('output')} is not reachable by workers: {name} was written to {self.shown}, and is not "
                f"found there from worker host {socket.gethostname()}, which sent nothing. Name a folder that all "
                "machines share, such as s3://bucket/orders or a network disk."
            )

    def _translate_errors(self) -> AbstractContextManager[None]:
        return translate_io_errors(self.root, _unusable_store, pa.ArrowException)


def _mode_in(root: Path) -> int:
    """Return the mode of folders in a folder: private, or the folder's own where others may write there too."""
    try:
        found = root.stat().st_mode
    except OSError:
        return _PRIVATE_FOLDER
    # In a folder such as /tmp, everybody may write, and nobody may touch what others have written.
    if os.name != "posix" or found & stat.S_ISVTX:
        return _PRIVATE_FOLDER
    mode = _PRIVATE_FOLDER
    if found & stat.S_IWGRP:
        mode |= found & (stat.S_IRWXG | stat.S_ISGID)
    if found & stat.S_IWOTH:
        mode |= found & stat.S_IRWXO
    return mode


def _create_file(path: Path, folder_mode: int, content: bytes = b"") -> None:
    """Write a new file, which has the mode of its folder."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    if folder_mode != _PRIVATE_FOLDER:
        # Whatever the umask; some disks have no modes.
        with suppress(OSError):
            path.chmod(folder_mode & 0o666)


def _unusable_store(path: str | Path, error: Exception) -> ConfigurationError:
    message = mask_secrets(system_message(error), str(path))
    remedy = ""
    if isinstance(error, PermissionError):
        remedy = (
            " If workers run as other users, make a folder that all of them may write before, for example with chmod "
            "g+ws: files are private to one user elsewhere."
        )
    return ConfigurationError(
        f"Cannot use the folder {without_secrets(str(path))} of {parameter('output')}: {message}. Check its name, "
        f"free space, permissions or credentials.{remedy} What was finished there is kept."
    )
