"""What a command imports: a library that its verb does not use costs time at each start."""

import json
import os
import subprocess
import sys

import pytest
from command_line import HOST, Repository, app

pytestmark = pytest.mark.waits
RUN = """
import json, sys
from pathlib import Path
from gitops_orch.cli.main import main
code = main(sys.argv[2:])
Path(sys.argv[1]).write_text(json.dumps([code, sorted(sys.modules)]))
"""
NEVER = {"apscheduler", "docker", "fastapi", "git", "jsonschema", "sqlalchemy", "starlette"}
# Rooms that a verb which only compiles files has no use for, and modules that a verb has none for which only looks.
BEYOND_FILES = {f"gitops_orch.{room}" for room in ("controller", "engine", "history", "planner")}
BEYOND_FILES |= {"gitops_orch.source.source", "gitops_orch.daemon.application"}
BEYOND_LOOKING = {"gitops_orch.controller.passes", "gitops_orch.controller.execute.executor"}
BEYOND_LOOKING |= {"gitops_orch.daemon.requests.operations", "gitops_orch.engine.docker"}
LIST_OF_VERBS = NEVER | {"asyncio", "pydantic", "rich", "structlog", "yaml", "gitops_orch.model"}


@pytest.fixture
def imported(tmp_path):
    """Run a command line in a process of its own; return its exit code, and which of some modules it imported."""

    def run(*arguments: str, of: set[str], **environ: str) -> tuple[int, set[str]]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("GITOPS_ORCH_")}
        report = tmp_path / "modules.json"
        subprocess.run(
            [sys.executable, "-c", RUN, str(report), *arguments],
            env=kept | {"GITOPS_ORCH_STATE__DIR": str(tmp_path / "state")} | environ,
            cwd=tmp_path,
            capture_output=True,
            timeout=120,
            check=True,
        )
        code, modules = json.loads(report.read_text())
        return code, of & set(modules)

    return run


@pytest.mark.parametrize("argument", ["--help", "--version", "-h"])
def test_the_list_of_verbs_and_the_version_import_no_library_of_a_verb(imported, argument):
    assert imported(argument, of=LIST_OF_VERBS) == (0, set())


@pytest.mark.parametrize("verb", ["plan", "rollback", "validate", "history"])
def test_the_help_of_a_verb_imports_none_of_the_libraries_that_the_verb_works_with(imported, verb):
    assert imported(verb, "--help", of=NEVER) == (0, set())


@pytest.mark.parametrize("form", ["text", "json", "github"])
def test_validating_a_directory_imports_no_library_that_its_files_do_not_need(imported, tmp_path, form):
    Repository(tmp_path / "fleet").commit("first", hosts__edge=HOST, shop__compose=app())
    unused = NEVER - {"git"} | BEYOND_FILES | {"pydantic", "structlog", "requests", "asyncio"}
    assert imported("validate", "fleet", "-o", form, of=unused) == (0, set())


def test_a_mistake_in_a_file_of_ours_is_explained_by_the_general_validator(imported, tmp_path):
    Repository(tmp_path / "other").commit(
        "first", hosts__edge=HOST.replace("spec: {", "spec: {nope: 1, "), shop__compose=app()
    )
    assert imported("validate", "other", of={"jsonschema"}) == (1, {"jsonschema"})


def test_the_status_of_hosts_without_docker_imports_no_client_of_docker_and_no_scheduler(imported, tmp_path):
    fleet = Repository(tmp_path / "fleet")
    fleet.commit("first", hosts__edge=HOST, shop__compose=app())
    unused = NEVER - {"git", "sqlalchemy"} | {
        "pathspec",
        "prometheus_client",
        "pydantic",
        "requests",
        "structlog",
        "urllib3",
    }
    for verb, of in (("sync", unused), ("status", unused | BEYOND_LOOKING)):
        assert imported(verb, "--repo", str(fleet.path), of=of) == (0, set())
