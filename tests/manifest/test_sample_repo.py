from pathlib import Path

from manifest.compile_world import keys, tree_of

from gitops_orch.manifest.compile import compile_tree

SAMPLE = Path(__file__).parents[2] / "sample-repo"


def sample_tree():
    return tree_of(
        {str(path.relative_to(SAMPLE)): path.read_bytes() for path in SAMPLE.rglob("*") if path.is_file()}
    )


def test_the_sample_repository_has_no_mistake_and_no_warning():
    desired = compile_tree(sample_tree(), environment=None, strict=True)
    assert desired.problems == ()
    assert desired.complete
    assert keys(desired) == ["default/shop", "default/web", "tools/board"]
    assert [host.url for host in desired.hosts] == ["unix:///var/run/docker.sock", "sim://sim-1"]


def test_the_sample_uses_only_images_that_the_demo_can_make():
    desired = compile_tree(sample_tree(), environment=None)
    images = {service.image for app in desired.apps for service in app.services}
    assert images <= {"demo/web:1", "demo/web:2", "demo/worker:1"}
