"""A folder that all workers reach, on a disk or at an address: whole files go in, come out, and are listed."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

from cio_frames.errors import ConfigurationError, parameter
from cio_frames.loading.file_systems import open_file_system
from cio_frames.loading.io_errors import system_message, translate_io_errors


class RunStore:
    """A folder that all workers reach.

    It has no cell of a file in its texts, and travels to workers as its address.

    Parameters
    ----------
    root : str
        A path, or an address such as ``s3://bucket/orders``.

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
        system, path = open_file_system(root)
        self.is_local = isinstance(system, pafs.LocalFileSystem)
        # Workers have working directories of their own.
        self.root = str(Path(path).resolve()) if self.is_local else root
        self._system = system
        self._path = self.root if self.is_local else path.rstrip("/")

    def __reduce__(self) -> tuple[type[RunStore], tuple[str]]:
        return RunStore, (self.root,)

    def __repr__(self) -> str:
        return f"Store({self.root!r})"

    def address(self, name: str) -> str:
        """Return where a file is, as a source of a load."""
        return f"{self.root.rstrip('/')}/{name}"

    def _at(self, name: str) -> str:
        return f"{self._path}/{name}"

    def put(self, name: str, content: bytes) -> None:
        """Write a whole file, in place of one of this name."""
        with self._translate_errors(), self._writing(name) as path, self._system.open_output_stream(path) as stream:
            stream.write(content)

    def put_table(self, name: str, table: pa.Table, *, row_group_rows: int | None = None) -> None:
        """Write a table as a Parquet file."""
        with self._translate_errors(), self._writing(name) as path:
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
    def _writing(self, name: str) -> Iterator[str]:
        """Yield a path to write to; on a disk another one, which is renamed once the file is complete."""
        path = self._at(name)
        if not self.is_local:
            # What is written to an address appears there when it is complete.
            yield path
            return
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
        try:
            yield str(temporary)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

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
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with path.open("xb") as file:
                    file.write(content)
            except FileExistsError:
                return False
        return True

    def get(self, name: str) -> bytes | None:
        """Return the content of a file; None if there is none."""
        with self._translate_errors():
            try:
                with self._system.open_input_stream(self._at(name)) as stream:
                    return bytes(stream.read())
            except FileNotFoundError:
                return None

    def read_table(self, name: str) -> pa.Table:
        """Return a Parquet file as a table."""
        with self._translate_errors():
            return pq.read_table(self._at(name), filesystem=self._system, partitioning=None)

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
                f"{parameter('output')} is not reachable by workers: {name} was written to {self.root}, and is not "
                f"found there from worker host {socket.gethostname()}. Name a folder that all machines share, such as "
                "s3://bucket/orders or a network disk. Nothing was sent."
            )

    def _translate_errors(self) -> AbstractContextManager[None]:
        return translate_io_errors(self.root, _unusable_store, pa.ArrowException)


def _unusable_store(path: str | Path, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"Cannot use the folder {path} of {parameter('output')}: {system_message(error)}. Check its name, free space, "
        "permissions or credentials. What was finished there is kept."
    )
