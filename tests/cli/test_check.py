"""`validate` and `render`: files alone, with no Engine, no state and no network."""

import pytest
from command_line import HOST, app


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "config/shop").mkdir(parents=True)
    (tmp_path / "config/shop/compose.yaml").write_text(app())
    return tmp_path / "config"


def test_a_good_directory_is_valid_and_leaves_no_state_behind(call, directory, state_dir):
    answer = call("validate", str(directory))
    assert (answer.code, answer.out) == (0, "")
    assert not state_dir.exists()


def test_every_mistake_is_a_line_with_its_place(call, directory):
    (directory / "shop/compose.yaml").write_text("services:\n  api:\n    imgae: x\n    prots: []\n")
    (directory / "hosts").mkdir()
    (directory / "hosts/h.yaml").write_text(HOST.replace("url", "ulr"))
    answer = call("validate", str(directory))
    assert answer.code == 1
    assert "shop/compose.yaml:3:5: services.api.imgae: unknown key; did you mean image?\n" in answer.out
    assert "shop/compose.yaml:4:5: services.api.prots: unknown key; did you mean ports?\n" in answer.out
    assert "hosts/h.yaml:4:" in answer.out


def test_the_github_form_marks_lines_of_a_pull_request(call, directory, monkeypatch):
    monkeypatch.chdir(directory.parent)
    (directory / "shop/compose.yaml").write_text("services:\n  api:\n    imgae: x\n")
    lines = call("validate", "config", "-o", "github").out.splitlines()
    wanted = "services.api.imgae: unknown key; did you mean image?"
    assert f"::error file=config/shop/compose.yaml,line=3,col=5::{wanted}" in lines


def test_the_json_form_lists_every_problem(call, directory):
    (directory / "shop/compose.yaml").write_text("services:\n  api:\n    imgae: x\n")
    answer = call("-o", "json", "validate", str(directory))
    assert answer.json["valid"] is False
    (row,) = [row for row in answer.json["problems"] if "imgae" in row["message"]]
    assert (row["path"], row["line"], row["column"], row["severity"]) == ("shop/compose.yaml", 3, 5, "error")


def test_a_variable_that_is_not_set_warns_and_is_an_error_when_strict(call, directory):
    (directory / "shop/compose.yaml").write_text("services: {api: {image: x, user: '${TAG}'}}\n")
    assert call("validate", str(directory)).code == 0
    assert "TAG" in call("validate", str(directory)).out
    assert call("validate", "--strict", str(directory)).code == 1


def test_a_directory_that_is_not_there_is_an_error(call, tmp_path):
    answer = call("validate", str(tmp_path / "absent"))
    assert answer.code == 1
    assert "is not a directory" in answer.err


def test_render_prints_every_app_by_its_name(call, directory):
    answer = call("render", str(directory))
    assert answer.code == 0
    assert answer.json["apps"]["default/shop"]["services"]["api"]["image"] == "shop/api:1"


def test_a_committed_tree_is_checked_instead_of_the_files_beside_it(call, repository):
    (repository.path / "shop/compose.yaml").write_text("nonsense: {")
    assert call("validate", str(repository.path)).code == 1
    assert call("validate", "--repo", str(repository.path)).code == 0
    assert call("validate", str(repository.path), "--ref", "HEAD").code == 0


def test_a_ref_may_be_a_branch_or_a_commit(call, repository):
    good = repository.head()
    repository.git("checkout", "-q", "-b", "feature")
    repository.commit(shop__compose="services: {api: {imgae: x}}\n")
    url = str(repository.path)
    assert call("validate", "--repo", url, "--ref", "feature").code == 1
    assert call("validate", "--repo", url, "--ref", good[:10]).code == 0
    assert call("validate", "--repo", url, "--ref", "nowhere").code == 1


@pytest.mark.parametrize("ref", ["HEAD", "id", "short id"])
def test_the_commit_of_a_checkout_without_a_branch_is_checked(call, repository, tmp_path, ref):
    """CI checks out a commit alone, without its history; a work tree has a file for its `.git`."""
    repository.git("branch", "-m", "trunk")
    repository.git("worktree", "add", "-q", str(tmp_path / "tree"), "-b", "side")
    repository.git("clone", "-q", "--depth", "1", f"file://{repository.path}", str(tmp_path / "clone"))
    repository.git("-C", str(tmp_path / "clone"), "checkout", "-q", "--detach")
    named = {"HEAD": "HEAD", "id": repository.head(), "short id": repository.head()[:10]}[ref]
    for place in (repository.path, tmp_path / "tree", tmp_path / "clone"):
        (place / "shop/compose.yaml").write_text("nonsense: {")
        assert call("validate", str(place), "--ref", named).code == 0


def test_a_directory_and_a_repository_together_are_refused(call, repository):
    assert call("validate", str(repository.path), "--repo", str(repository.path)).code == 1


def test_the_environment_setting_chooses_the_overlay(call, directory, monkeypatch):
    (directory / "shop/compose.prod.yaml").write_text("services: {api: {image: 'shop/api:prod'}}\n")
    monkeypatch.setenv("GITOPS_ORCH_ENVIRONMENT", "prod")
    rendered = call("render", str(directory)).json
    assert rendered["apps"]["default/shop"]["services"]["api"]["image"] == "shop/api:prod"


def test_github_is_for_validate_alone(call, directory):
    assert call("render", str(directory), "-o", "github").code == 1


def test_validate_says_which_relative_bind_follows_git_and_which_is_data(call, tmp_path):
    app = tmp_path / "web"
    app.mkdir()
    volumes = "['./Caddyfile:/etc/Caddyfile', './site:/www:ro', './data:/data']"
    (app / "compose.yaml").write_text(f"services: {{web: {{image: 'web:1', volumes: {volumes}}}}}\n")
    (app / "Caddyfile").write_text("x")
    (app / "site").mkdir()
    (app / "site/index.html").write_text("x")
    answer = call("validate", str(tmp_path))
    said = " ".join(answer.err.split())
    assert "web: ./Caddyfile at /etc/Caddyfile follows Git; add `:ro` if nothing" in said
    assert "web: ./data at /data is a data directory" in said
    assert "./site" not in said
    assert answer.code == 0


def test_validate_notes_files_that_look_like_apps_and_is_well_with_them(call, directory):
    (directory / "stack.yml").write_text("services: {}\n")
    (directory / "shop/compose.override.yaml").write_text("services: {}\n")
    answer = call("validate", str(directory))
    assert answer.code == 0
    assert "stack.yml: note: is no app: " in answer.out
    assert "shop/compose.override.yaml: note: is not read" in answer.out
    assert "2 notes" in answer.err
