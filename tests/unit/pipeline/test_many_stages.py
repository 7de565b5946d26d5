"""Projects of thousands of stages: twice the stages are twice the work."""

from __future__ import annotations

from tests.support.effort import calls, grows_linearly

_LIST = "stages:\n  s:\n    foreach: [{names}]\n    do:\n      cmd: x\n      outs: ['${{item}}']\n"
_MAP = """
stages:
  s:
    foreach: ${models}
    do:
      cmd: x ${item.lr}
      params: ['models.${key}.lr', 'models.${key}.not_there']
"""


def test_a_group_over_a_map_of_params_is_read_in_linear_time(make_reader):
    def effort(count: int) -> int:
        models = "models:\n" + "".join(f"  m{item}: {{lr: {item}}}\n" for item in range(count))
        return calls(make_reader({"dvc.yaml": _MAP, "params.yaml": models}).describe)

    assert grows_linearly(effort)


def test_a_group_over_a_list_is_read_in_linear_time(make_reader):
    def effort(count: int) -> int:
        names = ", ".join(f"n{item}" for item in range(count))
        return calls(make_reader({"dvc.yaml": _LIST.format(names=names)}).describe)

    assert grows_linearly(effort)


def test_a_folder_of_many_folders_is_listed_in_linear_time(make_reader):
    def effort(count: int) -> int:
        return calls(make_reader({f"folders/d{item}/x": "" for item in range(count)}).describe)

    assert grows_linearly(effort)
