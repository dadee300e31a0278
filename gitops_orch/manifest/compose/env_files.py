"""Adds the content of variable files to services: `env_file` to the environment, `label_file` to labels."""

from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from gitops_orch.manifest.compose.sources import Sources
from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.repository.locations import repository_path


def add_service_files(
    services: Mapping[str, dict[str, Any]],
    files: Mapping[str, Mapping[str, Any]],
    variables: dict[str, str],
    reader: "FileReader",
) -> None:
    """Merge every service's variable files under its own values, in place; `files` is the model before printing."""
    for name, service in services.items():
        source = files[name]
        read: dict[str, str] = {}
        lookup = ChainMap(read, variables)  # no copy: thousands of services see all variables
        for index, entry in enumerate(source.get("env_file") or ()):
            read.update(reader.env_file(entry, ("services", name, "env_file", index), lookup))
        environment: dict[str, str | None] = {**read, **(service.get("environment") or {})}
        if environment:
            service["environment"] = environment
        labels: dict[str, str] = {}
        for index, path in enumerate(source.get("label_file") or ()):
            labels.update(reader.label_file(path, ("services", name, "label_file", index), labels))
        labels.update(service.get("labels") or {})
        if labels:
            service["labels"] = labels


RAW = "raw"


class FileReader:
    """Reads variable files that services name, and reports those that it cannot read."""

    def __init__(self, sources: Sources, root: str, report: Report) -> None:
        self._sources = sources
        self._root = root
        self._report = report

    def env_file(
        self, entry: Mapping[str, Any], path: tuple[str | int, ...], lookup: Mapping[str, str]
    ) -> dict[str, str]:
        """Return the variables of an `env_file` entry."""
        raw = entry.get("format") == RAW
        if entry.get("format") and not raw:
            message = f"the format {entry['format']} is not known; write raw, or remove it"
            self._report.error_at((*path, "format"), message)
            return {}
        return self._read(entry.get("path") or "", path, lookup, required=entry["required"], raw=raw)

    def label_file(self, file: str, path: tuple[str | int, ...], lookup: Mapping[str, str]) -> dict[str, str]:
        """Return the labels of a `label_file` entry."""
        return self._read(file, path, lookup, required=True)

    def _read(
        self,
        absolute: str,
        path: tuple[str | int, ...],
        lookup: Mapping[str, str],
        *,
        required: bool,
        raw: bool = False,
    ) -> dict[str, str]:
        file = repository_path(self._root, absolute)
        if file is None:
            self._report.error_at(
                path, f"{absolute} is outside of the repository; move it into the repository"
            )
            return {}
        if self._sources.exists(file):
            return self._sources.variables(file, lookup, raw=raw)
        if required:
            self._report.error_at(path, f"{file} {self._sources.why_missing(file)}")
        return {}
