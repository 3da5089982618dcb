"""The models of a hive: looks them up in the catalog, downloads them, and checks that they fit (contract 5.5, 9, 10.2)."""

from __future__ import annotations

import os
import resource
import shutil

from ...protocol.error_codes import RbeeError
from ...protocol.model.model_reference import NO_MODEL, check_model_reference
from ...protocol.program_options import HiveOptions
from ...protocol.schema.messages import SpawnRequest
from ...protocol.units import MEBIBYTE
from ...run.platform import expand_home
from ..runtime.http_app import Reply, Request
from ..runtime.service import Service
from .catalog import Catalog, CatalogRow
from .downloads import Download, Downloader, Downloads, disk_details
from .hubs import HubModel, Hubs

CACHED = "cached"


class Models:
    """Provides the models of a hive. With provisioning off any reference is accepted, with provisioning on every model is a file.

    Args:
        hive: the hive.
        options: of the hive.

    Raises:
        OSError: the folder of the models cannot be created.
        sqlite3.Error: the catalog cannot be used.
    """

    def __init__(self, hive: Service, options: HiveOptions):
        self._hive = hive
        self._options = options
        self._downloads = Downloads(hive.clock, options.progress_keep)
        self._hubs = Hubs(hive.client, options)
        self._downloader = Downloader(hive.client, hive.clock, hive.journal, options, self._hubs)
        self._folder = expand_home(options.models_dir)
        self._catalog: Catalog | None = None
        if options.file_size_limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (options.file_size_limit, resource.RLIM_INFINITY))
        if options.provision == "on":
            self._catalog = Catalog(options.models_db, self._recovered)
            os.makedirs(self._folder, mode=0o700, exist_ok=True)

    def _recovered(self, backup: str) -> None:
        self._hive.journal.record("catalog_recovered", path=backup)
        self._hive.log(f"the model catalog was corrupt and is set aside as {backup}; a fresh one is in use")

    # --- downloads (5.2, 9.3) ---

    def download(self, model_ref: str) -> tuple[str, str | None]:
        """Begins to download a model; returns the id of the download and None, or `cached` and the path of a model that is here."""
        check_model_reference(model_ref)
        if self._catalog is None or model_ref == NO_MODEL:
            return CACHED, None
        row = self._known(model_ref)
        if row is not None:
            return CACHED, row.local_path
        download = self._begin(model_ref)
        return (CACHED, self._path_of(model_ref)) if download is None else (download.id, None)

    def progress(self, request: Request) -> Reply:
        """GET /v1/models/download/progress: the events of a download."""
        download = self._downloads.find(request.query.get("id"))
        if download is None:
            raise RbeeError("DOWNLOAD_NOT_FOUND", f"there is no download {request.query.get('id', '')[:80]}".rstrip())
        return Reply(200, request.stream.carries(download.progress.read(request.stream)))

    def cancel(self, request: Request) -> Reply:
        """DELETE /v1/models/download: ends a download; what it has got so far is kept, and the next one goes on from there."""
        download = self._downloads.find(request.query.get("id"))
        if download is None:
            raise RbeeError("DOWNLOAD_NOT_FOUND", f"there is no download {request.query.get('id', '')[:80]}".rstrip())
        download.cancelled.set()
        return Reply(204)

    def _known(self, model_ref: str) -> CatalogRow | None:
        """The row of a model whose file is here."""
        row = self._catalogued(model_ref)
        return row if row is not None and os.path.isfile(row.local_path) else None

    def _catalogued(self, model_ref: str) -> CatalogRow | None:
        """The row of a model, marked if its file has vanished."""
        assert self._catalog is not None
        row = self._catalog.find(model_ref)
        if row is not None and row.size_bytes and not os.path.isfile(row.local_path):
            self._catalog.mark_gone(row)
            self._hive.log(f"the file {row.local_path} of model {model_ref} is gone: its row in the catalog is marked (size 0)")
        if row is None and model_ref.startswith("file:"):
            row = self._take_file(model_ref)
        return row

    def _take_file(self, model_ref: str) -> CatalogRow:
        path = model_ref.removeprefix("file://")
        if not os.path.isfile(path):
            raise RbeeError("MODEL_NOT_FOUND", f"model file {path} is not there")
        return self._add(model_ref, path)

    def _add(self, model_ref: str, path: str) -> CatalogRow:
        assert self._catalog is not None
        provider, _, reference = model_ref.partition(":")
        name = os.path.basename(path).removesuffix(".gguf")
        row = CatalogRow(name, provider, reference, path, os.stat(path).st_size, int(self._hive.clock.wall()))
        self._catalog.add(row)
        return row

    def _path_of(self, model_ref: str) -> str:
        row = self._known(model_ref)
        if row is None:
            raise RbeeError("MODEL_NOT_FOUND", f"model {model_ref} is not in the catalog")
        return row.local_path

    def _begin(self, model_ref: str) -> Download | None:
        model = self._hubs.look_up(model_ref)
        free = self._options.disk if self._options.disk is not None else shutil.disk_usage(self._folder).free

        def begin(taken: set[str]) -> Download | None:
            if self._known(model_ref) is not None:
                return None
            if free < model.size:
                details = disk_details(model.size, free)
                raise RbeeError("INSUFFICIENT_DISK", f"model {model_ref} needs {details['required']} MB, {details['available']} MB are free", details)
            return Download(model_ref, model, self._local_path(model_ref, model, taken))

        download, is_new = self._downloads.join(model_ref, begin)
        if download is not None and is_new:
            self._hive.log(f"download of {model_ref} begins: {model.size} bytes from {model.url}")
            self._hive.spawn(self._run, download, name="download")
        return download

    def _local_path(self, model_ref: str, model: HubModel, taken: set[str]) -> str:
        assert self._catalog is not None
        path = os.path.join(self._folder, model.name)
        if path in taken or self._catalog.has_path(path):  # another repository has a file of this name
            path = os.path.join(self._folder, f"{model_ref.partition(':')[2].replace('/', '--')}--{model.name}")
        return path

    def _run(self, download: Download) -> None:
        try:
            self._downloader.run(download)
            if download.error is None:
                self._add(download.model_ref, download.path)
        except Exception as error:  # requests that wait for the end of the download must not wait for ever
            download.error = RbeeError("INTERNAL", f"the download of {download.model_ref} ended by an error of the hive: {error}")
            raise
        finally:
            failure = download.error
            if failure is None:
                self._hive.log(f"download of {download.model_ref} is complete: {download.path}")
                download.progress.publish({"stage": "complete", "local_path": download.path})
            else:
                self._hive.log(f"download of {download.model_ref} failed: {failure.code}: {failure.message}")
                details = {"details": failure.details} if failure.details else {}
                download.progress.publish({"stage": "error", "code": failure.code, "message": failure.message, **details})
            download.progress.end()
            self._downloads.end(download)

    # --- spawn (5.5, steps 1 to 5) ---

    def provide(self, spawn_request: SpawnRequest) -> str | None:
        """Path of the model file for a worker, downloaded if necessary and checked to fit; None for no file."""
        reference = spawn_request.model_ref
        if reference is not None:
            check_model_reference(reference)
        path = None
        if self._catalog is not None and reference not in (None, NO_MODEL):
            assert reference is not None
            path, size = self._file_for(spawn_request, reference)
            self._check_fits("ram", size, self._free_ram())
        self._check_backend(spawn_request.backend)
        if path is not None and spawn_request.backend != "cpu" and self._options.vram is not None:
            self._check_fits("vram", size, self._options.vram)
        return path

    def _file_for(self, spawn_request: SpawnRequest, reference: str) -> tuple[str, int]:
        if spawn_request.model_path:
            if not os.path.isfile(spawn_request.model_path):
                raise RbeeError("MODEL_NOT_FOUND", f"model file {spawn_request.model_path[:200]} is not there")
            return spawn_request.model_path, os.stat(spawn_request.model_path).st_size
        row = self._catalogued(reference)
        if row is not None and not os.path.isfile(row.local_path):
            raise RbeeError("MODEL_NOT_FOUND", f"model file {row.local_path} is not there")
        if row is None:
            download = self._begin(reference)
            if download is not None:
                self._hive.clock.wait(download.ended, None)
                if download.error is not None:
                    raise download.error
            row = self._known(reference)
        if row is None:
            raise RbeeError("MODEL_NOT_FOUND", f"model {reference} is not in the catalog")
        return row.local_path, row.size_bytes

    def _check_backend(self, backend: str) -> None:
        backends = self._options.backends.split(",")
        if backend not in backends:
            raise RbeeError("BACKEND_UNAVAILABLE", f"backend {backend} is not available here, available: {', '.join(backends)}")

    def _free_ram(self) -> int:
        if self._options.ram is not None:
            return self._options.ram
        import psutil

        return int(psutil.virtual_memory().available)

    def _check_fits(self, resource_name: str, size: int, free: int) -> None:
        required, available = -(-size * 12 // (10 * MEBIBYTE)), free // MEBIBYTE
        if required > available:
            raise RbeeError(
                "VRAM_EXHAUSTED",
                f"the model needs {required} MB of {resource_name.upper()}, {available} MB are free",
                {"required": required, "available": available, "resource": resource_name},
            )
