"""C23: a host leaves Git while containers are on it; nothing is concluded from that but what a person says."""

from faults.fleet_story import FleetStory, app, host

from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.status import Sync


def database(policy: str = "") -> dict[str, str]:
    return {
        "db/compose.yaml": 'services: {db: {image: "good:1", volumes: ["data:/data"]}}\n'
        f"volumes: {{data: {{}}}}\nx-gitops: {{{policy}}}\n"
    }


def story_on_two(*files):
    """Everything is placed on h1, and h2 stands by."""
    story = FleetStory({"good:1": ImageBehaviour()})
    story.push(host("h1"), *files)
    assert story.sync().exit_code == 0
    story.push(host("h1"), host("h2"), *files)
    assert story.sync().exit_code == 0
    return story


def test_c23_what_was_on_it_is_held_and_both_ways_out_are_told():
    story = story_on_two(app("web"))
    story.push(host("h2"), app("web"))
    report = story.sync()
    assert (report.exit_code, report.results) == (1, ())
    assert "host h1: left Git while 1 containers (default/web) were on it" in story.holds(report)
    assert "availability: drain" in story.holds(report)
    assert "`Let-Go: h1`" in story.holds(report)
    assert story.app(report, "web").sync is Sync.HELD
    assert story.running("h2") == []


def test_c23_a_host_whose_only_app_left_with_it_is_missed_too():
    story = story_on_two(app("web"))
    story.push(host("h2"), app("other"))
    report = story.sync()
    assert "host h1: left Git while 1 containers (default/web)" in story.holds(report)
    assert story.running("h2") == ["other"]


def test_c23_the_first_way_out_drains_it_start_first_and_then_it_may_go():
    story = story_on_two(app("web"), database())
    story.push(host("h1", availability="drain"), host("h2"), app("web"), database())
    report = story.sync()
    order = [(r.action.kind.value, r.action.host) for r in report.results if r.action.app.name == "web"]
    assert order.index(("wait_healthy", "h2")) < order.index(("stop", "h1"))
    assert (story.running("h1"), story.running("h2")) == (["db"], ["web"])
    assert "db would leave h1 without its data" in story.app(report, "db").reason

    moved = database("move: without-data")
    story.push(host("h1", availability="drain"), host("h2"), app("web"), moved)
    assert story.sync().exit_code == 0
    story.push(host("h2"), app("web"), moved)
    assert story.sync().exit_code == 0
    assert story.running("h2") == ["db", "web"]


def test_c23_the_second_lets_it_go_with_all_that_runs_there():
    story = story_on_two(app("web"), database())
    story.push(host("h2"), app("web"), database(), trailers=[("Let-Go", "h1")])
    report = story.sync()
    assert story.running("h1") == ["db", "web"]
    assert story.running("h2") == ["web"]
    assert "db would leave h1 without its data" in story.app(report, "db").reason
    assert "host h1" not in story.holds(report)


def test_c23_that_is_remembered_over_later_commits_and_a_new_controller():
    story = story_on_two(app("web"), database())
    story.push(host("h2"), app("web"), database(), trailers=[("Let-Go", "h1")])
    story.sync()
    story.push(host("h2"), app("web", image="good:2"), database())
    story.reconciler = story._reconciler()
    assert "host h1" not in story.holds(story.sync())
    story.push(host("h2"), app("web", image="good:2"), database("move: without-data"))
    assert story.sync().exit_code == 0
    assert story.running("h2") == ["db", "web"]


def test_c23_an_operator_may_let_it_go_as_well():
    story = story_on_two(app("web"))
    commit = story.push(host("h2"), app("web"))
    assert story.sync().exit_code == 1
    story.history.accept(commit)
    assert story.sync().exit_code == 0
    assert (story.running("h1"), story.running("h2")) == (["web"], ["web"])


def test_c23_a_host_that_was_only_renamed_is_not_missed():
    story = story_on_two(app("web"))
    before = [each.id for each in story.on("h1")]
    story.push(host("edge", at="h1"), host("h2"), app("web"))
    report = story.sync()
    assert (report.exit_code, report.results) == (0, ())
    assert [each.id for each in story.on("h1")] == before


def test_c23_a_host_that_comes_back_is_known_again():
    story = story_on_two(app("web"))
    story.push(host("h2"), app("web"), trailers=[("Let-Go", "h1")])
    assert story.sync().exit_code == 0
    story.push(host("h1"), host("h2"), app("web"))
    assert story.sync().exit_code == 0
    assert sorted(story.running("h1") + story.running("h2")) == ["web"]
    story.push(host("h1" if story.running("h2") else "h2"), app("web"))
    assert story.sync().exit_code == 1
