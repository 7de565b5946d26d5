"""Completions of the magics' lines, through IPython's own completer."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from dvc_magic.project import connection_of
from tests.support.digest import changes, project_digest
from tests.support.processes import host_of, workers_of

pytestmark = pytest.mark.integration

FILES = {
    "dvc.yaml": """
stages:
  prepare:
    cmd: echo > data.txt
    deps: [raw file.csv]
    params: [prepare.n, seed]
    outs: [data.txt: {cache: false}]
  train:
    desc: Fit it.
    cmd: echo '{"loss":1}' > m.json
    deps: [data.txt]
    params: [train.lr, train.shuffle, model.depth, tree.depth, train.label, conf.json: [size]]
    metrics: [m.json: {cache: false}]
  score:
    foreach: [us, "de "]
    do:
      cmd: echo ${item}
      deps: [m.json]
""",
    "params.yaml": """
prepare: {n: 2}
seed: 1
train: {lr: 0.5, shuffle: true, label: a b}
model: {depth: 3}
tree: {depth: 4}
""",
    "conf.json": '{"size": 3}',
    "raw file.csv": "1\n",
    "prepare.sh": "",
    "folder/inner.txt": "",
}

VALUES = {
    "%dvc_run train --upstream ": ["auto", "latest", "project", "never"],
    "%dvc_run train --reu": ["--reuse"],
    "%dvc_run train --no-r": ["--no-reuse", "--no-raise"],
    "%dvc_run train --upstream=la": ["--upstream=latest"],
    "%dvc_run train --shuffle ": ["true", "false"],
    "%dvc_run train --lr ": ["0.5"],
    "%dvc_run train --lr=": ["--lr=0.5"],
    "%dvc_run train --lr 0.1 conf": ["conf.json:size="],
    "%dvc_run train -S tree": ["tree.depth="],
    "%dvc_run train --use ": ["prepare="],
    "%dvc_run train -C fo": ["folder/"],
    "%dvc_run train -C folder/": ["folder/inner.txt"],
    "%dvc_run train --no-s": ["--no-shuffle"],
    "%dvc_run train \\\n  --tr": ["--train.lr", "--train.shuffle"],
    "%dvc_project fo": ["folder/"],
    "%dvc_runs --status fa": ["failed"],
    "%dvc_runs status == 'fa": ["'failed'"],
    "%dvc_runs number > 1 and stage = tr": ["'train'"],
    "%dvc_runs number > 1 and st": ["stage", "status", "started"],
    "%dvc_runs tr": ["train"],
    "%dvc_example ir": ["iris"],
}

NOTHING = [
    "%dvc_run train # --l",
    "x = 5 % dvc_run tr",
    "dvc_run = tr",
    "'%dvc_run tr",
    "%dvc_nothing tr",
    "%%dvc_run tr",
    "%dvc_run train --timeout ",
    "%dvc_show 'a",
    "%dvc_runs loss < 'x",
]

Complete = Callable[..., list[str]]


@pytest.fixture
def shell(shell: InteractiveShell) -> InteractiveShell:
    """The shell, with its worker ready."""
    shell.run_line_magic("dvc_stages", "")
    return shell


def _offered(shell: InteractiveShell, text: str) -> dict[str, str]:
    """What the completer offers at the end of `text`, as the whole cell would then read, with its type."""
    with provisionalcompleter():
        found = list(shell.Completer.completions(text, len(text)))
    return {text[: one.start] + one.text: one.type.replace("\N{NO-BREAK SPACE}", " ") for one in found}


@pytest.fixture(params=[True, False], ids=["with jedi", "without jedi"])
def complete(shell: InteractiveShell, request: pytest.FixtureRequest) -> Complete:
    """What is offered instead of the last word, with and without Jedi."""
    shell.Completer.use_jedi = request.param

    def offered(text: str) -> list[str]:
        start = max(text.rfind(mark) for mark in " \n") + 1
        return [whole[start:] for whole in _offered(shell, text)]

    return offered


def test_stages_are_offered_wherever_a_magic_may_stand(complete: Complete) -> None:
    places = ("", "r = ", "a, b = ", "import os\nfor i in x:\n    r = ", "%%time\n")

    assert {place: complete(f"{place}%dvc_run tr") for place in places} == {place: ["train"] for place in places}
    assert complete("dvc_run tr") == ["train"]
    assert complete("%dvc_run ")[:2] == ["prepare", "train"]


def test_an_item_of_a_group_is_offered_and_quoted_where_it_has_to_be(shell: InteractiveShell) -> None:
    assert list(_offered(shell, "%dvc_stages score@")) == ["%dvc_stages score@us", "%dvc_stages 'score@de '"]
    assert list(_offered(shell, '%dvc_run "score@d')) == ['%dvc_run "score@de "']


def test_groups_are_offered_where_they_can_be_named_and_further_stages_behind_the_first(complete: Complete) -> None:
    assert complete("%dvc_run sc")[:2] == ["score", "score@us"]
    assert complete("%dvc_run train sc")[:2] == ["score", "score@us"]
    assert complete("%dvc_run score --reuse score@")[0] == "score@us"
    assert complete("%dvc_runs --stage sc")[0] == "score"
    assert not {"train", "score"} & {*complete("%dvc_run train score "), *complete("%dvc_ui sc")}
    assert {"--lr", "--prepare.n"} <= set(complete("%dvc_run score train --"))
    assert "--lr" in complete("%dvc_run score@u* --")


def test_flags_of_the_stage_come_before_those_upstream_and_the_options(complete: Complete) -> None:
    offered = complete("%dvc_run train --")

    assert offered[:3] == ["--lr", "--train.lr", "--shuffle"]
    assert offered.index("--tree.depth") < offered.index("--prepare.n") < offered.index("--upstream")
    assert "--depth" not in offered
    assert {"--train.label", "--option:label"} <= set(offered)
    assert "--label" not in offered


def test_a_flag_tells_its_type_and_value(shell: InteractiveShell) -> None:
    assert _offered(shell, "%dvc_run train --l")["%dvc_run train --lr"] == "float = 0.5"


def test_what_was_given_is_not_offered_again(complete: Complete) -> None:
    offered = complete("%dvc_run train --lr 0.1 --jobs 2 --tag a --")

    assert not {"--lr", "--train.lr", "--jobs"} & set(offered)
    assert {"--tag", "--use", "--seed"} <= set(offered)


def test_values_of_each_kind_are_offered(complete: Complete) -> None:
    offered = {line: complete(line)[: len(expected)] for line, expected in VALUES.items()}

    assert offered == VALUES


def test_a_path_with_blanks_is_quoted(shell: InteractiveShell) -> None:
    assert list(_offered(shell, "%dvc_run train -C ra")) == ["%dvc_run train -C 'raw file.csv'"]


def test_variables_are_offered_within_braces(shell: InteractiveShell) -> None:
    shell.user_ns["learning_rate"] = 0.1

    assert _offered(shell, "%dvc_run train --lr {lear") == {"%dvc_run train --lr {learning_rate": "float"}


def test_runs_are_offered_with_their_labels_and_what_queries_can_name(shell: InteractiveShell) -> None:
    shell.run_line_magic("dvc_run", "train --lr 0.25 --option:label base --tag good")

    assert _offered(shell, "%dvc_show ") == {
        "%dvc_show last": "the newest run",
        "%dvc_show 2": "train completed base good",
        "%dvc_show 1": "prepare completed",
        "%dvc_show base": "train 2 completed",
    }
    assert list(_offered(shell, "%dvc_run --from ")) == list(
        map("%dvc_run --from {}".format, ["last", "2", "1", "base"])
    )
    assert "%dvc_run --from 1 --prepare.n" in _offered(shell, "%dvc_run --from 1 --")
    assert "%dvc_run --from 1 --train.lr" not in _offered(shell, "%dvc_run --from 1 --")
    assert list(_offered(shell, "%dvc_run train --use prepare=")) == ["%dvc_run train --use prepare=1"]
    assert list(_offered(shell, "%dvc_run train --lr ")) == ["%dvc_run train --lr 0.5", "%dvc_run train --lr 0.25"]
    assert list(_offered(shell, "%dvc_runs metrics.")) == ["%dvc_runs metrics.loss"]
    assert "%dvc_runs --sort -params.train.lr" in _offered(shell, "%dvc_runs --sort -params.t")
    assert list(_offered(shell, "%dvc_runs --tag ")) == ["%dvc_runs --tag good"]


def test_each_of_several_runs_is_completed_and_the_trash_too(shell: InteractiveShell) -> None:
    shell.run_line_magic("dvc_run", "train")

    assert "%dvc_diff 2 1" in _offered(shell, "%dvc_diff 2 ")
    assert "%dvc_diff 2 2" not in _offered(shell, "%dvc_diff 2 ")
    assert list(_offered(shell, "%dvc_compare 2 --")) == ["%dvc_compare 2 --help"]
    shell.run_line_magic("dvc_rm", "2")
    assert list(_offered(shell, "%dvc_restore ")) == ["%dvc_restore 2"]


def test_keys_of_a_runs_values_are_completed(shell: InteractiveShell) -> None:
    shell.user_ns["run"] = run = shell.run_line_magic("dvc_run", "train")

    assert list(_offered(shell, 'run.metrics["')) == ['run.metrics["loss']
    assert 'x = run.params["train.lr' in _offered(shell, 'x = run.params["tr')
    assert 'print(run.deps["data.txt' in _offered(shell, 'print(run.deps["')
    assert 'run.outs["m.json' in _offered(shell, 'run.outs["')
    with pytest.raises(AttributeError, match="'metrics' of a Run cannot be set"):
        run.metrics = {}


def test_nothing_is_offered_where_nothing_fits_and_nothing_is_printed(
    shell: InteractiveShell, capfd: pytest.CaptureFixture[str]
) -> None:
    found: dict[str, Any] = {}
    shell.Completer.custom_matchers[0] = _watched(shell.Completer.custom_matchers[0], found)

    for text in NOTHING:
        _offered(shell, text)

    assert {text: found[text] for text in NOTHING} == {text: [] for text in NOTHING}
    assert capfd.readouterr() == ("", "")


def _watched(matcher: Any, found: dict[str, Any]) -> Any:
    def watching(context: Any) -> Any:
        result = matcher(context)
        found[context.full_text] = [one.text for one in result["completions"]]
        return result

    watching.matcher_api_version = 2  # type: ignore[attr-defined]
    return watching


def test_a_broken_pipeline_leaves_what_was_known(shell: InteractiveShell) -> None:
    assert list(_offered(shell, "%dvc_run tr")) == ["%dvc_run train"]

    Path("dvc.yaml").write_text("stages: [")

    assert list(_offered(shell, "%dvc_run tr")) == ["%dvc_run train"]


def test_an_edit_of_the_pipeline_is_seen_at_once(shell: InteractiveShell) -> None:
    Path("dvc.yaml").write_text("stages:\n  trim:\n    cmd: echo\n")

    assert list(_offered(shell, "%dvc_run tr")) == ["%dvc_run trim"]


def test_completing_writes_nothing_into_the_project(shell: InteractiveShell) -> None:
    before = project_digest(Path.cwd())

    _offered(shell, "%dvc_run train --")
    _offered(shell, "%dvc_runs ")

    assert changes(before, project_digest(Path.cwd())) == []


def test_a_worker_that_does_not_answer_is_not_waited_for_and_is_heard_later(shell: InteractiveShell) -> None:
    project = shell.run_line_magic("dvc_project", "")
    assert connection_of(project).glance(patience=60) is not None
    workers = workers_of(psutil.Process(), project.root)
    Path("dvc.yaml").write_text("stages:\n  trim:\n    cmd: echo\n")
    for worker in workers:
        worker.suspend()
    try:
        assert list(_offered(shell, "%dvc_run tr")) == ["%dvc_run train"]
    finally:
        for worker in workers:
            worker.resume()

    assert list(project.stages) == ["trim"]
    assert workers_of(psutil.Process(), project.root) == workers
    assert list(_offered(shell, "%dvc_run tr")) == ["%dvc_run trim"]


def test_stages_that_were_never_seen_are_waited_for_a_second_at_most(shell: InteractiveShell) -> None:
    shell.extension_manager.unload_extension("dvc_magic")
    shell.extension_manager.load_extension("dvc_magic")
    project = shell.run_line_magic("dvc_project", "")
    host = host_of(psutil.Process(), project.root)
    host.suspend()
    try:
        assert connection_of(project).glance(patience=0.05) is None
        began = time.monotonic()
        assert connection_of(project).glance() is None
        assert 0.9 < time.monotonic() - began < 1.5
        assert _offered(shell, "%dvc_run tr") == {}
    finally:
        host.resume()

    assert [stage.address for stage in connection_of(project).glance(patience=60).stages][:2] == ["prepare", "train"]


def test_examples_are_offered_outside_of_a_project(shell: InteractiveShell, tmp_path: Path) -> None:
    shell.extension_manager.unload_extension("dvc_magic")
    os.chdir(tmp_path)
    shell.extension_manager.load_extension("dvc_magic")

    assert sorted(_offered(shell, "%dvc_example ")) == ["%dvc_example guild", "%dvc_example iris"]
    assert "--help" in next(iter(_offered(shell, "%dvc_run --he")))


def test_unloading_takes_the_matcher_out_and_leaves_others(shell: InteractiveShell) -> None:
    def other(_: str) -> list[str]:
        return []

    shell.Completer.custom_matchers.append(other)
    shell.extension_manager.unload_extension("dvc_magic")

    assert shell.Completer.custom_matchers == [other]
